/** Registration, heartbeats and leaving, against the coordinator as it ships. */
import { beforeEach, describe, expect, test } from 'vitest';
import { CoordinatorWorld, type NodeDouble } from '../../test/rooms/coordinator-world.ts';
import { findNode, shardsOf } from '../cluster/state-access.ts';
import { shardsOfNode } from '../cluster/summary.ts';
import type { CoordinatorRuntime } from './coordinator-runtime.ts';

let world: CoordinatorWorld;
let runtime: CoordinatorRuntime;

beforeEach(async () => {
  world = new CoordinatorWorld();
  runtime = await world.open();
});

const typesOf = (from: CoordinatorRuntime): string[] =>
  from.events.since(0).events.map((event) => event.type);
const held = (nodeId: string): number => shardsOfNode(runtime.keeper.state, nodeId).length;
const heartbeat = (node: NodeDouble) =>
  runtime.registry.heartbeat({
    nodeId: node.id,
    incarnation: node.incarnation,
    copies: node.copies,
  });

describe('a registration', () => {
  // @req: coord.register.answer, coord.push
  test('is answered with the cluster, its settings and, once it is founded, the whole state', async () => {
    const node = world.node('n1');
    const first = await world.join(runtime, node);
    expect(first).toMatchObject({ nodeId: 'n1', leaseMs: 0, state: undefined });
    expect(first.formation).toMatchObject({ minNodes: 1 });
    await world.clock.run({ forMs: 100 });
    const second = await world.join(runtime, node);
    expect(second.clusterId).toBe(runtime.keeper.state.clusterId);
    expect(second.config).toEqual(runtime.keeper.state.config);
    expect(second.shards.map((shard) => shard.shardId)).toEqual([0, 1, 2, 3]);
    expect(second.state).toEqual(runtime.keeper.state);
    expect(second).toMatchObject({ leaseMs: 2_000, formation: undefined });
  });

  // @req: coord.register.original, node.only-assigned
  test('of the original’s clients is a node without data: it gets no lease and no shard', async () => {
    const node = { id: 'go', addr: 'localhost:8081' };
    const answer = await world.clock.settle(runtime.registry.register({ node }));
    expect(answer).toMatchObject({ nodeId: 'go', leaseMs: 0, shards: [] });
    expect(findNode(runtime.keeper.state, 'go')?.addr).toBe('http://localhost:8081');
    await world.clock.run({ forMs: 1_000 });
    expect(held('go')).toBe(0);
  });

  // @req: coord.register.invalid
  test('under an address that is none is refused', async () => {
    const node = { id: 'n1', addr: 'not an address' };
    await expect(runtime.registry.register({ node })).rejects.toMatchObject({
      code: 'invalid_request',
    });
  });

  // @req: shard.apply.aside
  test('or a heartbeat that tells of a record kept aside becomes an event', async () => {
    const node = world.node('n1');
    await world.join(runtime, node);
    await world.clock.run({ forMs: 100 });
    const [copy] = node.copies;
    Object.assign(copy ?? {}, { keptAside: [3] });
    await heartbeat(node);
    await heartbeat(node);
    const aside = runtime.events.since(0).events.filter(({ type }) => type.endsWith('aside'));
    expect(aside).toMatchObject([{ type: 'record_kept_aside', node_id: 'n1', record_seq: 3 }]);
  });

  // @req: coord.register.again
  test('of the same process again changes nothing and tells nobody', async () => {
    const node = world.node('n1');
    await world.join(runtime, node);
    await world.clock.run({ forMs: 100 });
    const before = { version: runtime.keeper.state.version, events: typesOf(runtime) };
    await world.join(runtime, node);
    expect({ version: runtime.keeper.state.version, events: typesOf(runtime) }).toEqual(before);
  });

  // @req: coord.register.restart, state.incarnation, cluster.event.node-rejoined
  test('of a new process on the same directory takes over, and the old one is refused', async () => {
    const node = world.node('n1');
    await world.join(runtime, node);
    await world.clock.run({ forMs: 100 });
    const old = { nodeId: 'n1', incarnation: node.incarnation, copies: node.copies };
    node.incarnation = 'second';
    const answer = await world.join(runtime, node);
    expect(answer.shards).toHaveLength(4);
    expect(answer.leaseMs).toBe(2_000);
    await expect(runtime.registry.heartbeat(old)).rejects.toMatchObject({ code: 'node_id_in_use' });
    expect(typesOf(runtime)).toContain('node_rejoined');
  });

  // @req: coord.register.in-use
  test('of another directory is refused while the lease runs, and its word counts for nothing', async () => {
    const node = world.node('n1');
    await world.join(runtime, node);
    await world.clock.run({ forMs: 100 });
    await runtime.monitor.probe(findNode(runtime.keeper.state, 'n1') as never);
    const before = runtime.book.view('n1');
    const impostor = { ...node.self(), directoryId: 'other', incarnation: 'x', copies: [] };
    await expect(runtime.registry.register({ node: impostor })).rejects.toMatchObject({
      code: 'node_id_in_use',
    });
    expect(runtime.book.view('n1')).toEqual(before);
    const facts = runtime.book.facts(runtime.keeper.state);
    expect(facts.reports.get('n1')).toHaveLength(4);
  });

  // @req: state.other-directory, state.lost-copy
  test('of another directory after the lease ran out is a node that lost its copies', async () => {
    const node = world.node('n1');
    await world.join(runtime, node);
    await world.clock.run({ forMs: 100 });
    await heartbeat(node);
    await world.clock.run({ forMs: 5_000 });
    Object.assign(node, { directoryId: 'other', incarnation: 'x', copies: [], state: undefined });
    const answer = await world.join(runtime, node);
    expect(answer.shards).toEqual([]);
    expect(shardsOf(runtime.keeper.state).every(({ primary }) => primary === null)).toBe(true);
  });

  // @req: data.foreign-cluster
  test('with another cluster’s state is refused', async () => {
    await world.join(runtime, world.node('n1'));
    await world.clock.run({ forMs: 100 });
    const node = { ...world.node('n2').self(), clusterId: 'theirs', leaderEpoch: 1 };
    await expect(runtime.registry.register({ node })).rejects.toMatchObject({
      code: 'wrong_cluster',
    });
    expect(findNode(runtime.keeper.state, 'n2')).toBeUndefined();
  });

  // @req: http.protocol.too-old
  test('with a protocol too old is refused', async () => {
    const node = { ...world.node('n1').self(), protocolVersion: 0 };
    await expect(runtime.registry.register({ node })).rejects.toMatchObject({
      code: 'protocol_too_old',
    });
  });
});

