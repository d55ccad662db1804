/** A coordinator without its disk: it creates nothing and takes what the nodes hold. */
import { beforeEach, describe, expect, test } from 'vitest';
import { CoordinatorWorld, type NodeDouble } from '../../test/rooms/coordinator-world.ts';
import { findNode, shardsOf } from '../cluster/state-access.ts';
import type { CoordinatorRuntime } from './coordinator-runtime.ts';

let world: CoordinatorWorld;
let first: NodeDouble;
let second: NodeDouble;
let former: CoordinatorRuntime;
let runtime: CoordinatorRuntime;

beforeEach(async () => {
  world = new CoordinatorWorld();
  former = await world.open({ minNodes: 2, healthCheckIntervalMs: 5_000 });
  first = world.node('n1');
  second = world.node('n2');
  for (const node of [first, second]) await world.join(former, node);
  await world.clock.run({ forMs: 200 });
  await former.stop();
  // Another directory: its own disk is gone.
  runtime = await world.open({}, '/another');
});

const register = (node: NodeDouble) =>
  world.clock.settle(runtime.registry.register({ node: node.self() }));

// @req: state.empty-coordinator, failure.coordinator-disk
test('it waits for every node the state names, and says for whom', async () => {
  await expect(register(first)).rejects.toMatchObject({
    code: 'recovering',
    fields: { missing_nodes: ['n2'] },
  });
  expect(runtime.recovery.active).toBe(true);
  expect(() => runtime.recovery.check()).toThrow(/n2/);
  expect(runtime.keeper.founded).toBe(false);
  await world.clock.run({ forMs: 60_000 });
  expect(runtime.keeper.founded).toBe(false);
});

// @req: state.empty-coordinator.all, failure.coordinator-disk.epoch
test('it goes on by itself with the newest state once all are there', async () => {
  const lost = former.keeper.state;
  await register(first).catch(() => {});
  const answer = await register(second);
  const { state } = runtime.keeper;
  expect(runtime.recovery.active).toBe(false);
  expect(answer.state).toEqual(state);
  expect(state.clusterId).toBe(lost.clusterId);
  expect(state.leaderEpoch).toBe(lost.leaderEpoch + 1);
  const terms = (from: typeof state) => shardsOf(from).map(({ term }) => term);
  expect(terms(state)).toEqual(terms(lost).map((term) => term + 1));
  expect(shardsOf(state).map(({ primary }) => primary)).toEqual(
    shardsOf(lost).map(({ primary }) => primary),
  );
  expect((await register(first)).leaseMs).toBe(10_000);
});

test('it adopts once, though two nodes complete the cluster at the same moment', async () => {
  const { leaderEpoch } = former.keeper.state;
  await register(first).catch(() => {});
  await Promise.all([register(second), register(second)]);
  expect(runtime.keeper.state.leaderEpoch).toBe(leaderEpoch + 1);
});

// @req: coord.lease.first-span
test('leases that the former leader granted count for a span of the state that was found', async () => {
  await register(first).catch(() => {});
  await register(second);
  await world.clock.run({ forMs: 10_900 });
  expect(runtime.book.leaseRunning('n1')).toBe(true);
  await world.clock.run({ forMs: 200 });
  expect(runtime.book.leaseRunning('n1')).toBe(false);
});

describe('with a node missing', () => {
  // @req: failure.coordinator-disk.missing
  test('it goes on after an operator said so, and takes the node back when it comes', async () => {
    await register(first).catch(() => {});
    expect(await world.clock.settle(runtime.recovery.acceptMissing())).toEqual(['n2']);
    expect(findNode(runtime.keeper.state, 'n2')?.status).toBe('dead');
    expect((await register(first)).shards).toHaveLength(2);
    second.incarnation = 'later';
    expect((await register(second)).shards).toHaveLength(2);
    await expect(runtime.recovery.acceptMissing()).rejects.toMatchObject({
      code: 'not_recovering',
    });
  });

  test('that lost its own disk it goes on: nothing more can come from it', async () => {
    await register(first).catch(() => {});
    Object.assign(second, { directoryId: 'new', incarnation: 'new', copies: [], state: undefined });
    // Its former self may hold a lease for another span, so its id is not free yet.
    await expect(register(second)).rejects.toMatchObject({ code: 'node_id_in_use' });
    expect(runtime.recovery.active).toBe(false);
    await world.clock.run({ forMs: 11_100 });
    expect((await register(second)).shards).toEqual([]);
  });
});

test('a node of a second cluster is turned away, and the first one’s recovery goes on', async () => {
  await register(first).catch(() => {});
  const stranger = world.node('stranger');
  stranger.state = { ...(first.state as NonNullable<NodeDouble['state']>), clusterId: 'theirs' };
  await expect(register(stranger)).rejects.toMatchObject({ code: 'wrong_cluster' });
  expect(() => runtime.recovery.check()).toThrow(/n2/);
  await register(second);
  expect(runtime.keeper.state.clusterId).toBe(former.keeper.state.clusterId);
});

test('a heartbeat meanwhile is told to register', async () => {
  await register(first).catch(() => {});
  const heartbeat = { nodeId: 'n1', incarnation: first.incarnation, copies: first.copies };
  await expect(runtime.registry.heartbeat(heartbeat)).rejects.toMatchObject({
    code: 'node_not_found',
  });
});

// @req: coord.state.kill
test('a coordinator that kept its disk waits for nobody', async () => {
  const kept = await world.open();
  expect(kept.recovery.active).toBe(false);
  expect(kept.keeper.state.clusterId).toBe(former.keeper.state.clusterId);
  expect(kept.keeper.state.leaderEpoch).toBe(former.keeper.state.leaderEpoch + 1);
  expect(shardsOf(kept.keeper.state)).toEqual(shardsOf(former.keeper.state));
});
