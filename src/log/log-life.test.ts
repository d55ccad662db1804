/** Limits, order, the idle batch, failure and the end of a log. */
import { describe, expect, test } from 'vitest';
import {
  copyOf,
  dropOf,
  LOG_DIRECTORY,
  logWorld,
  recordOf,
  truncateOf,
} from '../../test/simulation/log-world.ts';
import { seq, shardUid } from '../kernel/ids.ts';
import { segmentName } from './segment.ts';

const path = (number: number): string => `${LOG_DIRECTORY}/${segmentName(number)}`;

// @req: log.gapless
describe('an append is refused as a bug when', () => {
  const payload = Buffer.alloc(8);
  const cases = [
    { what: 'a new copy does not begin with 1', records: [recordOf({ copy: 2, seq: 2 })] },
    { what: 'a seq is left out', records: [recordOf({ seq: 4 })] },
    { what: 'a seq is repeated', records: [recordOf({ seq: 2 })] },
    {
      what: 'a later record of the piece leaves a gap',
      records: [recordOf({ seq: 3 }), recordOf({ seq: 5 })],
    },
    { what: 'a term goes back', records: [recordOf({ seq: 3, term: 1 })] },
    { what: 'a drop stands elsewhere', records: [dropOf(1, 1)] },
    {
      what: 'a truncate contradicts its payload',
      records: [recordOf({ seq: 1, kind: 2, payload })],
    },
    { what: 'something follows a drop', records: [dropOf(1, 2), recordOf({ seq: 3, term: 2 })] },
    {
      what: 'a copy changes its shard',
      records: [{ ...recordOf({ seq: 3, term: 2 }), shardUid: shardUid('5'.repeat(16)) }],
    },
    {
      what: 'a record is too large',
      records: [recordOf({ seq: 3, term: 2, payload: Buffer.alloc(2_000) })],
    },
  ];
  test.each(cases)('$what', async ({ records }) => {
    const world = await logWorld({ limits: { recordBytesMax: 1_000 } });
    const log = await world.open();
    await world.settle(log.append([recordOf({ seq: 1, term: 2 }), recordOf({ seq: 2, term: 2 })]));
    await expect(log.append(records)).rejects.toMatchObject({ code: 'invariant_broken' });
    // Nothing of the piece was taken.
    await world.settle(log.append([recordOf({ seq: 3, term: 2 })]));
    expect(log.position(copyOf(1))).toMatchObject({ lastSeq: 3, lastTerm: 2 });
  });
});

test('an empty append is done at once', async () => {
  const world = await logWorld();
  const log = await world.open();
  await log.append([]);
  expect(log.stats.batches).toBe(0);
});

test('more than may wait is refused with overloaded, internal records are not', async () => {
  const world = await logWorld({ limits: { pendingBytesMax: 500 } });
  const log = await world.open();
  const payload = Buffer.alloc(300);
  const first = log.append([recordOf({ seq: 1, payload })]);
  expect(log.hasRoom(300)).toBe(false);
  const refused = log.append([recordOf({ seq: 2, payload })]);
  await expect(refused).rejects.toMatchObject({ code: 'overloaded', retryAfterMs: 50 });
  await expect(log.append([recordOf({ seq: 3 })])).rejects.toMatchObject({ code: 'overloaded' });
  const internal = log.append([recordOf({ seq: 2, payload })], { internal: true });
  await world.settle(Promise.all([first, internal]));
  expect(log.hasRoom(300)).toBe(true);
  await world.settle(log.append([recordOf({ seq: 3, payload })]));
});

test('a group is bounded, and a larger append goes alone', async () => {
  const world = await logWorld({ limits: { groupBytesMax: 1_000 } });
  const log = await world.open();
  const sizes = [300, 300, 300, 5_000, 100];
  const appends = sizes.map((size, index) =>
    log.append([recordOf({ seq: index + 1, payload: Buffer.alloc(size) })]),
  );
  await world.settle(Promise.all(appends));
  expect(log.stats).toMatchObject({ batches: 4, records: 5 });
});

// @req: log.group-commit
test('a batch is written only after the sync of the one before it', async () => {
  const world = await logWorld();
  const log = await world.open();
  const calls: string[] = [];
  world.disk.beforeCall = ({ kind }) => {
    calls.push(kind);
  };
  const first = log.append([recordOf({ seq: 1 })]);
  await world.clock.run({ isDone: () => calls.includes('write') });
  await world.settle(Promise.all([first, log.append([recordOf({ seq: 2 })])]));
  expect(calls).toEqual(['write', 'sync', 'write', 'sync']);
});

test('silence behind a data batch is closed by one positions batch, and only one', async () => {
  const world = await logWorld({ limits: { idleBatchDelayMs: 20 } });
  const log = await world.open();
  const opened = log.stats.syncs;
  for (let at = 1; at <= 10; at += 1) {
    await world.settle(log.append([recordOf({ seq: at })]));
    await world.clock.run({ forMs: 15 });
  }
  expect(log.stats.syncs - opened).toBe(10);
  await world.clock.run({ forMs: 1_000 });
  expect(log.stats.syncs - opened).toBe(11);
  world.disk.file(path(1)).truncate(world.disk.file(path(1)).size - 1);
  world.kill();
  const again = await world.open();
  expect(again.position(copyOf(1))?.lastSeq).toBe(10);
});

