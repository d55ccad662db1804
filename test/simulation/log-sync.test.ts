/** No sync call of the log is there for nothing: without any one of them some story ends badly. */
import { strict as assert } from 'node:assert';
import { expect, test } from 'vitest';
import { playCrashStory } from './log-crash.ts';
import { LogWorld, recordOf } from './log-world.ts';
import type { SyncCall } from './sim-disk.ts';

const SEEDS_MAX = 200;

/** Nothing rests on the bytes that it makes durable: room.test.ts shows what it is for. */
const FOR_SPEED = /^log\/room\.ts/;

type Story = (seed: number, syncFilter: (call: SyncCall) => boolean) => Promise<void>;

const random: Story = (seed, syncFilter) => playCrashStory({ seed, syncFilter });

/** Killed between write and sync of a batch; the next life loses power right after it has gone on behind it. */
const killedThenCrashed: Story = async (seed, syncFilter) => {
  const world = await storyWorld(seed, syncFilter);
  const log = await world.open();
  world.disk.beforeCall = ({ kind }) => {
    if (kind === 'sync') world.kill();
  };
  const lost = log.append([recordOf({ seq: 1, payload: Buffer.alloc(3_000, 1) })]);
  await expect(world.settle(lost)).rejects.toThrow();
  let syncs = 0;
  world.disk.beforeCall = ({ kind }) => {
    syncs += kind === 'sync' ? 1 : 0;
    if (syncs === 2) world.crash();
  };
  await expect(world.open()).rejects.toThrow();
  await assertUndamaged(world);
};

/** A new segment does not fit, later a small record goes into the old one, and the power fails during that. */
const rollRefusedThenCrashed: Story = async (seed, syncFilter) => {
  const world = await storyWorld(seed, syncFilter);
  const log = await world.open();
  await world.settle(log.append([recordOf({ seq: 1, payload: Buffer.alloc(4_300, 1) })]));
  await world.settle(log.append([recordOf({ seq: 2, payload: Buffer.alloc(1_000, 2) })]));
  world.disk.capacityBytes = 1;
  const refused = log.append([recordOf({ seq: 3, payload: Buffer.alloc(3_000, 3) })]);
  await expect(world.settle(refused)).rejects.toThrow('disk_full');
  world.disk.capacityBytes = Number.POSITIVE_INFINITY;
  world.disk.beforeCall = ({ kind }) => {
    if (kind === 'sync') world.crash();
  };
  const small = log.append([recordOf({ seq: 3, payload: Buffer.alloc(900, 4) })], {
    internal: true,
  });
  await expect(world.settle(small)).rejects.toThrow();
  await assertUndamaged(world);
};

const STORIES = [killedThenCrashed, rollRefusedThenCrashed, random];

test('with every sync in place all stories end well', async () => {
  for (const story of STORIES) {
    for (let seed = 1; seed <= 60; seed += 1) await story(seed, () => true);
  }
});

test('without any one of its sync calls the log breaks a promise', async () => {
  const sites = new Set<string>();
  const note = (call: SyncCall): boolean => {
    sites.add(call.site);
    return true;
  };
  for (const story of STORIES) for (let seed = 1; seed <= 60; seed += 1) await story(seed, note);
  // A pin: a new sync call has to show here that it is needed.
  expect([...sites].filter((site) => site.startsWith('log/'))).toHaveLength(12);
  const unneeded: string[] = [];
  for (const site of sites) {
    if (FOR_SPEED.test(site)) continue;
    if (!(await isNeeded(site))) unneeded.push(site);
  }
  expect(unneeded).toEqual([]);
}, 60_000);

async function isNeeded(site: string): Promise<boolean> {
  for (let seed = 1; seed <= SEEDS_MAX; seed += 1) {
    for (const story of STORIES) {
      const isFine = await story(seed, (call) => call.site !== site).then(
        () => true,
        () => false,
      );
      if (!isFine) return true;
    }
  }
  return false;
}

async function storyWorld(
  seed: number,
  syncFilter: (call: SyncCall) => boolean,
): Promise<LogWorld> {
  const world = new LogWorld({ seed, limits: { segmentBytes: 8_000 } });
  await world.format();
  world.disk.syncFilter = syncFilter;
  return world;
}

async function assertUndamaged(world: LogWorld): Promise<void> {
  world.disk.beforeCall = undefined;
  const log = await world.open();
  assert.deepEqual(log.recovery.damage, []);
  await world.settle(log.close());
}
