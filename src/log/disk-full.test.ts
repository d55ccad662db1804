import { expect, test } from 'vitest';
import {
  copyOf,
  type LogWorld,
  logWorld,
  RESERVE_PATH,
  recordOf,
  truncateOf,
} from '../../test/simulation/log-world.ts';
import type { NodeLog } from './log.ts';

const LIMITS = { reserveBytes: 4_000, freeBytesMin: 10_000, fullCheckMs: 100, idleBatchDelayMs: 5 };
const big = (seq: number) => recordOf({ seq, payload: Buffer.alloc(2_000, seq) });

/** A log with three records whose disk is full to the last byte. */
async function fullWorld(hasReserve = true): Promise<{ world: LogWorld; log: NodeLog }> {
  const world = await logWorld({ limits: LIMITS, hasReserve });
  const log = await world.open();
  await world.fill(log, { from: 1, to: 3 });
  await world.clock.run({ forMs: 50 });
  world.disk.capacityBytes = 1;
  return { world, log };
}

/** Makes the reserve's bytes usable, as a real disk does when the file goes. */
function fillUp(world: LogWorld, log: NodeLog): void {
  world.disk.capacityBytes = log.retainedBytes() + world.disk.file(RESERVE_PATH).size;
}

test('a full disk refuses users with disk_full, keeps what is there and stays alive', async () => {
  const { world, log } = await fullWorld();
  fillUp(world, log);
  let failures = 0;
  log.onFailure(() => {
    failures += 1;
  });
  await expect(world.settle(log.append([big(4)]))).rejects.toMatchObject({ code: 'disk_full' });
  expect(log.position(copyOf(1))).toMatchObject({ lastSeq: 3 });
  expect(failures).toBe(0);
  expect(log.hasRoom(1)).toBe(false);
  world.kill();
  const again = await world.open();
  expect(await world.readAll(again, 1)).toHaveLength(3);
});

test('the reserve is freed, internal records still fit, users stay out', async () => {
  const { world, log } = await fullWorld();
  fillUp(world, log);
  const user = log.append([big(4)]);
  await expect(world.settle(user)).rejects.toMatchObject({ code: 'disk_full' });
  expect(world.disk.node(RESERVE_PATH)).toBeUndefined();
  await world.settle(log.append([big(4)], { internal: true }));
  await expect(log.append([recordOf({ seq: 5 })])).rejects.toMatchObject({ code: 'disk_full' });
  expect(log.position(copyOf(1))?.lastSeq).toBe(4);
});

test('an internal record that waits beside refused ones is written after the reserve was freed', async () => {
  const { world, log } = await fullWorld();
  fillUp(world, log);
  const user = log.append([big(4)]);
  const behind = log.append([recordOf({ seq: 5 })], { internal: true });
  const cut = log.append([truncateOf(1, 4)], { internal: true });
  const other = log.append([recordOf({ copy: 2, seq: 1 })], { internal: true });
  const settled = await world.settle(Promise.allSettled([user, behind, cut, other]));
  expect(settled.map((one) => one.status)).toEqual([
    'rejected',
    'rejected',
    'rejected',
    'fulfilled',
  ]);
  expect(log.position(copyOf(1))?.lastSeq).toBe(3);
  expect(log.position(copyOf(2))?.lastSeq).toBe(1);
});

test('an internal record that does not fit even then is refused, and the log stays alive', async () => {
  const { world, log } = await fullWorld();
  const internal = log.append([big(4)], { internal: true });
  await expect(world.settle(internal)).rejects.toMatchObject({ code: 'disk_full' });
  const again = log.append([big(4)], { internal: true });
  await expect(world.settle(again)).rejects.toMatchObject({ code: 'disk_full' });
  expect(log.position(copyOf(1))?.lastSeq).toBe(3);
});

