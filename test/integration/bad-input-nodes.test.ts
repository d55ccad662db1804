/** Nodes that answer garbage, hang, or go away: a clear error for their shards, the others go on, nothing is lost. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { shardOfKey } from '../../src/kernel/fnv1a.ts';
import { type Cluster, eventually, startCluster } from '../../src/testing/testing.ts';
import { ask, type RawAnswer, type RawRequest } from './raw-request.ts';
import { type StubAnswer, type StubNode, startStubNode } from './stub-node.ts';

const SHARDS = 4;

interface Shard {
  readonly ShardID: number;
  readonly NodeID: string;
  readonly state: string;
}

async function shardsOf(cluster: Cluster): Promise<readonly Shard[]> {
  return (await ask(cluster.url, { path: '/shards' })).json.shards as Shard[];
}

/** A key for each node that holds a shard. */
async function keyOn(cluster: Cluster, nodeId: string): Promise<string> {
  const held = (await shardsOf(cluster)).filter(({ NodeID }) => NodeID === nodeId);
  for (let number = 0; ; number += 1) {
    const key = `key-${number}`;
    if (held.some(({ ShardID }) => ShardID === shardOfKey(key, SHARDS))) return key;
  }
}

describe('a node that answers garbage', () => {
  let cluster: Cluster;
  let stub: StubNode;
  let theirs: string;
  let ours: string;

  beforeAll(async () => {
    cluster = await startCluster({ nodes: 1, shards: SHARDS });
    stub = await startStubNode(cluster.url, 'stub');
    await eventually(
      async () => {
        const shards = await shardsOf(cluster);
        expect(shards.filter(({ NodeID }) => NodeID === 'stub')).toHaveLength(2);
        expect(shards.every(({ state }) => state === 'active')).toBe(true);
      },
      { timeoutMs: 10_000 },
    );
    theirs = await keyOn(cluster, 'stub');
    ours = await keyOn(cluster, 'node-1');
    await cluster.client.put(ours, 'v');
  });

  afterAll(async () => {
    await stub?.close();
    await cluster?.close();
  });

  const problem = (status: number, code: string): StubAnswer => {
    return (_request, response) => {
      response.writeHead(status, { 'content-type': 'application/problem+json' });
      response.end(JSON.stringify({ status, code, detail: 'made up', title: '', type: '' }));
    };
  };
  const GARBAGE: readonly (readonly [string, StubAnswer])[] = [
    ['text instead of frames', (_request, response) => response.end('What is this?')],
    ['nothing at all', (_request, response) => response.end()],
    ['a page', (_request, response) => response.writeHead(404).end('<h1>404</h1>')],
    ['a problem nobody knows', problem(400, 'made_up')],
    ['the 404 of another program', problem(404, 'not_found')],
    ['the 403 of another cluster', problem(403, 'cluster_token_required')],
    ['the 426 of another version', problem(426, 'protocol_too_old')],
    ['something that is not HTTP', (request) => request.socket.end('SSH-2.0-nonsense\r\n')],
  ];

  // @req: kv.put.no-answer, kv.get.unreachable, http.idempotency.unknown-outcome
  // @req: trouble.garbage-node
  test.each(GARBAGE)('is a 502 for reads and writes of its shards: %s', async (_what, answer) => {
    stub.answer = answer;
    const read = await ask(cluster.url, { path: `/data/${theirs}` });
    expect(read).toMatchObject({ status: 502, json: { code: 'bad_node_answer' } });
    expect(read.headers).toMatchObject({ 'x-node-id': 'stub' });
    expect(read.headers['x-shard-id']).toBe(String(shardOfKey(theirs, SHARDS)));
    const write = await ask(cluster.url, { method: 'PUT', path: `/data/${theirs}`, body: 'v' });
    expect(write).toMatchObject({ status: 502, json: { outcome: 'unknown' } });
    expect(write.json.idempotency_key).toMatch(/^[0-9a-f]{16}$/);
    expect((await cluster.client.get(ours))?.text()).toBe('v');
  });

  test('is a 502 for large values as well, in both directions', async () => {
    const large = Buffer.alloc(200_000, 1);
    for (const [, answer] of GARBAGE) {
      stub.answer = answer;
      const put = { method: 'PUT', path: `/data/${theirs}`, body: large };
      expect((await ask(cluster.url, put)).status).toBe(502);
    }
  });

  // @req: http.missing-shards.bulk
  // @req: trouble.garbage-node
  test('fails only its own lines of a bulk', async () => {
    stub.answer = GARBAGE[0]?.[1] as StubAnswer;
    const line = (key: string) => JSON.stringify({ op: 'put', key, value: 'bulk' });
    const body = [ours, theirs, ours].map(line).join('\n');
    const answer = await ask(cluster.url, { method: 'POST', path: '/data/_bulk', body });
    const statuses = answer.body
      .toString()
      .trimEnd()
      .split('\n')
      .map((text) => JSON.parse(text));
    expect(statuses.map(({ status }) => status)).toEqual([204, 502, 204]);
  });

  // @req: http.missing-shards.partial
  test('is left out of a listing that may be partial', async () => {
    stub.answer = GARBAGE[0]?.[1] as StubAnswer;
    expect((await ask(cluster.url, { path: '/data' })).status).toBe(502);
    const answer = await ask(cluster.url, { path: '/data?partial=true' });
    expect(answer).toMatchObject({ status: 200, json: { partial: true } });
    const missing = (await shardsOf(cluster)).filter(({ NodeID }) => NodeID === 'stub');
    expect(answer.json.missing_shards).toEqual(missing.map(({ ShardID }) => ShardID));
  });

  // @req: kv.retry
  test('is asked again when it only says that the shard is being opened', async () => {
    let asked = 0;
    stub.answer = (_request, response) => {
      asked += 1;
      problem(503, 'shard_opening')(_request, response);
    };
    const deadline = { 'x-torua-deadline-ms': '600' };
    const answer = await ask(cluster.url, { path: `/data/${theirs}`, headers: deadline });
    expect(answer).toMatchObject({ status: 503, json: { code: 'shard_opening' } });
    expect(asked).toBeGreaterThan(2);
  });

  test('ends a broadcast with its own error and the others’ success', async () => {
    stub.answer = problem(500, 'internal_error');
    const body = JSON.stringify({ path: '/control', payload: { op: 'ping' } });
    const answer = await ask(cluster.url, { method: 'POST', path: '/broadcast', body });
    expect(answer.json).toMatchObject({ sent_to: 2 });
    expect(answer.json.results).toEqual(
      expect.arrayContaining([{ node_id: 'node-1' }, { node_id: 'stub', err: 'made up' }]),
    );
  });
});

