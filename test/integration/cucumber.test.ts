/** The ready steps in a Cucumber of their own, against a stub cluster named by TORUA_URL. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { asText, valueAt } from '../../src/testing/json-path.ts';
import { writeStubPrograms } from '../../src/testing/stub-programs.ts';
import { type Cluster, startClusterOf } from '../../src/testing/testing.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
let folder: string;
let cluster: Cluster;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'torua-test-'));
  cluster = await startClusterOf(writeStubPrograms(folder), { nodes: 1 });
});

afterAll(async () => {
  await cluster.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Played {
  readonly code: number;
  /** Scenario name → status of its first step or hook that did not pass, or `passed`. */
  readonly results: Record<string, string>;
}

function play(feature: string): Promise<Played> {
  const file = join(folder, 'a.feature');
  const report = join(folder, 'report.json');
  writeFileSync(file, feature);
  const words = [
    join(root, 'node_modules/@cucumber/cucumber/bin/cucumber.js'),
    ...['--import', join(root, 'src/testing/cucumber.ts'), '--format', `json:${report}`, file],
  ];
  const loader = join(root, 'node_modules/tsx/dist/loader.mjs');
  const env = { ...process.env, NODE_OPTIONS: `--import ${loader}`, TORUA_URL: cluster.url };
  return new Promise((resolve) => {
    execFile(process.execPath, words, { cwd: folder, env }, (error) => {
      const features = JSON.parse(readFileSync(report, 'utf8')) as {
        elements: { name: string; steps: { result: { status: string } }[] }[];
      }[];
      const results = features.flatMap(({ elements }) =>
        elements.map(({ name, steps }): [string, string] => [
          name,
          steps.map((step) => step.result.status).find((status) => status !== 'passed') ?? 'passed',
        ]),
      );
      resolve({ code: error ? Number(error.code) : 0, results: Object.fromEntries(results) });
    });
  });
}

// @req: make.test-bdd
test('scenarios use the cluster of TORUA_URL, and those that stop processes are skipped', async () => {
  const played = await play(`
    Feature: keys
      Scenario: a key is stored and found
        Given the key "a/b" holds "hello"
        When I send GET "/data/a%2Fb"
        Then the answer is 200
        And the answer text is "hello"
        And the answer header "etag" is "\\"e\\""
        And the key "a/b" has the value "hello"
      Scenario: each scenario begins without the keys of the others
        Then the key "a/b" does not exist
        When I send GET "/data/a%2Fb"
        Then the answer is the problem "key_not_found"
      Scenario: the cluster is asked
        Then the cluster becomes green
        And there is an event "node_joined" with node_id "node-1"
        When I send GET "/cluster/health"
        Then the answer field "status" is "green"
        And the answer has the fields "cluster_id, healthy_nodes"
      @procs
      Scenario: a process is killed
        When I kill "node-1"
  `);
  expect(played).toEqual({
    code: 0,
    results: {
      'a key is stored and found': 'passed',
      'each scenario begins without the keys of the others': 'passed',
      'the cluster is asked': 'passed',
      'a process is killed': 'skipped',
    },
  });
}, 30_000);

test('a scenario without the tag cannot stop a process, and a wrong answer fails', async () => {
  const played = await play(`
    Feature: refusals
      Scenario: no tag
        When I kill "node-1"
      Scenario: a wrong value
        Given the key "k" holds "one"
        Then the key "k" has the value "two"
  `);
  expect(played).toEqual({ code: 1, results: { 'no tag': 'failed', 'a wrong value': 'failed' } });
}, 30_000);

test('paths lead into documents', () => {
  const document = { nodes: [{ id: 'n1', tags: [] }], ok: true };
  const paths = ['nodes[0].id', 'nodes[0].tags', 'ok', 'nodes[1].id', ''];
  expect(paths.map((path) => valueAt(document, path))).toEqual([
    'n1',
    [],
    true,
    undefined,
    document,
  ]);
  expect(['text', 1, null, undefined].map(asText)).toEqual(['text', '1', 'null', 'nothing']);
});
