import { describe, expect, test } from 'vitest';
import { copyOf, logWorld, recordOf, truncateOf } from '../../test/simulation/log-world.ts';
import { seq } from '../kernel/ids.ts';
import { RECORD_KIND, type RecordKind } from '../log/log-record.ts';
import type { Generation } from './memtable.ts';
import { encodeDelete, encodeDeleteMany, encodePut } from './payload.ts';
import {
  answerOf,
  contentOf,
  fingerprintOf,
  fingerprintOfRecord,
  outcomeOf,
} from './record-answer.ts';
import {
  changesOfRecord,
  firstSeqWithin,
  isUserRecord,
  outcomeOfRecord,
  recordsOf,
  replayBatches,
} from './replay.ts';
import type { Write } from './write.ts';

const ETAG = 'ab'.repeat(16);
const base = { opId: '00000000000000ff', callerOpId: true } as const;
const inline = { contentType: 't', etag: ETAG, bytes: 1, value: Buffer.from('x') };
const WRITES: Write[] = [
  { ...base, verb: 'put', key: 'k', stored: inline, ttlMs: 5 },
  {
    ...base,
    verb: 'put',
    key: 'k',
    stored: { contentType: 't', etag: ETAG, bytes: 9, blob: 'cd'.repeat(32) },
  },
  { ...base, verb: 'delete', key: 'k' },
  { ...base, verb: 'deleteMany', keys: ['a', 'b'], next: 'b', range: 'r' },
];

describe('a record', () => {
  // @req: log.op-id, shard.op-id.caller
  test.each(WRITES)('of a write says at replay what it said at first: $verb', (write) => {
    const content = contentOf(write, 1_000);
    const record = recordOf({ seq: 1, ...base, kind: content.kind, payload: content.payload });
    expect(changesOfRecord(record)).toEqual(content.changes);
    expect(isUserRecord(record)).toBe(true);
    expect(outcomeOfRecord(record)).toEqual(outcomeOf(record, fingerprintOf(write)));
    expect(fingerprintOfRecord(record, 'k')).toBe(fingerprintOf(write));
  });

  test('of our own changes no key and stands for no outcome', () => {
    for (const kind of [RECORD_KIND.termStart, RECORD_KIND.skip]) {
      const record = recordOf({ seq: 1, kind });
      expect(changesOfRecord(record)).toEqual([]);
      expect([isUserRecord(record), outcomeOfRecord(record)]).toEqual([false, undefined]);
    }
  });

  test('leaves out what a sweep has to spare', () => {
    const write: Write = {
      ...base,
      verb: 'deleteMany',
      keys: ['a', 'b', 'c'],
      next: undefined,
      range: '',
      isSpared: (key) => key === 'b',
    };
    const { payload, kind, changes } = contentOf(write, 0);
    expect(changes.map(([key]) => key)).toEqual(['a', 'c']);
    expect(answerOf({ kind, payload })).toEqual({
      status: 200,
      detail: '{"deleted":2,"next":null}',
    });
  });

  test('of each kind has its answer', () => {
    const { payload } = encodePut({ key: 'k', stored: { ...inline, expiresAtMs: 0 } });
    expect(answerOf({ kind: RECORD_KIND.put, payload })).toEqual({ status: 204, etag: ETAG });
    expect(answerOf({ kind: RECORD_KIND.delete, payload: encodeDelete('k') })).toEqual({
      status: 204,
    });
  });
});

async function worldOf(
  records: readonly { kind: RecordKind; payload: Buffer; hybridMs?: number }[],
) {
  const world = await logWorld();
  const log = await world.open();
  for (const [index, record] of records.entries()) {
    await world.settle(log.append([recordOf({ seq: index + 1, ...record })]));
  }
  return { world, log };
}

const del = (key: string) => ({ kind: RECORD_KIND.delete, payload: encodeDelete(key) });

describe('replay', () => {
  test('hands changes over in batches that end at the span, one change a key, without what is covered', async () => {
    const keys = ['a', 'b', 'a', 'c', 'd', 'b', 'e'];
    const { world, log } = await worldOf(keys.map(del));
    const batches: Generation[] = [];
    const options = {
      limits: { bytesMax: 1 << 20, rowsMax: 2 },
      isCovered: (key: string, at: number) => key === 'b' && at < 6,
      apply: async (batch: Generation) => void batches.push(batch),
    };
    const span = { copyId: copyOf(1), from: seq(1), upTo: seq(6) };
    await world.settle(replayBatches(log, span, options));
    expect(
      batches.map(({ seq: at, changes }) => [
        at,
        changes.map((change) => `${change.key}${change.seq}`),
      ]),
    ).toEqual([
      [4, ['a3', 'c4']],
      [6, ['d5', 'b6']],
    ]);
    await world.settle(replayBatches(log, { ...span, from: seq(7) }, options));
    expect(batches).toHaveLength(2);
  });

  test('reads exactly its span and notices what is missing', async () => {
    const { world, log } = await worldOf(['a', 'b', 'c'].map(del));
    const read = async (from: number, upTo: number): Promise<number[]> => {
      const seqs: number[] = [];
      const span = { copyId: copyOf(1), from: seq(from), upTo: seq(upTo) };
      for await (const record of recordsOf(log, span)) seqs.push(record.seq);
      return seqs;
    };
    expect(await world.settle(read(1, 2))).toEqual([1, 2]);
    expect(await world.settle(read(2, 3))).toEqual([2, 3]);
    expect(await world.settle(read(3, 2))).toEqual([]);
    await expect(world.settle(read(3, 4))).rejects.toThrow('the log holds record 4');
    const gap = { ...log, read: async () => [recordOf({ seq: 2 })] } as unknown as typeof log;
    const span = { copyId: copyOf(1), from: seq(1), upTo: seq(2) };
    await expect(recordsOf(gap, span).next()).rejects.toThrow('gapless');
  });

  // @req: shard.op-id.own
  test('of recent ids begins within the window before the newest record', async () => {
    const times = [1_000, 1_000, 2_000, 61_500, 61_500, 62_000];
    const many = {
      kind: RECORD_KIND.deleteMany,
      payload: encodeDeleteMany({ keys: [], next: undefined, range: '' }),
    };
    const { world, log } = await worldOf(times.map((hybridMs) => ({ ...many, hybridMs })));
    const first = (windowMs: number) => world.settle(firstSeqWithin(log, copyOf(1), windowMs));
    expect(await first(60_000)).toBe(3);
    expect(await first(0)).toBe(6);
    expect(await first(500)).toBe(4);
    expect(await first(1_000_000)).toBe(1);
    await world.settle(log.append([truncateOf(1, 9)]));
    expect(await first(60_000)).toBe(10);
  });
});
