import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  copyOf,
  LOG_DIRECTORY,
  LOG_ID,
  type LogWorld,
  logWorld,
  recordOf,
  truncateOf,
} from '../../test/simulation/log-world.ts';
import { seq } from '../kernel/ids.ts';
import { batchSeed, encodePositions, sealBatch } from './batch-codec.ts';
import type { NodeLog } from './log.ts';
import type { LogRecord } from './log-record.ts';
import { SEGMENT_HEADER_BYTES, segmentName } from './segment.ts';

const LIMITS = { segmentBytes: 2_000, idleBatchDelayMs: 5 };
const path = (number: number): string => `${LOG_DIRECTORY}/${segmentName(number)}`;

/** Where `needle` lies in a segment, in bits. */
function bitOf(world: LogWorld, segment: number, needle: string): number {
  const at = world.disk.peek(path(segment)).indexOf(needle);
  expect(at).toBeGreaterThan(0);
  return at * 8;
}

async function reopen(world: LogWorld): Promise<NodeLog> {
  world.kill();
  return await world.open();
}

const step = fc.record({
  copy: fc.integer({ min: 1, max: 3 }),
  bytes: fc.integer({ min: 0, max: 600 }),
  isNewTerm: fc.boolean(),
  truncateBy: fc.option(fc.integer({ min: 0, max: 3 }), { freq: 8 }),
  pauseMs: fc.constantFrom(0, 0, 0, 10),
});

type Step = typeof step extends fc.Arbitrary<infer One> ? One : never;

/** Plays the steps, closes the log; what every copy holds. */
async function play(world: LogWorld, steps: readonly Step[]) {
  const log = await world.open();
  const held = new Map<number, LogRecord[]>();
  for (const { copy, bytes, isNewTerm, truncateBy, pauseMs } of steps) {
    const records = held.get(copy) ?? [];
    held.set(copy, records);
    if (truncateBy !== null && truncateBy < records.length) {
      records.length -= truncateBy;
      const last = records.at(-1);
      await world.settle(log.append([truncateOf(copy, records.length, last?.term ?? 1)]));
    }
    const term = (records.at(-1)?.term ?? 1) + (isNewTerm ? 1 : 0);
    const payload = Buffer.alloc(bytes, records.length);
    const record = recordOf({ copy, seq: records.length + 1, term, payload });
    records.push(record);
    await world.settle(log.append([record]));
    await world.clock.run({ forMs: pauseMs });
  }
  await world.settle(log.close());
  return held;
}

// @req: log.damage, failure.flipped-bytes, tests.properties
test('after any damage a copy is complete or in doubt, and no changed byte is ever served', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 40 }),
      fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
      fc.constantFrom('flip', 'zeros', 'remove'),
      async (steps, where, how) => {
        const world = await logWorld({ limits: LIMITS });
        const held = await play(world, steps);
        const segments = world.disk.node(LOG_DIRECTORY);
        const names = segments && 'names' in segments ? segments.names() : [];
        const at = Math.floor(where * names.length);
        const file = `${LOG_DIRECTORY}/${names[at]}`;
        const size = world.disk.file(file).size;
        const offset = Math.floor((where * names.length - at) * size);
        if (how === 'flip') world.disk.flipBit(file, offset * 8 + (offset % 8));
        else if (how === 'zeros') world.disk.file(file).write(offset, Buffer.alloc(100));
        // The last segment is not removed: a log without its end looks like a shorter log.
        else if (at < names.length - 1 && at > 0)
          world.disk.parent(file).directory.delete(names[at] ?? '');
        for (let opening = 0; opening < 2; opening += 1) {
          await checkHeld(world, await reopen(world), held);
        }
      },
    ),
    { numRuns: 120 },
  );
});

async function checkHeld(
  world: LogWorld,
  log: NodeLog,
  held: ReadonlyMap<number, readonly LogRecord[]>,
): Promise<void> {
  for (const [copy, records] of held) {
    const position = log.position(copyOf(copy));
    if (position === undefined) {
      expect(log.recovery.damage).not.toEqual([]);
      continue;
    }
    if (position.inDoubt) {
      expect(log.recovery.damage.length + (log.recovery.tornTail ? 1 : 0)).toBeGreaterThan(0);
      await checkCertainPart(world, log, { copy, records });
      continue;
    }
    expect(await world.readAll(log, copy)).toEqual(records);
  }
}

/** Of a copy in doubt, what can be read outside the doubt is what was written. */
async function checkCertainPart(
  world: LogWorld,
  log: NodeLog,
  expected: { copy: number; records: readonly LogRecord[] },
): Promise<void> {
  const position = log.position(copyOf(expected.copy));
  const until = position?.missing?.until;
  if (!position || until === undefined || until >= position.lastSeq) return;
  const from = seq(Math.max(until + 1, position.firstSeq));
  const records = await world.settle(log.read(copyOf(expected.copy), from, 1_000_000));
  expect(records).toEqual(expected.records.slice(from - 1, from - 1 + records.length));
}

