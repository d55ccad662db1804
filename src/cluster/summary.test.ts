/** Colours, counts and lists. */
import { describe, expect, test } from 'vitest';
import { TestLeader } from '../../test/contract/cluster-fixture.ts';
import type { ClusterState, ShardEntry } from '../protocol/cluster-state.ts';
import type { VolatileFacts } from './facts.ts';
import { mapShards, shardsOf } from './state-access.ts';
import { shardRows, shardsOfNode, summarize } from './summary.ts';

function formed(shards = 2): TestLeader {
  const leader = new TestLeader(shards, { minNodes: 2 });
  leader.formOf('n1', 'n2');
  return leader;
}

const states = (leader: TestLeader, facts: VolatileFacts): readonly string[] =>
  shardRows(leader.state, facts).map(({ state }) => state);

describe('one copy per shard', () => {
  test('nobody joined: red, nothing assigned', () => {
    const leader = new TestLeader(2);
    expect(summarize(leader.state, leader.facts())).toEqual({
      colour: 'red',
      totalNodes: 0,
      healthyNodes: 0,
      totalShards: 2,
      assignedShards: 0,
      activePrimaries: 0,
      activeReplicas: 0,
      unassignedCopies: 2,
      unavailableShards: [0, 1],
    });
    expect(states(leader, leader.facts())).toEqual(['unassigned', 'unassigned']);
  });

  test('every copy serves: green', () => {
    const leader = formed();
    expect(summarize(leader.state, leader.facts())).toMatchObject({
      colour: 'green',
      healthyNodes: 2,
      assignedShards: 2,
      activePrimaries: 2,
      unassignedCopies: 0,
      unavailableShards: [],
    });
  });

  test('a node that does not answer: red, and its shard keeps its place', () => {
    const leader = formed();
    const facts = leader.facts({ liveNodes: new Set(['n1']) });
    expect(summarize(leader.state, facts)).toMatchObject({
      colour: 'red',
      assignedShards: 2,
      unavailableShards: [1],
    });
    expect(shardRows(leader.state, facts)[1]).toMatchObject({
      shardId: 1,
      nodeId: 'n2',
      state: 'recovering',
    });
  });

  test.each(['opening', 'in_doubt'] as const)('a copy that is %s does not serve', (state) => {
    const leader = formed();
    const reports = new Map([['n1', leader.held('n1').map((copy) => ({ ...copy, state }))]]);
    const facts = leader.facts({ reports });
    expect(summarize(leader.state, facts).unavailableShards).toEqual([0]);
    expect(states(leader, facts)).toEqual(['recovering', 'active']);
  });

  test('a lost copy is no copy: the shard is unassigned and its node does not list it', () => {
    const leader = formed();
    leader.register('n1', { incarnation: 'n1-2', copies: [] });
    expect(shardRows(leader.state, leader.facts())[0]).toEqual({
      shardId: 0,
      shardUid: shardsOf(leader.state)[0]?.shardUid,
      nodeId: '',
      replicas: [],
      inSync: [],
      term: 1,
      state: 'unassigned',
    });
    expect(shardsOfNode(leader.state, 'n1')).toEqual([]);
    expect(summarize(leader.state, leader.facts()).unassignedCopies).toBe(1);
  });

  test('a shard whose release was asked for is moving; one nobody confirmed is recovering', () => {
    const leader = formed();
    const releasing = new Set([shardsOf(leader.state)[1]?.shardUid ?? '']);
    expect(states(leader, leader.facts({ releasing }))).toEqual(['active', 'moving']);
    leader.do({ kind: 'reset' });
    expect(states(leader, leader.facts())).toEqual(['recovering', 'recovering']);
  });

  test('a node lists what is assigned to it', () => {
    const leader = formed();
    const [shard] = shardsOf(leader.state);
    expect(shardsOfNode(leader.state, 'n1')).toEqual([
      { shardId: 0, shardUid: shard?.shardUid, copyId: shard?.primary, term: 1, isPrimary: true },
    ]);
  });
});

describe('two copies per shard', () => {
  const REPLICA = 'e'.repeat(16);
  /** As a later release will make it: shard 0 has a second copy on the other node. */
  function replicated(inSync: boolean): { state: ClusterState; leader: TestLeader } {
    const leader = formed(1);
    const withReplica = (shard: ShardEntry): ShardEntry => ({
      ...shard,
      copies: [...shard.copies, { copyId: REPLICA, nodeId: 'n2', state: 'active' }],
      inSync: inSync ? [...shard.inSync, REPLICA] : shard.inSync,
    });
    const state = mapShards(leader.state, withReplica);
    return { leader, state: { ...state, config: { ...state.config, replicationFactor: 2 } } };
  }

  test('all in sync and live: green; one away: yellow', () => {
    const { state, leader } = replicated(true);
    expect(summarize(state, leader.facts())).toMatchObject({ colour: 'green', activeReplicas: 1 });
    const facts = leader.facts({ liveNodes: new Set(['n1']) });
    expect(summarize(state, facts)).toMatchObject({ colour: 'yellow', unavailableShards: [] });
    expect(shardRows(state, facts)[0]).toMatchObject({ replicas: ['n2'], inSync: ['n1', 'n2'] });
  });

  test('a replica that is not in sync does not count', () => {
    const { state, leader } = replicated(false);
    expect(summarize(state, leader.facts())).toMatchObject({ colour: 'yellow', activeReplicas: 0 });
  });
});
