/** Both ends of the wire between processes in one process: the batcher and the value streams against the base server. */
import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import { afterEach, expect, test } from 'vitest';
import { createApp } from '../../src/http/app.ts';
import { mountInternal } from '../../src/http/internal-routes.ts';
import { listen } from '../../src/http/listen.ts';
import { mountValueRoutes, type ValueHandler } from '../../src/http/value-routes.ts';
import { pause, systemClock } from '../../src/kernel/clock.ts';
import { deadlineIn } from '../../src/kernel/deadline.ts';
import { ToruaError } from '../../src/kernel/errors.ts';
import { copyId, shardUid, term } from '../../src/kernel/ids.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { createMetrics } from '../../src/kernel/metrics.ts';
import { systemRandom } from '../../src/kernel/random.ts';
import { decodeBatch, encodeAnswers, FRAME_CONTENT_TYPE } from '../../src/protocol/frame.ts';
import type { KeyAnswer, KeyBatch, KeyOperation } from '../../src/protocol/key-operation.ts';
import { INTERNAL_PATHS } from '../../src/protocol/messages.ts';
import { createNodeChannel } from '../../src/transport/node-channel.ts';
import { createPeers, type Peers } from '../../src/transport/peers.ts';
import { createUndiciWire } from '../../src/transport/undici-wire.ts';
import { createValueStreams, type ValueStreams } from '../../src/transport/value-stream.ts';

const MIB = 1024 * 1024;
const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
const open: { app: FastifyInstance; peers: Peers }[] = [];

afterEach(async () => {
  for (const { app, peers } of open.splice(0)) {
    await peers.close();
    await app.close();
  }
});

/** A node that keeps values in memory and remembers what it was told. */
class MemoryNode implements ValueHandler {
  readonly valueBytesMax = 20 * MIB;
  readonly values = new Map<string, Buffer>();
  readonly seen: KeyOperation[] = [];
  readonly failures: unknown[] = [];
  bytesIn = 0;

  async put(batch: KeyBatch, body: Readable): Promise<KeyAnswer> {
    const operation = this.#note(batch);
    const chunks: Buffer[] = [];
    try {
      for await (const chunk of body) {
        chunks.push(chunk as Buffer);
        this.bytesIn += (chunk as Buffer).length;
      }
    } catch (error) {
      this.failures.push(error);
      throw error;
    }
    if (operation.key === 'refused')
      return { status: 412, code: 'precondition_failed', detail: 'no' };
    if (operation.key === 'throws')
      throw new ToruaError('disk_full', 'Node n1 is full.', { fields: { node_id: 'n1' } });
    this.values.set(operation.key, Buffer.concat(chunks));
    return { status: 204, etag: 'e' };
  }

  async get(batch: KeyBatch): Promise<{ answer: KeyAnswer; body?: Readable }> {
    const value = this.values.get(this.#note(batch).key);
    if (value === undefined)
      return { answer: { status: 404, code: 'key_not_found', detail: 'none' } };
    return {
      answer: { status: 200, etag: 'e', contentType: 'a/b', bytes: value.length },
      body: Readable.from(slices(value)),
    };
  }

  async batch(frame: Buffer): Promise<Buffer> {
    const { operations } = decodeBatch(frame);
    this.seen.push(...operations);
    return encodeAnswers(
      operations.map((operation) => {
        if (operation.verb === 'put')
          this.values.set(operation.key, Buffer.from(operation.value as Buffer));
        const value = this.values.get(operation.key);
        return value === undefined
          ? { status: 404, code: 'key_not_found' }
          : { status: operation.verb === 'put' ? 204 : 200, value };
      }),
    );
  }

  #note(batch: KeyBatch): KeyOperation {
    const operation = batch.operations[0] as KeyOperation;
    this.seen.push(operation);
    return operation;
  }
}

function* slices(value: Buffer): Iterable<Buffer> {
  for (let at = 0; at < value.length; at += 65_536) yield value.subarray(at, at + 65_536);
}

