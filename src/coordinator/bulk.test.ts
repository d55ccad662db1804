/** Bulk requests: one answer per line in the same order, lines of one key in their order, and a bounded window. */

import { Readable } from 'node:stream';
import { beforeEach, describe, expect, test } from 'vitest';
import { CoordinatorWorld } from '../../test/rooms/coordinator-world.ts';
import { DataNode } from '../../test/rooms/data-node.ts';
import type { KeyAnswer } from '../protocol/key-operation.ts';
import { BULK_WINDOW_LINES, type BulkParts, bulkAnswers } from './bulk.ts';
import type { CoordinatorRuntime } from './coordinator-runtime.ts';
import { identityOf } from './operation-identity.ts';

let world: CoordinatorWorld;
let runtime: CoordinatorRuntime;
let data: DataNode;
/** Values over 64 KiB, as the node would have them. */
let large: Map<string, Buffer>;

beforeEach(async () => {
  world = new CoordinatorWorld();
  runtime = await world.open();
  data = new DataNode(world, world.node('n1'));
  large = new Map();
  await world.join(runtime, data.node);
  await world.clock.run({ forMs: 200 });
});

const streams: BulkParts['streams'] = {
  put: async ({ batch }, body) => {
    const pieces: Buffer[] = [];
    for await (const piece of body) pieces.push(piece as Buffer);
    large.set(batch.operations[0]?.key ?? '', Buffer.concat(pieces));
    return { status: 204, etag: 'large' };
  },
  get: async ({ batch }) => {
    const value = large.get(batch.operations[0]?.key ?? '');
    const answer: KeyAnswer = { status: 200, etag: 'large', bytes: value?.length };
    return { answer, body: value && Readable.from([value]) };
  },
};

async function run(input: string | Readable, more: Partial<BulkParts> = {}): Promise<object[]> {
  const parts: BulkParts = {
    keys: runtime.keys,
    streams,
    clock: world.clock,
    identity: identityOf({}, runtime.newOpId),
    lineTimeoutMs: 5_000,
    lineBytesMax: 2 ** 20,
    valueBytesMax: 2 ** 19,
    requestId: 'r',
    traceparent: undefined,
    ...more,
  };
  const collect = async (): Promise<object[]> => {
    const lines: object[] = [];
    const body = typeof input === 'string' ? Readable.from([Buffer.from(input)]) : input;
    for await (const line of bulkAnswers(parts, body)) lines.push(JSON.parse(line));
    return lines;
  };
  return world.clock.settle(collect());
}

const text = (lines: readonly object[]): string =>
  lines.map((line) => JSON.stringify(line)).join('\n');

// @req: kv.bulk.put, kv.bulk.get, kv.bulk.delete, kv.bulk.order
test('puts, gets and deletes are answered in the order of their lines', async () => {
  const answers = await run(
    text([
      { op: 'put', key: 'a', value: 'ü', content_type: 'text/plain' },
      { op: 'get', key: 'a' },
      { op: 'put', key: 'b', value_base64: '/w==' },
      { op: 'get', key: 'b' },
      { op: 'delete', key: 'a' },
      { op: 'get', key: 'a' },
    ]),
  );
  expect(answers).toMatchObject([
    { key: 'a', status: 204, etag: 'e' },
    { key: 'a', status: 200, value: 'ü', content_type: 'text/plain' },
    { key: 'b', status: 204 },
    { key: 'b', status: 200, value_base64: '/w==' },
    { key: 'a', status: 204 },
    { key: 'a', status: 404, code: 'key_not_found' },
  ]);
});

// @req: kv.value.streamed
test('large values go past the batches, in both directions', async () => {
  const value = 'x'.repeat(100_000);
  data.next.push({ status: 200, etag: 'large', bytes: value.length });
  const answers = await run(
    text([
      { op: 'put', key: 'l', value },
      { op: 'get', key: 'l' },
    ]),
  );
  expect(answers).toMatchObject([
    { key: 'l', status: 204, etag: 'large' },
    { key: 'l', status: 200, value },
  ]);
  expect(data.seen.map(({ verb }) => verb)).toEqual(['get']);
});

test('a value over the limit, or one that went away while it was fetched, fails its line', async () => {
  data.next.push({ status: 200, etag: 'large', bytes: 100_000 });
  large.set('broken', Buffer.alloc(1));
  const broken = new Readable({ read: () => broken.destroy(new Error('cut')) });
  const get = async () => ({ answer: { status: 200 }, body: broken });
  const lines = [
    { op: 'put', key: 'long', value: 'x'.repeat(2 ** 19 + 1) },
    { op: 'get', key: 'broken' },
  ];
  expect(await run(text(lines), { streams: { ...streams, get } })).toMatchObject([
    { key: 'long', status: 413, code: 'value_too_large' },
    { key: 'broken', status: 502, code: 'node_unreachable' },
  ]);
});

describe('a caller’s idempotency-key', () => {
  // @req: http.idempotency.repeated
  test('gives each line that writes an id of its own, the same when it is repeated', async () => {
    const lines = [
      { op: 'put', key: 'a', value: '1' },
      { op: 'get', key: 'a' },
      { op: 'delete', key: 'b' },
    ];
    await run(text(lines), { identity: identityOf({ 'idempotency-key': 'mine' }, () => '') });
    await run(text(lines), { identity: identityOf({ 'idempotency-key': 'mine' }, () => '') });
    const ids = data.seen.map(({ opId, callerOpId }) => `${opId} ${callerOpId}`);
    expect(ids.filter((id) => id !== ' false').sort()).toEqual(
      ['mine:1 true', 'mine:1 true', 'mine:3 true', 'mine:3 true'].sort(),
    );
  });
});

// @req: kv.bulk.streamed
test('no more than a window of lines is read ahead of a reader who does not read', async () => {
  let read = 0;
  const input = Readable.from(
    (async function* () {
      for (; read < 10_000; read += 1) {
        yield Buffer.from(`${JSON.stringify({ op: 'get', key: `k${read}` })}\n`);
      }
    })(),
  );
  const parts = { lineTimeoutMs: 1_000, lineBytesMax: 1_000, valueBytesMax: 1_000 };
  const answers = bulkAnswers(
    {
      ...parts,
      keys: runtime.keys,
      streams,
      clock: world.clock,
      identity: identityOf({}, runtime.newOpId),
      requestId: 'r',
      traceparent: undefined,
    },
    input,
  );
  await world.clock.settle(answers.next());
  expect(read).toBeLessThan(2 * BULK_WINDOW_LINES);
  await answers.return(undefined);
});
