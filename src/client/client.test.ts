/** The SDK against a small stub of the contract's server. */
import { Readable } from 'node:stream';
import Fastify, { type FastifyInstance } from 'fastify';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createClient, type ToruaClient } from './client.ts';
import { ToruaRequestError } from './request-error.ts';

let server: FastifyInstance;
let client: ToruaClient;

const problem = (code: string, status: number, retryable: boolean) => ({
  type: `/errors#${code}`,
  title: code,
  status,
  detail: `because ${code}`,
  code,
  retryable,
  request_id: 'r-1',
});

beforeEach(() => {
  server = Fastify({ forceCloseConnections: true });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) =>
    done(null, body),
  );
});

afterEach(async () => {
  await client.close();
  await server.close();
});

async function start(): Promise<ToruaClient> {
  const url = await server.listen({ port: 0, host: '127.0.0.1' });
  client = createClient({ url, timeoutMs: 2_000, retry: { baseMs: 1, maxMs: 5 } });
  return client;
}

// @req: sdk.keys
test('a value comes back with its type, etag and place, whatever the key holds', async () => {
  const stored = new Map<string, { body: Buffer; type: string | undefined }>();
  server.put('/data/*', (request, reply) => {
    stored.set(request.raw.url ?? '', {
      body: request.body as Buffer,
      type: request.headers['content-type'],
    });
    return reply.code(204).header('etag', '"abc"').send();
  });
  server.get('/data/*', (request, reply) => {
    const value = stored.get(request.raw.url ?? '');
    if (!value)
      return reply
        .code(404)
        .header('content-type', 'application/problem+json')
        .send(JSON.stringify(problem('key_not_found', 404, false)));
    return reply
      .headers({ 'content-type': value.type, etag: '"abc"', 'x-shard-id': '2', 'x-node-id': 'n1' })
      .send(value.body);
  });
  await start();
  const key = 'a/b//../c d?e=#%41:@数字';
  await expect(client.put(key, '{"a":1}', { contentType: 'application/json' })).resolves.toEqual({
    etag: 'abc',
  });
  const value = await client.get(key);
  expect(value?.json()).toEqual({ a: 1 });
  expect(value).toMatchObject({
    etag: 'abc',
    contentType: 'application/json',
    shardId: 2,
    nodeId: 'n1',
    bytes: 7,
  });
  expect([...stored.keys()]).toEqual([`/data/${encodeURIComponent(key)}`]);
  await expect(client.get('absent')).resolves.toBeUndefined();
});

// @req: sdk.retries
test('a write that is refused for now is repeated under the same operation id', async () => {
  const keys: unknown[] = [];
  server.put('/data/*', (request, reply) => {
    keys.push(request.headers['x-torua-operation-id']);
    if (keys.length < 3)
      return reply
        .code(503)
        .header('content-type', 'application/problem+json')
        .send(JSON.stringify(problem('shard_opening', 503, true)));
    return reply.code(204).header('etag', '"e"').send();
  });
  await start();
  await client.put('k', 'v');
  expect(keys).toHaveLength(3);
  expect(new Set(keys).size).toBe(1);
  expect(keys[0]).toMatch(/^[0-9a-f]{16}$/);
});

// @req: sdk.retries
test('a failure that no retry can help is told at once with the words of the cluster', async () => {
  let asked = 0;
  server.put('/data/*', (_request, reply) => {
    asked += 1;
    return reply
      .code(503)
      .header('content-type', 'application/problem+json')
      .send(JSON.stringify(problem('shard_in_doubt', 503, false)));
  });
  await start();
  const failure = await client.put('k', 'v').catch((error: unknown) => error);
  expect(failure).toBeInstanceOf(ToruaRequestError);
  expect(failure).toMatchObject({
    code: 'shard_in_doubt',
    status: 503,
    retryable: false,
    requestId: 'r-1',
    detail: 'because shard_in_doubt',
  });
  expect(asked).toBe(1);
});

test('a call ends at its deadline although the server never answers, and a write says that its outcome is unknown', async () => {
  server.put('/data/*', () => new Promise(() => {}));
  await start();
  await expect(client.put('k', 'v', { timeoutMs: 100 })).rejects.toMatchObject({
    code: 'deadline_exceeded',
    outcomeUnknown: true,
  });
});

test('a cluster that is not there is told as unreachable', async () => {
  await start();
  await server.close();
  const patient = createClient({ url: client.url, retry: { baseMs: 1, maxMs: 5, refusedMs: 30 } });
  await expect(patient.get('k')).rejects.toMatchObject({
    code: 'cluster_unreachable',
    outcomeUnknown: false,
  });
  await patient.close();
});

