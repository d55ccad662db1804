import { expect, test } from 'vitest';
import {
  copyOf,
  dropOf,
  LOG_DIRECTORY,
  type LogWorld,
  logWorld,
  recordOf,
} from '../../test/simulation/log-world.ts';
import { SimDirectory } from '../../test/simulation/sim-disk-tree.ts';
import { seq } from '../kernel/ids.ts';

const LIMITS = {
  segmentBytes: 1_500,
  segmentAgeMsMin: 60_000,
  idleBatchDelayMs: 5,
  retainedBytesMax: 4_000,
};

function segments(world: LogWorld): number[] {
  const node = world.disk.node(LOG_DIRECTORY);
  return node instanceof SimDirectory ? node.names().map((name) => Number.parseInt(name, 10)) : [];
}

test('a segment goes when nobody needs it and it is old enough, oldest first', async () => {
  const world = await logWorld({ limits: LIMITS });
  const log = await world.open();
  await world.fill(log, { from: 1, to: 60 });
  const all = segments(world);
  expect(all.length).toBeGreaterThan(4);
  log.retain(copyOf(1), seq(60));
  await world.clock.run({ forMs: 1_000 });
  expect(segments(world)).toEqual(all);
  await world.clock.run({ forMs: 60_000 });
  expect(segments(world)).toEqual(all.slice(-1));
  expect(log.position(copyOf(1))?.lastSeq).toBe(60);
  world.kill();
  const again = await world.open();
  expect(again.recovery.damage).toEqual([]);
  expect(again.position(copyOf(1))).toMatchObject({ lastSeq: 60, lastTerm: 1, inDoubt: false });
});

test('the copy that pins the oldest segment is named, and a base that moves unpins it', async () => {
  const world = await logWorld({ limits: { ...LIMITS, segmentAgeMsMin: 0 } });
  const log = await world.open();
  await world.fill(log, { copy: 2, from: 1, to: 1 });
  await world.fill(log, { copy: 1, from: 1, to: 60 });
  log.retain(copyOf(1), seq(60));
  await world.clock.run({ forMs: 10 });
  expect(log.pinning()).toBe(copyOf(2));
  expect(log.overRetained()).toBe(true);
  expect(segments(world)[0]).toBe(1);
  log.retain(copyOf(2), seq(1));
  await world.clock.run({ forMs: 10 });
  expect(log.pinning()).toBeUndefined();
  expect(log.overRetained()).toBe(false);
  expect(segments(world)).toHaveLength(1);
  expect(log.retainedBytes()).toBe(world.disk.file(`${LOG_DIRECTORY}/${lastName(world)}`).size);
});

test('a dropped copy pins nothing', async () => {
  const world = await logWorld({ limits: { ...LIMITS, segmentAgeMsMin: 0 } });
  const log = await world.open();
  await world.fill(log, { copy: 2, from: 1, to: 5 });
  await world.fill(log, { copy: 1, from: 1, to: 40 });
  await world.settle(log.append([dropOf(2, 5)]));
  log.retain(copyOf(2), seq(5));
  log.retain(copyOf(1), seq(40));
  await world.clock.run({ forMs: 10 });
  expect(segments(world)).toHaveLength(1);
  world.kill();
  expect((await world.open()).copies()).toEqual([copyOf(1)]);
});

test('bytesSince counts the records of that copy behind a seq', async () => {
  const world = await logWorld({ limits: LIMITS });
  const log = await world.open();
  await world.fill(log, { copy: 2, from: 1, to: 9 });
  await world.fill(log, { copy: 1, from: 1, to: 40 });
  const one = (log.bytesSince(copyOf(2), seq(0)) - log.bytesSince(copyOf(2), seq(8))) / 8;
  expect(log.bytesSince(copyOf(2), seq(9))).toBe(0);
  expect(log.bytesSince(copyOf(2), seq(4))).toBe(5 * one);
});

test('a segment that is being read stays until the read is over', async () => {
  const world = await logWorld({ limits: { ...LIMITS, segmentAgeMsMin: 0 } });
  const log = await world.open();
  await world.fill(log, { from: 1, to: 40 });
  const reading = log.read(copyOf(1), seq(1), 1_000_000);
  log.retain(copyOf(1), seq(40));
  expect(await world.settle(reading)).toHaveLength(40);
  await world.clock.run({ forMs: 10 });
  expect(segments(world)).toHaveLength(1);
});

test('after a restart old segments are kept for the age once more', async () => {
  const world = await logWorld({ limits: LIMITS });
  const log = await world.open();
  await world.fill(log, { from: 1, to: 40 });
  await world.clock.run({ forMs: 100_000 });
  world.kill();
  const again = await world.open();
  again.retain(copyOf(1), seq(40));
  await world.clock.run({ forMs: 59_000 });
  expect(segments(world)[0]).toBe(1);
  await world.clock.run({ forMs: 2_000 });
  expect(segments(world)[0]).toBeGreaterThan(1);
});

test('a segment that cannot be removed ends the log', async () => {
  const world = await logWorld({ limits: { ...LIMITS, segmentAgeMsMin: 0 } });
  const log = await world.open();
  await world.fill(log, { from: 1, to: 40 });
  const failed = new Promise((resolve) => log.onFailure(resolve));
  world.disk.syncFails = ({ kind }) => kind === 'directory';
  log.retain(copyOf(1), seq(40));
  expect(await world.settle(failed)).toMatchObject({ code: 'storage_failed' });
  await expect(log.append([recordOf({ seq: 41 })])).rejects.toMatchObject({
    code: 'storage_failed',
  });
});

function lastName(world: LogWorld): string {
  const node = world.disk.node(LOG_DIRECTORY);
  return (node instanceof SimDirectory ? node.names().at(-1) : undefined) ?? '';
}