// @req: log.torn-tail, failure.flipped-bytes
test('a torn last batch is cut, counted and never served', async () => {
  const world = await logWorld({ limits: LIMITS });
  const log = await world.open();
  await world.fill(log, { from: 1, to: 3 });
  const size = world.disk.file(path(1)).size;
  world.disk.file(path(1)).truncate(size - 5);
  const again = await reopen(world);
  expect(again.position(copyOf(1))).toMatchObject({ lastSeq: 2, inDoubt: false });
  expect(again.recovery.damage).toEqual([]);
  expect(again.recovery.tornTail).toMatchObject({ segment: 1 });
  await world.fill(again, { from: 3, to: 4 });
  expect((await world.readAll(await reopen(world), 1)).map((one) => one.seq)).toEqual([1, 2, 3, 4]);
});

describe('a flipped bit in a batch with valid ones behind it', () => {
  // @req: log.damage, log.batch
  test('puts the copy in doubt whose records it swallowed, and leaves the others alone', async () => {
    const world = await logWorld({ limits: LIMITS });
    const log = await world.open();
    await world.fill(log, { copy: 1, from: 1, to: 3 });
    await world.fill(log, { copy: 2, from: 1, to: 3 });
    await world.fill(log, { copy: 1, from: 4, to: 6 });
    world.disk.flipBit(path(1), bitOf(world, 1, 'copy 1 seq 2'));
    const again = await reopen(world);
    expect(again.recovery.damage).toMatchObject([{ kind: 'hole', segment: 1, batchesMissing: 1 }]);
    expect(again.position(copyOf(1))).toMatchObject({
      inDoubt: true,
      missing: { after: 1, until: 2 },
      lastSeq: 6,
    });
    expect(again.position(copyOf(2))).toMatchObject({ inDoubt: false, lastSeq: 3 });
  });

  // @req: log.damage.intact
  test('leaves a copy intact whose sequence goes on right behind the hole', async () => {
    const world = await logWorld({ limits: LIMITS });
    const log = await world.open();
    await world.fill(log, { copy: 2, from: 1, to: 3 });
    await world.fill(log, { copy: 1, from: 1, to: 3 });
    await world.fill(log, { copy: 2, from: 4, to: 4 });
    await world.settle(log.close());
    world.disk.flipBit(path(1), bitOf(world, 1, 'copy 1 seq 2'));
    const again = await reopen(world);
    expect(again.position(copyOf(2))).toMatchObject({ inDoubt: false, lastSeq: 4 });
    expect((await world.readAll(again, 2)).map((one) => one.seq)).toEqual([1, 2, 3, 4]);
    expect(again.position(copyOf(1))).toMatchObject({ inDoubt: true });
  });

  test('refuses reads inside the doubt and allows them outside', async () => {
    const world = await logWorld({ limits: LIMITS });
    const log = await world.open();
    await world.fill(log, { from: 1, to: 6 });
    world.disk.flipBit(path(1), bitOf(world, 1, 'copy 1 seq 3'));
    const again = await reopen(world);
    const read = (from: number) => world.settle(again.read(copyOf(1), seq(from), 10_000));
    expect((await read(1)).map((one) => one.seq)).toEqual([1, 2]);
    await expect(read(3)).rejects.toThrow('shard_in_doubt');
    expect((await read(4)).map((one) => one.seq)).toEqual([4, 5, 6]);
  });
});

describe('a doubt', () => {
  async function doubtful(): Promise<{ world: LogWorld; log: NodeLog }> {
    const world = await logWorld({ limits: LIMITS });
    const log = await world.open();
    await world.fill(log, { from: 1, to: 6 });
    world.disk.flipBit(path(1), bitOf(world, 1, 'copy 1 seq 3'));
    return { world, log: await reopen(world) };
  }

  test('is still known after the next restart', async () => {
    const { world, log } = await doubtful();
    await world.fill(log, { copy: 2, from: 1, to: 1 });
    const again = await reopen(world);
    expect(again.position(copyOf(1))?.inDoubt).toBe(true);
    expect(again.position(copyOf(2))?.inDoubt).toBe(false);
  });

  test('without a bound is remembered too', async () => {
    const world = await logWorld({ limits: LIMITS });
    const log = await world.open();
    await world.fill(log, { copy: 2, from: 1, to: 1 });
    await world.fill(log, { copy: 1, from: 1, to: 2 });
    await world.fill(log, { copy: 1, from: 3, to: 3 });
    world.disk.flipBit(path(1), bitOf(world, 1, 'copy 1 seq 1'));
    const again = await reopen(world);
    expect(again.position(copyOf(2))?.missing).toEqual({ after: 1, until: undefined });
    again.retain(copyOf(2), seq(5));
    expect(again.position(copyOf(2))?.inDoubt).toBe(true);
    expect((await reopen(world)).position(copyOf(2))?.missing).toEqual({
      after: 1,
      until: undefined,
    });
  });

  test('ends when the base holds what may be missing', async () => {
    const { log } = await doubtful();
    log.retain(copyOf(1), seq(2));
    expect(log.position(copyOf(1))?.inDoubt).toBe(true);
    log.retain(copyOf(1), seq(3));
    expect(log.position(copyOf(1))?.inDoubt).toBe(false);
  });

  test('ends when the copy is cut back to what is certain', async () => {
    const { world, log } = await doubtful();
    await world.settle(log.append([truncateOf(1, 2)]));
    expect(log.position(copyOf(1))).toMatchObject({ inDoubt: false, lastSeq: 2 });
    await world.settle(log.append([recordOf({ seq: 3 })]));
    const again = await reopen(world);
    expect(again.position(copyOf(1))).toMatchObject({ inDoubt: false, lastSeq: 3 });
    expect((await world.readAll(again, 1)).map((one) => one.seq)).toEqual([1, 2, 3]);
  });

  test('ends when a snapshot moves the copy forward', async () => {
    const { world, log } = await doubtful();
    await world.settle(log.append([truncateOf(1, 50)]));
    expect(log.position(copyOf(1))).toMatchObject({ inDoubt: false, lastSeq: 50, firstSeq: 51 });
  });
});