test('an address that is not a Torua is told as such', async () => {
  server.get('/nodes', (_request, reply) => reply.send({ hello: 'world' }));
  server.get('/cluster/info', (_request, reply) =>
    reply.header('content-type', 'text/html').send('<html>'),
  );
  await start();
  await expect(client.nodes()).rejects.toMatchObject({ code: 'not_torua' });
  await expect(client.info()).rejects.toMatchObject({ code: 'not_torua' });
  await expect(client.shards()).rejects.toMatchObject({ code: 'not_torua' });
});

// @req: sdk.streams
test('large values pass as streams in both directions, and a maker of streams is asked again on a retry', async () => {
  let received = 0;
  let tries = 0;
  server.removeAllContentTypeParsers();
  server.addContentTypeParser('*', (_request, payload, done) => done(null, payload));
  server.put('/data/*', async (request, reply) => {
    tries += 1;
    received = 0;
    for await (const piece of request.body as Readable) received += (piece as Buffer).length;
    if (tries === 1)
      return reply
        .code(502)
        .header('content-type', 'application/problem+json')
        .send(JSON.stringify(problem('node_unreachable', 502, true)));
    return reply.code(204).header('etag', '"big"').send();
  });
  server.get('/data/*', (_request, reply) =>
    reply.send(Readable.from(Array.from({ length: 64 }, () => Buffer.alloc(65_536)))),
  );
  await start();
  const pieces = async function* () {
    for (let piece = 0; piece < 64; piece += 1) yield Buffer.alloc(65_536, piece);
  };
  await client.put('big', pieces);
  expect([tries, received]).toEqual([2, 64 * 65_536]);
  const streamed = await client.getStream('big');
  let read = 0;
  for await (const piece of streamed?.stream ?? []) read += (piece as Buffer).length;
  expect(read).toBe(64 * 65_536);
});

// @req: sdk.retries
test('a stream that was begun is not sent again', async () => {
  let asked = 0;
  server.put('/data/*', (_request, reply) => {
    asked += 1;
    return reply
      .code(502)
      .header('content-type', 'application/problem+json')
      .send(JSON.stringify(problem('node_unreachable', 502, true)));
  });
  await start();
  const put = client.put('k', Readable.from([Buffer.from('a')]), { timeoutMs: 300 });
  await expect(put).rejects.toMatchObject({ code: 'node_unreachable' });
  expect(asked).toBe(1);
});

// @req: sdk.keys
test('a list goes on page after page until there is no cursor', async () => {
  const asked: unknown[] = [];
  server.get('/data', (request, reply) => {
    const { cursor } = request.query as { cursor?: string };
    asked.push(request.query);
    const entry = (key: string) => ({ key, etag: 'e', bytes: 1, content_type: 'text/plain' });
    return reply.send(
      cursor ? { keys: [entry('c')] } : { keys: [entry('a'), entry('b')], cursor: 'next+1' },
    );
  });
  await start();
  const keys: string[] = [];
  for await (const { key } of client.list({ prefix: 'p&q', pageSize: 2 })) keys.push(key);
  expect(keys).toEqual(['a', 'b', 'c']);
  expect(asked).toEqual([
    { prefix: 'p&q', limit: '2' },
    { prefix: 'p&q', limit: '2', cursor: 'next+1' },
  ]);
});

test('a wait for health that ran out is an answer', async () => {
  const health = {
    cluster_id: 'c',
    status: 'red',
    timed_out: false,
    number_of_nodes: 1,
    healthy_nodes: 1,
    active_primaries: 0,
    active_replicas: 0,
    unassigned_shards: 4,
    warnings: [],
  };
  server.get('/cluster/health', (request, reply) =>
    (request.query as { timeout?: string }).timeout
      ? reply.code(408).send(problem('wait_timed_out', 408, true))
      : reply.send(health),
  );
  await start();
  await expect(client.health({ waitForStatus: 'green', waitMs: 10 })).resolves.toMatchObject({
    status: 'red',
    timedOut: true,
    unassignedShards: 4,
  });
});

test('followed events go on behind the last one seen when the stream breaks', async () => {
  const since: unknown[] = [];
  server.get('/cluster/events', (request, reply) => {
    const query = request.query as { since: string };
    since.push(query.since);
    const from = Number(query.since);
    const event = (seq: number) =>
      `id: ${seq}\nevent: node_joined\ndata: {"seq":${seq},"time":"t","type":"node_joined","node_id":"n${seq}"}\n\n`;
    return reply
      .header('content-type', 'text/event-stream')
      .send(
        Readable.from([
          `: hello\n\n${event(from)}${event(from + 1).slice(0, 20)}`,
          event(from + 1).slice(20),
        ]),
      );
  });
  await start();
  const stop = new AbortController();
  const seen: unknown[] = [];
  for await (const event of client.follow({ signal: stop.signal })) {
    seen.push([event.seq, event.nodeId]);
    if (event.seq === 2) stop.abort();
  }
  expect(seen).toEqual([
    [1, 'n1'],
    [2, 'n2'],
  ]);
  expect(since).toEqual(['0', '1']);
});
