/** Leaders, settings, recovery, reset. */
import { describe, expect, test } from 'vitest';
import { codeOf, TestLeader } from '../../test/contract/cluster-fixture.ts';
import { findNode, isFormed, nodesById, shardsOf } from './state-access.ts';

function formed(shards = 2): TestLeader {
  const leader = new TestLeader(shards, { minNodes: 2 });
  leader.formOf('n1', 'n2');
  leader.events.length = 0;
  return leader;
}

const terms = (leader: TestLeader) => shardsOf(leader.state).map(({ term }) => term);

describe('a leader', () => {
  test('that starts is the next epoch and touches no term', () => {
    const leader = formed();
    const { events } = leader.do({ kind: 'leader_started', coordinatorId: 'c1', recovered: false });
    expect(events).toEqual([{ type: 'leader_changed', coordinatorId: 'c1' }]);
    expect(leader.state.leaderEpoch).toBe(1);
    expect(terms(leader)).toEqual([1, 1]);
  });

  test('that recovered lifts every term too, and leaves what was never assigned alone', () => {
    const leader = new TestLeader(2, { maxShardsPerNode: 1 });
    leader.formOf('n1');
    leader.do({ kind: 'leader_started', coordinatorId: 'c1', recovered: true });
    expect(terms(leader)).toEqual([2, 0]);
    expect(leader.eventTypes('cluster_recovered')).toHaveLength(1);
  });

  test('that goes on without missing nodes counts them as dead and keeps their shards', () => {
    const leader = formed();
    const accept = (missing: readonly string[]) =>
      leader.do({ kind: 'recover_accept_missing', missing });
    expect(accept(['n2', 'gone']).events).toEqual([
      { type: 'missing_nodes_accepted', nodeIds: ['n2'] },
      { type: 'node_dead', nodeId: 'n2' },
    ]);
    expect(findNode(leader.state, 'n2')?.status).toBe('dead');
    expect(leader.counts()).toEqual([1, 1]);
    const before = leader.state;
    expect(accept(['n2']).state).toBe(before);
    expect(accept([]).events).toEqual([]);
  });
});

describe('settings', () => {
  test('are taken over in part under the next config version', () => {
    const leader = formed();
    const { events } = leader.do({
      kind: 'set_config',
      config: { readOnly: true, minNodes: undefined },
    });
    expect(events).toEqual([{ type: 'config_changed', version: 2 }]);
    expect(leader.state.config).toMatchObject({ readOnly: true, minNodes: 2 });
    const before = leader.state;
    expect(leader.do({ kind: 'set_config', config: { readOnly: true } }).state).toBe(before);
  });

  // @req: cluster.config.replication-501
  test.each([
    ['not_implemented', { replicationFactor: 2 }],
    ['invalid_request', { minInSync: 2 }],
    ['invalid_request', { deadAfterMs: 500 }],
  ])('%s: %j changes nothing', (code, config) => {
    const leader = formed();
    const before = leader.state;
    expect(codeOf(() => leader.do({ kind: 'set_config', config }))).toBe(code);
    expect(leader.state).toBe(before);
  });
});

describe('a reset', () => {
  // @req: state.shard-uid
  test('gives every place a new shard with a copy of its own, so that old copies are dropped', () => {
    const leader = formed();
    const before = shardsOf(leader.state);
    leader.do({ kind: 'reset' });
    const after = shardsOf(leader.state);
    const identities = new Set([...before, ...after].map(({ shardUid }) => shardUid));
    const copies = new Set([...before, ...after].map(({ primary }) => primary));
    expect([identities.size, copies.size]).toEqual([4, 4]);
    expect(leader.counts()).toEqual([1, 1]);
    expect(leader.state.schema.version).toBe(1);
    expect(leader.eventTypes('cluster_reset', 'shard_assigned')).toHaveLength(3);
  });

  test('before the first assignment assigns nothing', () => {
    const leader = new TestLeader(2);
    leader.join('n1');
    leader.do({ kind: 'reset' });
    expect(isFormed(leader.state)).toBe(false);
  });

  test('uses only nodes that can take a shard, and the others wait for the next', () => {
    const leader = formed();
    leader.do({ kind: 'node_verdict', nodeId: 'n2', verdict: 'unhealthy' });
    leader.do({ kind: 'reset' });
    expect(leader.counts()).toEqual([2, 0]);
    leader.do({ kind: 'node_verdict', nodeId: 'n1', verdict: 'unhealthy' });
    leader.do({ kind: 'reset' });
    expect(isFormed(leader.state)).toBe(false);
  });
});

test('nodes are listed by id, whatever the order in which they joined', () => {
  const leader = new TestLeader(1);
  for (const id of ['node-10', 'node-2', 'b', 'node-1']) leader.join(id);
  expect(nodesById(leader.state).map(({ id }) => id)).toEqual(['b', 'node-1', 'node-2', 'node-10']);
});