test('a missing segment in the middle is damage, and what is behind it is still read', async () => {
  const world = await logWorld({ limits: LIMITS });
  const log = await world.open();
  await world.fill(log, { from: 1, to: 60 });
  await world.settle(log.close());
  world.disk.parent(path(2)).directory.delete(segmentName(2));
  const again = await reopen(world);
  expect(again.recovery.damage).toMatchObject([
    { kind: 'missing_segment', segment: 2 },
    { kind: 'hole', segment: 1 },
  ]);
  expect(again.position(copyOf(1))).toMatchObject({ inDoubt: true, lastSeq: 60 });
});

test('a damaged header loses no record', async () => {
  const world = await logWorld({ limits: LIMITS });
  const log = await world.open();
  await world.fill(log, { from: 1, to: 3 });
  await world.settle(log.close());
  world.disk.flipBit(path(1), 8 * 20);
  const again = await reopen(world);
  expect(again.recovery.damage).toMatchObject([{ kind: 'header', segment: 1 }]);
  expect(again.position(copyOf(1))).toMatchObject({ inDoubt: false, lastSeq: 3 });
  expect(await world.readAll(again, 1)).toHaveLength(3);
});

test('a segment torn while it was begun is removed when it is the last', async () => {
  const world = await logWorld({ limits: LIMITS });
  const log = await world.open();
  await world.fill(log, { from: 1, to: 3 });
  await world.settle(log.close());
  const disk = world.disk.boot();
  const torn = await disk.open(path(2), 'create');
  await torn.write(0, Buffer.alloc(30));
  const again = await reopen(world);
  expect(again.recovery).toMatchObject({ damage: [], segments: 1 });
  expect(await disk.exists(path(2)).catch(() => false)).toBe(false);
  expect(again.position(copyOf(1))?.lastSeq).toBe(3);
});

test('a torn tail before a begun segment was durable once: every copy is in doubt', async () => {
  const world = await logWorld({ limits: LIMITS });
  const log = await world.open();
  await world.fill(log, { from: 1, to: 3 });
  world.disk.file(path(1)).truncate(world.disk.file(path(1)).size - 5);
  const disk = world.disk.boot();
  await disk.open(path(2), 'create');
  const again = await reopen(world);
  expect(again.recovery.damage).toMatchObject([{ kind: 'lost_tail', segment: 1 }]);
  expect(again.position(copyOf(1))).toMatchObject({ inDoubt: true, missing: { after: 2 } });
});

// @req: log.batch
test('a value that holds a batch made for another place is never taken for a batch', async () => {
  const world = await logWorld();
  const log = await world.open();
  await world.fill(log, { from: 1, to: 2 });
  const batches = world.disk.peek(path(1)).subarray(SEGMENT_HEADER_BYTES);
  const forged = encodePositions([], 0);
  const seal = { seed: batchSeed(LOG_ID, 1), number: 9, offset: 48, kind: 2, count: 0 };
  sealBatch(forged, seal);
  const lure = Buffer.concat([batches, forged, Buffer.alloc(100)]);
  await world.settle(log.append([recordOf({ seq: 3, payload: lure })]));
  world.disk.file(path(1)).truncate(world.disk.file(path(1)).size - 1);
  const again = await reopen(world);
  expect(again.recovery).toMatchObject({ damage: [], tornTail: { segment: 1 } });
  expect(again.position(copyOf(1))).toMatchObject({ inDoubt: false, lastSeq: 2 });
});

// @req: failure.flipped-bytes
test('bytes that rot while the log runs are not served: its life ends, the next one judges', async () => {
  const world = await logWorld({ limits: LIMITS });
  const log = await world.open();
  await world.fill(log, { from: 1, to: 5 });
  world.disk.flipBit(path(1), bitOf(world, 1, 'copy 1 seq 3'));
  let failures = 0;
  log.onFailure(() => {
    failures += 1;
  });
  const read = log.read(copyOf(1), seq(1), 10_000);
  await expect(world.settle(read)).rejects.toThrow('storage_failed');
  expect(failures).toBe(1);
  expect((await reopen(world)).position(copyOf(1))?.inDoubt).toBe(true);
});