test('closing waits for what is pending, refuses what is new and leaves a positions batch', async () => {
  const world = await logWorld();
  const log = await world.open();
  const appended = log.append([recordOf({ seq: 1 })]);
  const closed = log.close();
  await expect(log.append([recordOf({ seq: 2 })])).rejects.toMatchObject({ code: 'shutting_down' });
  await world.settle(Promise.all([appended, closed, log.close()]));
  expect(world.clock.pending).toBe(0);
  world.disk.file(path(1)).truncate(world.disk.file(path(1)).size - 1);
  const again = await world.open();
  expect(again.position(copyOf(1))?.lastSeq).toBe(1);
  expect(again.recovery.tornTail).toBeDefined();
});

describe('when a sync or a write fails', () => {
  test('every pending and later append is rejected, the failure is told once, nothing is tried again', async () => {
    const world = await logWorld();
    const log = await world.open();
    await world.fill(log, { from: 1, to: 2 });
    const told: string[] = [];
    log.onFailure((error) => told.push(error.code));
    world.disk.syncFails = () => true;
    const pending = [log.append([recordOf({ seq: 3 })]), log.append([recordOf({ seq: 4 })])];
    const settled = await world.settle(Promise.allSettled(pending));
    expect(settled).toMatchObject([
      { status: 'rejected', reason: { code: 'storage_failed' } },
      { status: 'rejected', reason: { code: 'storage_failed' } },
    ]);
    world.disk.syncFails = undefined;
    const calls = world.disk.calls;
    await expect(log.append([recordOf({ seq: 3 })])).rejects.toMatchObject({
      code: 'storage_failed',
    });
    await world.clock.run({ forMs: 10_000 });
    expect(world.disk.calls).toBe(calls);
    expect(told).toEqual(['storage_failed']);
    log.onFailure((error) => told.push(`late ${error.code}`));
    expect(told).toEqual(['storage_failed', 'late storage_failed']);
    await world.settle(log.close());
  });

  test('what queued behind the failing batch is rejected too', async () => {
    const world = await logWorld();
    const log = await world.open();
    world.disk.syncFails = () => true;
    const first = log.append([recordOf({ seq: 1 })]).catch((error: Error) => error.message);
    let second: Promise<unknown> | undefined;
    world.disk.beforeCall = ({ kind }) => {
      if (kind === 'sync')
        second ??= log.append([recordOf({ seq: 2 })]).catch((error: Error) => error.message);
    };
    expect(await world.settle(first)).toContain('storage_failed');
    expect(await world.settle(Promise.resolve(second))).toContain('storage_failed');
  });

  test('what a failed sync left in the cache is durable when the next life shows it', async () => {
    const world = await logWorld({ seed: 3 });
    const log = await world.open();
    await world.fill(log, { from: 1, to: 1 });
    world.disk.syncFails = () => true;
    const lost = log.append([recordOf({ seq: 2, payload: Buffer.alloc(2_000, 7) })]);
    await expect(world.settle(lost)).rejects.toThrow('storage_failed');
    world.disk.syncFails = undefined;
    world.kill();
    const again = await world.open();
    const shown = again.position(copyOf(1))?.lastSeq;
    world.crash();
    const last = await world.open();
    expect(last.position(copyOf(1))?.lastSeq).toBe(shown);
    expect(last.recovery.damage).toEqual([]);
  });

  test('a failure outside our errors ends the log as well', async () => {
    const world = await logWorld();
    const log = await world.open();
    world.disk.beforeCall = ({ kind }) => {
      if (kind === 'write') throw new TypeError('a bug in the disk');
    };
    const lost = log.append([recordOf({ seq: 1 })]);
    await expect(world.settle(lost)).rejects.toMatchObject({ code: 'storage_failed' });
  });
});

describe('reading', () => {
  test('respects its limit but always makes progress', async () => {
    const world = await logWorld();
    const log = await world.open();
    const payload = Buffer.alloc(500);
    const records = [1, 2, 3].map((at) => recordOf({ seq: at, payload }));
    await world.settle(log.append(records));
    const read = async (limit: number) => await world.settle(log.read(copyOf(1), seq(1), limit));
    expect(await read(1)).toHaveLength(1);
    expect(await read(1_200)).toHaveLength(2);
    expect(await read(1_000_000)).toHaveLength(3);
  });

  test('shows only what is durable, and nothing of an unknown copy', async () => {
    const world = await logWorld();
    const log = await world.open();
    const pending = log.append([recordOf({ seq: 1 })]);
    expect(log.position(copyOf(1))).toBeUndefined();
    expect(log.copies()).toEqual([]);
    expect(await log.read(copyOf(1), seq(1), 100)).toEqual([]);
    expect(await log.read(copyOf(9), seq(1), 100)).toEqual([]);
    expect(log.bytesSince(copyOf(9), seq(0))).toBe(0);
    await world.settle(pending);
    expect(log.position(copyOf(1))).toMatchObject({ firstSeq: 1, lastSeq: 1 });
  });

  test('before the first kept record is a bug of the caller', async () => {
    const world = await logWorld();
    const log = await world.open();
    await world.settle(log.append([truncateOf(1, 10), recordOf({ seq: 11 })]));
    await expect(log.read(copyOf(1), seq(5), 100)).rejects.toThrow('invariant_broken');
  });
});
