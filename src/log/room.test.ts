import { expect, test } from 'vitest';
import { LOG_DIRECTORY, logWorld, recordOf } from '../../test/simulation/log-world.ts';
import { usedEnd } from './room.ts';
import { segmentName } from './segment.ts';

const PATH = `${LOG_DIRECTORY}/${segmentName(1)}`;

test('a segment grows by whole rooms, each made durable before a batch stands in it', async () => {
  const world = await logWorld({ limits: { roomBytes: 4_000 } });
  const log = await world.open();
  const disk = world.disk.boot();
  const sizes: number[] = [];
  let syncs = 0;
  world.disk.beforeCall = ({ kind, path }) => {
    if (kind === 'sync' && path === PATH) syncs += 1;
  };
  for (let number = 1; number <= 40; number += 1) {
    await world.settle(log.append([recordOf({ seq: number, payload: Buffer.alloc(100, 1) })]));
    sizes.push(await world.settle(disk.sizeOf(PATH)));
  }
  const distinct = new Set(sizes).size;
  expect(distinct).toBeGreaterThanOrEqual(2);
  expect(distinct).toBeLessThanOrEqual(3);
  // One a batch, and one a room.
  expect(syncs).toBe(40 + sizes.filter((size, place) => size !== sizes[place - 1]).length);
});

test('the room of a log that is killed is no damage, and one that is closed has none', async () => {
  const world = await logWorld({ limits: { roomBytes: 4_000 } });
  const log = await world.open();
  await world.settle(log.append([recordOf({ seq: 1 })]));
  world.kill();
  const again = await world.open();
  expect(again.recovery).toMatchObject({ damage: [], tornTail: undefined });
  await world.settle(again.append([recordOf({ seq: 2 })]));
  const withRoom = await world.settle(world.disk.boot().sizeOf(PATH));
  await world.settle(again.close());
  expect(await world.settle(world.disk.boot().sizeOf(PATH))).toBeLessThan(withRoom - 3_000);
});

test('a disk that has no room for room still takes a batch', async () => {
  const world = await logWorld({ limits: { roomBytes: 100_000 } });
  const log = await world.open();
  world.disk.capacityBytes = world.disk.usedBytes() + 1_000;
  await world.settle(log.append([recordOf({ seq: 1, payload: Buffer.alloc(300, 1) })]));
  const refused = log.append([recordOf({ seq: 2, payload: Buffer.alloc(3_000, 1) })]);
  await expect(world.settle(refused)).rejects.toThrow('disk_full');
});

test('zeros behind the last byte are room, those before it are not', () => {
  const bytes = Buffer.from([1, 2, 0, 3, 0, 0]);
  expect(usedEnd(bytes, 2)).toBe(4);
  expect(usedEnd(bytes, 5)).toBe(5);
  expect(usedEnd(Buffer.alloc(4), 0)).toBe(0);
});