describe('a heartbeat', () => {
  let node: NodeDouble;

  beforeEach(async () => {
    node = world.node('n1');
    await world.join(runtime, node);
    await world.clock.run({ forMs: 100 });
  });

  // @req: coord.heartbeat.answer, node.lease.from-sent
  test('is answered with versions, epoch and a lease of two health intervals', async () => {
    const { version, configVersion, leaderEpoch } = runtime.keeper.state;
    expect(await heartbeat(node)).toEqual({
      stateVersion: version,
      configVersion,
      leaderEpoch,
      leaseMs: 2_000,
      formation: undefined,
    });
  });

  // @req: state.volatile
  test('writes nothing', async () => {
    const calls = world.disk.calls;
    await heartbeat(node);
    expect(world.disk.calls).toBe(calls);
  });

  // @req: coord.heartbeat.unknown
  test('of an unknown node is a 404, so that it registers', async () => {
    await expect(heartbeat(world.node('n9'))).rejects.toMatchObject({ code: 'node_not_found' });
  });

  // @req: coord.lease.unhealthy
  test('of a node that is declared unhealthy gets no lease', async () => {
    await runtime.keeper.change({ kind: 'node_verdict', nodeId: 'n1', verdict: 'unhealthy' });
    expect((await heartbeat(node)).leaseMs).toBe(0);
  });

  test('of a node that waits for the first assignment says how far the cluster is', async () => {
    const forming = new CoordinatorWorld();
    runtime = await forming.open({ minNodes: 3 });
    const first = forming.node('n1');
    await forming.join(runtime, first);
    await forming.join(runtime, forming.node('n2'));
    const answer = await heartbeat(first);
    expect(answer).toMatchObject({ stateVersion: -1, leaseMs: 0, leaderEpoch: 0 });
    expect(answer.formation).toEqual({ nodes: 2, minNodes: 3 });
  });
});

