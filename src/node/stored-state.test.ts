/** The newest state a node knows: newer ones only, durable before they count. */
import { beforeEach, expect, test } from 'vitest';
import { emptyState } from '../../test/contract/cluster-fixture.ts';
import { SimDisk } from '../../test/simulation/sim-disk.ts';
import { simRandom } from '../../test/simulation/sim-random.ts';
import { StoredState } from './stored-state.ts';

const state = (version: number, leaderEpoch = 1) => ({ ...emptyState(2), version, leaderEpoch });
let disk: SimDisk;

beforeEach(async () => {
  disk = new SimDisk({ random: simRandom(5) });
  await disk.boot().makeDirectory('/n');
  await disk.boot().syncDirectory('/');
});

const open = async (): Promise<StoredState> => {
  const stored = new StoredState(disk.boot(), '/n');
  await stored.load();
  return stored;
};

// @req: state.pushed
test('what was taken survives a power failure', async () => {
  const stored = await open();
  expect(stored.current).toBeUndefined();
  expect(await stored.accept(state(3))).toBe(true);
  disk.crash();
  expect((await open()).current?.version).toBe(3);
});

test('an older state, or the same again, is not taken, also when both come at once', async () => {
  const stored = await open();
  expect(await Promise.all([stored.accept(state(3)), stored.accept(state(2))])).toEqual([
    true,
    false,
  ]);
  expect(await stored.accept(state(3))).toBe(false);
  expect(stored.current?.version).toBe(3);
});

// @req: node.fence.epoch
test('an older leader is refused, also after a restart; a newer one may begin lower', async () => {
  await (await open()).accept(state(9, 2));
  const stored = await open();
  await expect(stored.accept(state(10, 1))).rejects.toMatchObject({ code: 'stale_epoch' });
  expect(await stored.accept(state(4, 3))).toBe(true);
});

// @req: data.foreign-cluster
test('a state of another cluster is refused', async () => {
  const stored = await open();
  await stored.accept(state(1));
  const theirs = { ...state(9, 9), clusterId: 'theirs' };
  await expect(stored.accept(theirs)).rejects.toMatchObject({ code: 'wrong_cluster' });
  expect((await open()).current?.clusterId).toBe('cluster-1');
});

test('a state that could not be stored does not count', async () => {
  const stored = await open();
  await stored.accept(state(1));
  disk.syncFails = () => true;
  await expect(stored.accept(state(2))).rejects.toBeDefined();
  expect(stored.current?.version).toBe(1);
});
