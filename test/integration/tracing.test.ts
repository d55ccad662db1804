/** One request through both processes: its id and its trace are in the answer and in both logs. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cluster, eventually, startCluster } from '../../src/testing/testing.ts';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ nodes: 1, env: { LOG_LEVEL: 'debug' } });
});
afterAll(() => cluster.close());

/** Lines of a process's log with this text, parsed. */
const linesWith = (target: string, text: string): Record<string, unknown>[] =>
  cluster
    .logs(target)
    .split('\n')
    .filter((line) => line.startsWith('{') && line.includes(text))
    .map((line) => JSON.parse(line) as Record<string, unknown>);

const traceOf = (line: Record<string, unknown>): string =>
  String(line.traceId ?? String(line.traceparent).slice(3, 35));

const ways = [
  ['a small value', 'small', 'x'.repeat(100)],
  ['a value that is streamed', 'large', 'x'.repeat(300_000)],
] as const;

// @req: http.traceparent.passed, http.request-id.echoed
test.each(ways)(
  'the request id and the trace of %s are in the answer and in both logs',
  async (_, key, body) => {
    for (const method of ['PUT', 'GET']) {
      const requestId = `test-${method.toLowerCase()}-${key}`;
      const traceId = Buffer.from(requestId.padEnd(16, '.').slice(0, 16)).toString('hex');
      const answer = await fetch(`${cluster.url}/data/${key}`, {
        method,
        headers: { 'x-request-id': requestId, traceparent: `00-${traceId}-00f067aa0ba902b7-01` },
        ...(method === 'PUT' ? { body } : {}),
      });
      await answer.arrayBuffer();
      expect([answer.status, answer.headers.get('x-request-id')]).toEqual([
        method === 'PUT' ? 204 : 200,
        requestId,
      ]);
      await eventually(() => {
        for (const target of ['coordinator', 'node-1']) {
          const lines = linesWith(target, `"${requestId}"`);
          expect([target, lines.map(traceOf)]).toEqual([target, expect.arrayContaining([traceId])]);
          expect(new Set(lines.map(traceOf))).toEqual(new Set([traceId]));
        }
      });
    }
  },
);

test('a request without an id gets one, and a bad traceparent is ignored', async () => {
  const answer = await fetch(`${cluster.url}/data/none`, { headers: { traceparent: 'nonsense' } });
  const requestId = answer.headers.get('x-request-id') ?? '';
  expect(requestId).not.toBe('');
  expect(((await answer.json()) as { request_id: string }).request_id).toBe(requestId);
  await eventually(() => {
    for (const target of ['coordinator', 'node-1'])
      expect(linesWith(target, `"${requestId}"`).length).toBeGreaterThan(0);
  });
  expect(cluster.logs()).not.toContain('nonsense');
});