async function start(): Promise<{
  node: MemoryNode;
  address: string;
  streams: ValueStreams;
  peers: Peers;
  app: FastifyInstance;
}> {
  const node = new MemoryNode();
  const app = await createApp({
    name: 'node',
    version: '0',
    clock: systemClock,
    random: systemRandom,
    logger: silentLogger,
    metrics: createMetrics({ processMetrics: false }),
    requestTimeoutMs: 10_000,
    clusterToken: 'secret',
    limits: { eventLoopDelayMsMax: 0 },
    probes: {
      readiness: () => undefined,
      health: () => ({
        cluster: { nodes: 0, shards: 0, replicas: 0, state: 'green' },
        reasons: [],
      }),
    },
  });
  mountValueRoutes(app, node);
  mountInternal(app, [
    {
      method: 'POST',
      path: INTERNAL_PATHS.batch,
      handle: async (body) => ({
        status: 200,
        body: await node.batch(body),
        contentType: FRAME_CONTENT_TYPE,
      }),
    },
  ]);
  const { url } = await listen(app, { address: '127.0.0.1:0', variable: 'X', print: () => {} });
  const peers = createPeers();
  open.push({ app, peers });
  return {
    node,
    address: url,
    app,
    peers,
    streams: createValueStreams({ clock: systemClock, peers, token: 'secret' }),
  };
}

const operation = (
  key: string,
  verb: 'put' | 'get',
  more: Partial<KeyOperation> = {},
): KeyOperation => ({
  verb,
  shardUid: shardUid('0000000000000001'),
  copyId: copyId('0000000000000002'),
  term: term(1),
  key,
  opId: 'op',
  callerOpId: false,
  deadlineMs: 5_000,
  requestId: 'r1',
  traceparent: TRACEPARENT,
  ...more,
});
const batchOf = (one: KeyOperation): KeyBatch => ({
  leaderEpoch: 1,
  routingVersion: 1,
  schemaVersion: 0,
  operations: [one],
});
const request = (address: string, one: KeyOperation, idleMs = 5_000) => ({
  address,
  batch: batchOf(one),
  idleMs,
});

// @req: kv.batched
test('batched operations reach the node and each gets its own answer', async () => {
  const { node, address, peers } = await start();
  const channel = createNodeChannel({
    wire: createUndiciWire({ clock: systemClock, peers, token: 'secret' }),
    clock: systemClock,
    address,
  });
  const plan = { leaderEpoch: 1, routingVersion: 1, schemaVersion: 0 };
  const submit = (one: KeyOperation) => channel.submit(one, plan, deadlineIn(systemClock, 5_000));
  const keys = Array.from({ length: 2_000 }, (_, index) => `key ${index} 数`);
  const puts = await Promise.all(
    keys.map((key) => submit(operation(key, 'put', { value: Buffer.from(`value of ${key}`) }))),
  );
  expect(new Set(puts.map(({ status }) => status))).toEqual(new Set([204]));
  const gets = await Promise.all(keys.map((key) => submit(operation(key, 'get'))));
  expect(gets.map(({ value }) => value?.toString())).toEqual(keys.map((key) => `value of ${key}`));
  expect(await submit(operation('absent', 'get'))).toMatchObject({
    status: 404,
    code: 'key_not_found',
  });
  expect(node.seen[0]).toMatchObject({ requestId: 'r1', traceparent: TRACEPARENT, opId: 'op' });
});

test('a wrong token reaches the caller as cluster_token_required', async () => {
  const { address, peers } = await start();
  const channel = createNodeChannel({
    wire: createUndiciWire({ clock: systemClock, peers, token: 'other' }),
    clock: systemClock,
    address,
  });
  await expect(
    channel.submit(
      operation('k', 'get'),
      { leaderEpoch: 1, routingVersion: 1, schemaVersion: 0 },
      deadlineIn(systemClock, 5_000),
    ),
  ).rejects.toMatchObject({ code: 'cluster_token_required' });
});