describe('a node that hangs', () => {
  let cluster: Cluster;
  let theirs: string;
  let ours: string;

  beforeAll(async () => {
    const coordinatorEnv = { REQUEST_TIMEOUT: '700ms' };
    cluster = await startCluster({ nodes: 2, shards: SHARDS, coordinatorEnv });
    theirs = await keyOn(cluster, 'node-2');
    ours = await keyOn(cluster, 'node-1');
    for (const key of [theirs, ours]) await cluster.client.put(key, 'before');
    cluster.suspend('node-2');
  });

  afterAll(() => cluster?.close());

  const soon = { 'x-torua-deadline-ms': '400' };
  const send = (given: RawRequest): Promise<RawAnswer> => ask(cluster.url, given);

  // @req: http.deadline.exceeded, http.deadline.hops, http.deadline.default
  // @req: http.idempotency.unknown-outcome, http.missing-shards.partial, http.missing-shards.refused
  // @req: coord.health.hang, coord.health.keeps-place, kv.put.no-copy, cluster.colour.red
  // @req: cluster.event.node-unhealthy, cluster.event.node-recovered, failure.node-hangs
  test('answers late, then counts as unhealthy, and serves again what it had when it goes on', async () => {
    const read = await send({ path: `/data/${theirs}`, headers: soon });
    expect(read).toMatchObject({ status: 504, json: { code: 'deadline_exceeded' } });
    const put = { method: 'PUT', path: `/data/${theirs}`, body: 'hung', headers: soon };
    expect(await send(put)).toMatchObject({ status: 504, json: { outcome: 'unknown' } });
    expect((await send({ path: `/data/${ours}`, headers: soon })).status).toBe(200);
    const byDefault = await send({ path: `/data/${theirs}` });
    expect(byDefault).toMatchObject({ status: 504, json: { code: 'deadline_exceeded' } });

    const list = { path: '/data?partial=true', headers: soon };
    expect(await send(list)).toMatchObject({ status: 200, json: { partial: true } });

    await eventually(
      async () => {
        expect((await send({ path: '/nodes/node-2/info' })).json.status).toBe('unhealthy');
      },
      { timeoutMs: 10_000 },
    );
    const refused = await send({ path: `/data/${theirs}` });
    expect(refused).toMatchObject({ status: 503, json: { code: 'shard_unavailable' } });
    expect(refused.headers['retry-after']).toBe('1');
    expect(await send({ ...put, headers: {} })).toMatchObject({ status: 503 });
    const listed = await send({ path: '/data' });
    expect(listed).toMatchObject({ status: 503, json: { code: 'shards_unavailable' } });
    expect(listed.json.missing_shards).toHaveLength(2);
    expect((await send({ path: '/cluster/health' })).json.status).toBe('red');
    const shards = await shardsOf(cluster);
    expect(shards.filter(({ NodeID }) => NodeID === 'node-2')).toHaveLength(2);

    cluster.resume('node-2');
    await cluster.waitFor({ status: 'green', healthyNodes: 2 });
    await eventually(async () => {
      const answer = await send({ path: `/data/${theirs}` });
      // What was written while it hung was refused or never arrived: its lease had run out.
      expect(answer.body.toString()).toBe('before');
    });
    const { events } = (await send({ path: '/cluster/events' })).json as { events: object[] };
    for (const type of ['node_unhealthy', 'node_recovered']) {
      expect(events).toContainEqual(expect.objectContaining({ type, node_id: 'node-2' }));
    }
  });
});