describe('a node that leaves', () => {
  const leave = (node: NodeDouble) =>
    world.clock.settle(
      runtime.registry.leaving({ nodeId: node.id, incarnation: node.incarnation }),
    );

  async function twoNodes(): Promise<[NodeDouble, NodeDouble]> {
    const nodes = [world.node('n1'), world.node('n2')] as const;
    for (const node of nodes) await world.join(runtime, node);
    await world.clock.run({ forMs: 200 });
    expect([held('n1'), held('n2')]).toEqual([2, 2]);
    return [nodes[0], nodes[1]];
  }

  // @req: cluster.event.node-leaving, coord.nodes.left-gone, cluster.event.shard-moved
  test('with empty shards is drained and forgotten', async () => {
    const [node] = await twoNodes();
    expect(await leave(node)).toBe('draining');
    await world.clock.run({ forMs: 100 });
    expect(held('n2')).toBe(4);
    expect(await leave(node)).toBe('drained');
    expect(findNode(runtime.keeper.state, 'n1')).toBeUndefined();
    const types = typesOf(runtime).slice(-8);
    expect(types).toEqual(expect.arrayContaining(['node_leaving', 'node_drained', 'node_left']));
  });

  // @req: node.stop.keeps
  test('with data keeps its shards and does not have to wait', async () => {
    const [node] = await twoNodes();
    node.copies = node.copies.map((copy) => ({ ...copy, empty: false }));
    await heartbeat(node);
    expect(await leave(node)).toBe('keep');
    expect(held('n1')).toBe(2);
    expect(typesOf(runtime)).toContain('node_leaving');
  });

  test('alone keeps its empty shards at once: nobody has room for them', async () => {
    const node = world.node('n1');
    await world.join(runtime, node);
    await world.clock.run({ forMs: 100 });
    expect(await leave(node)).toBe('keep');
    expect(held('n1')).toBe(4);
  });

  test('keeps its shards when the coordinator is stopping as well', async () => {
    const [node] = await twoNodes();
    runtime.prepareToStop();
    expect(await leave(node)).toBe('keep');
    expect(held('n1')).toBe(2);
  });
});

// @req: coord.assign.even, coord.assign.late, state.release, cluster.event.rebalance
test('nodes that join before the first write even the shards: 4, then 2 and 2, then 2, 1 and 1', async () => {
  const counts: number[][] = [];
  for (const id of ['n1', 'n2', 'n3']) {
    await world.join(runtime, world.node(id));
    await world.clock.run({ forMs: 300 });
    counts.push([...world.nodes.keys()].map(held).sort());
  }
  expect(counts).toEqual([[4], [2, 2], [1, 1, 2]]);
  expect(typesOf(runtime)).toContain('rebalance_evaluated');
});

// @req: state.release.declined
test('a holder that declines the release keeps its shards', async () => {
  const first = world.node('n1');
  first.releases = false;
  await world.join(runtime, first);
  await world.clock.run({ forMs: 100 });
  await world.join(runtime, world.node('n2'));
  await world.clock.run({ forMs: 300 });
  expect([held('n1'), held('n2')]).toEqual([4, 0]);
});

// @req: coord.assign.first
test('the first assignment waits for MIN_NODES and ASSIGNMENT_DELAY', async () => {
  const waiting = new CoordinatorWorld();
  const forming = await waiting.open({ minNodes: 2, assignmentDelayMs: 1_000 });
  await waiting.join(forming, waiting.node('n1'));
  await waiting.clock.run({ forMs: 60_000 });
  expect(forming.keeper.founded).toBe(false);
  await waiting.join(forming, waiting.node('n2'));
  await waiting.clock.run({ forMs: 900 });
  expect(forming.keeper.founded).toBe(false);
  await waiting.clock.run({ forMs: 200 });
  expect(forming.keeper.founded).toBe(true);
  expect(shardsOf(forming.keeper.state).every(({ term }) => term === 1)).toBe(true);
});
