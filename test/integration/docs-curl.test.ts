/**
 * Every curl line of README.md and docs/ is sent to a live cluster, top to bottom, and must answer what is printed
 * below it. Each document begins with an empty cluster of three nodes and four shards.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Cluster, startCluster } from '../../src/testing/testing.ts';
import {
  answerMatches,
  type CurlRequest,
  curlRequest,
  documentedRequests,
} from '../docs-curl/parse.ts';

const root = join(import.meta.dirname, '..', '..');
const documents = ['README.md', ...markdownBelow('docs')].filter(
  (path) => documentedRequests(readFileSync(join(root, path), 'utf8')).length > 0,
);

let cluster: Cluster;

beforeAll(async () => {
  cluster = await startCluster({ nodes: 3, shards: 4 });
});

afterAll(async () => {
  await cluster.close();
});

describe('the documents', () => {
  beforeEach(async () => {
    await cluster.reset();
    await cluster.waitFor('green');
  });

  // @req: house.readme, done.curl
  test.each(documents)('%s: every curl line answers as printed', async (path) => {
    for (const documented of documentedRequests(readFileSync(join(root, path), 'utf8'))) {
      const request = curlRequest(documented.command, cluster.url);
      const answer = await send(request);
      const isRight = answerMatches(documented.expected, answer);
      const shown = `${path}:${documented.line}\n$ ${documented.command}\n--- printed\n${documented.expected.join('\n')}\n--- answered\n${answer}`;
      expect(isRight, shown).toBe(true);
    }
  });
});

async function send(request: CurlRequest): Promise<string> {
  const { method, url, headers, body, showHeaders } = request;
  const answer = await fetch(url, {
    method,
    headers: headers.map(([name, value]): [string, string] => [name, value]),
    ...(body === undefined ? {} : { body }),
  });
  const text = await answer.text();
  if (!showHeaders) return text;
  const lines = [`HTTP/1.1 ${answer.status} ${answer.statusText}`];
  answer.headers.forEach((value, name) => {
    lines.push(`${name}: ${value}`);
  });
  return `${lines.join('\n')}\n\n${text}`;
}

function markdownBelow(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true })
    .map((name) => join(folder, String(name)))
    .filter((path) => path.endsWith('.md'))
    .sort();
}