test('a large value goes to the node and back, byte for byte, with and without its length', async () => {
  const { node, address, streams } = await start();
  const value = Buffer.from(Array.from({ length: 3 * MIB }, (_, index) => (index * 31) % 251));
  for (const length of [value.length, undefined]) {
    const key = `large ${length}`;
    expect(
      await streams.put(
        request(address, operation(key, 'put', { contentType: 'a/b' })),
        Readable.from(slices(value)),
        length,
      ),
    ).toMatchObject({ status: 204, etag: 'e' });
    const { answer, body } = await streams.get(request(address, operation(key, 'get')));
    expect(answer).toMatchObject({ status: 200, contentType: 'a/b', bytes: value.length });
    const chunks: Buffer[] = [];
    for await (const chunk of body as Readable) chunks.push(chunk as Buffer);
    expect(Buffer.concat(chunks).equals(value)).toBe(true);
  }
  expect(node.seen[0]).toMatchObject({
    key: `large ${value.length}`,
    contentType: 'a/b',
    requestId: 'r1',
    traceparent: TRACEPARENT,
  });
});

test('what the node refuses or throws comes back as its answer or its error', async () => {
  const { address, streams } = await start();
  const put = (key: string) =>
    streams.put(request(address, operation(key, 'put')), Readable.from([Buffer.alloc(100_000)]));
  expect(await put('refused')).toMatchObject({
    status: 412,
    code: 'precondition_failed',
    detail: 'no',
  });
  await expect(put('throws')).rejects.toMatchObject({
    code: 'disk_full',
    detail: 'Node n1 is full.',
    fields: { node_id: 'n1' },
  });
  expect(await streams.get(request(address, operation('absent', 'get')))).toMatchObject({
    answer: { status: 404, code: 'key_not_found' },
    body: undefined,
  });
});

test("a value over the node's limit is value_too_large", async () => {
  const { address, streams } = await start();
  const chunks = Array.from({ length: 24 }, () => Buffer.alloc(MIB));
  await expect(
    streams.put(request(address, operation('k', 'put')), Readable.from(chunks)),
  ).rejects.toMatchObject({ code: 'value_too_large' });
});

test('a client that disappears in the middle of a PUT fails both ends, and nothing is stored', async () => {
  const { node, address, streams } = await start();
  const body = new PassThrough();
  body.write(Buffer.alloc(MIB));
  const sending = streams.put(request(address, operation('k', 'put')), body);
  const failed = expect(sending).rejects.toThrow('the client is gone');
  while (node.bytesIn === 0)
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  body.destroy(new Error('the client is gone'));
  await failed;
  while (node.failures.length === 0)
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  expect(node.values.has('k')).toBe(false);
});

test('a signal gives up both directions', async () => {
  const { address, streams } = await start();
  const controller = new AbortController();
  const sending = expect(
    streams.put(
      { ...request(address, operation('k', 'put')), signal: controller.signal },
      new PassThrough(),
    ),
  ).rejects.toMatchObject({ code: 'invalid_request' });
  controller.abort();
  await sending;
  await expect(
    streams.get({ ...request(address, operation('k', 'get')), signal: AbortSignal.abort() }),
  ).rejects.toMatchObject({ code: 'invalid_request' });
});

// @req: http.deadline.stream
test('a body that stops moving is deadline_exceeded, though a slow one may take longer than the same time', async () => {
  const { node, address, streams } = await start();
  await expect(
    streams.put(request(address, operation('k', 'put'), 80), new PassThrough()),
  ).rejects.toMatchObject({ code: 'deadline_exceeded' });
  const slow = new PassThrough();
  const sending = streams.put(request(address, operation('slow', 'put'), 300), slow);
  for (let piece = 0; piece < 8; piece += 1) {
    slow.write('x');
    await pause(systemClock, 60);
  }
  slow.end();
  expect(await sending).toMatchObject({ status: 204 });
  expect(node.values.get('slow')?.toString()).toBe('x'.repeat(8));
});

test('a reader that goes away ends the stream at the node', async () => {
  const { node, address, streams } = await start();
  let ended = false;
  const endless = new Readable({
    read() {
      this.push(Buffer.alloc(65_536));
    },
    destroy(error, done) {
      ended = true;
      done(error);
    },
  });
  node.get = async () => ({ answer: { status: 200 }, body: endless });
  const { body } = await streams.get(request(address, operation('k', 'get')));
  await once(body as Readable, 'readable');
  body?.destroy();
  while (!ended)
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
});