test('whoever goes on behind refused records is refused too, until he starts where the log stands', async () => {
  const { world, log } = await fullWorld(false);
  const refused = log.append([big(4)]);
  await expect(world.settle(refused)).rejects.toMatchObject({ code: 'disk_full' });
  const gap = log.append([recordOf({ seq: 5 })], { internal: true });
  await expect(gap).rejects.toMatchObject({ code: 'disk_full' });
  world.disk.capacityBytes = Number.POSITIVE_INFINITY;
  await world.clock.run({ forMs: 300 });
  await world.settle(log.append([recordOf({ seq: 4 })]));
  await expect(log.append([recordOf({ seq: 6 })])).rejects.toMatchObject({
    code: 'invariant_broken',
  });
});

test('with space the reserve is filled again and users may write', async () => {
  const { world, log } = await fullWorld();
  await expect(world.settle(log.append([big(4)]))).rejects.toThrow('disk_full');
  world.disk.capacityBytes = log.retainedBytes() + 5_000;
  await world.clock.run({ forMs: 500 });
  expect(log.hasRoom(1)).toBe(false);
  world.disk.capacityBytes = log.retainedBytes() + 20_000;
  await world.clock.run({ forMs: 500 });
  expect(world.disk.file(RESERVE_PATH).size).toBe(LIMITS.reserveBytes);
  await world.settle(log.append([big(4)]));
  expect(log.position(copyOf(1))?.lastSeq).toBe(4);
});

test('a full disk in the middle of a roll leaves the old segment in use', async () => {
  const world = await logWorld({ limits: { ...LIMITS, segmentBytes: 3_000 } });
  const log = await world.open();
  await world.settle(log.append([big(1)]));
  world.disk.capacityBytes = 1;
  await expect(world.settle(log.append([big(2)]))).rejects.toThrow('disk_full');
  world.disk.capacityBytes = Number.POSITIVE_INFINITY;
  await world.clock.run({ forMs: 300 });
  await world.settle(log.append([recordOf({ seq: 2 })]));
  await world.settle(log.append([big(3)]));
  world.kill();
  const again = await world.open();
  expect(again.recovery).toMatchObject({ segments: 2, damage: [] });
  expect(await world.readAll(again, 1)).toHaveLength(3);
});

test('an idle batch that does not fit waits for space', async () => {
  const world = await logWorld({ limits: LIMITS });
  const log = await world.open();
  await world.settle(log.append([recordOf({ seq: 1 })]));
  world.disk.capacityBytes = 1;
  await world.clock.run({ forMs: 50 });
  const syncs = log.stats.syncs;
  await world.clock.run({ forMs: 5_000 });
  expect(log.stats.syncs).toBe(syncs);
  world.disk.capacityBytes = Number.POSITIVE_INFINITY;
  await world.clock.run({ forMs: 5_000 });
  expect(log.stats.syncs).toBe(syncs + 1);
});

test('a log opens on a full disk, reads, and refuses users', async () => {
  const { world, log } = await fullWorld();
  await world.settle(log.close()).catch(() => {});
  world.kill();
  world.disk.parent(RESERVE_PATH).directory.delete('RESERVE');
  const again = await world.open();
  expect(await world.readAll(again, 1)).toHaveLength(3);
  await expect(again.append([recordOf({ seq: 4 })])).rejects.toMatchObject({ code: 'disk_full' });
});

test('a new log does not begin on a full disk, unless the reserve makes room for it', async () => {
  const world = await logWorld({ limits: LIMITS, hasReserve: true });
  world.disk.capacityBytes = 10;
  await expect(world.open()).rejects.toMatchObject({ code: 'disk_full' });
  world.kill();
  world.disk.capacityBytes = Number.POSITIVE_INFINITY;
  const disk = world.disk.boot();
  const reserve = await disk.open(RESERVE_PATH, 'create');
  await reserve.write(0, Buffer.alloc(LIMITS.reserveBytes));
  world.disk.capacityBytes = LIMITS.reserveBytes;
  const log = await world.open();
  expect(log.copies()).toEqual([]);
});
