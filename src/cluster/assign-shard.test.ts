/** POST /shards/assign: what an operator may do, and what gives data up. */
import { describe, expect, test } from 'vitest';
import { codeOf, TestLeader } from '../../test/contract/cluster-fixture.ts';
import type { AssignShard } from './commands.ts';
import { stageOf } from './shard-lifecycle.ts';
import { shardsOf } from './state-access.ts';

function formed(): TestLeader {
  const leader = new TestLeader(2, { minNodes: 2 });
  leader.formOf('n1', 'n2');
  leader.events.length = 0;
  return leader;
}

const assign = (leader: TestLeader, more: Partial<AssignShard> = {}) =>
  leader.do({
    kind: 'assign_shard',
    shardId: 0,
    nodeId: 'n2',
    isPrimary: true,
    acceptDataLoss: false,
    holder: 'data',
    ...more,
  });

test('is refused before the first assignment', () => {
  const leader = new TestLeader(2);
  leader.register('n2');
  expect(codeOf(() => assign(leader))).toBe('waiting_for_assignment');
});

describe('a shard with a copy', () => {
  test.each([
    ['an unknown shard', { shardId: 9 }, 'shard_not_found'],
    ['an unknown node', { nodeId: 'gone' }, 'node_not_found'],
    ['a replica', { isPrimary: false }, 'not_implemented'],
    ['data', {}, 'not_implemented'],
    ['damage', { holder: 'in_doubt' }, 'not_implemented'],
    ['a holder that does not answer', { holder: 'unknown' }, 'shard_unavailable'],
    ['the node that holds it', { nodeId: 'n1' }, 'assignment_conflict'],
    ['no node named', { nodeId: undefined }, 'assignment_conflict'],
    ['damage without consent', { nodeId: undefined, holder: 'in_doubt' }, 'data_loss_not_accepted'],
  ] as const)('%s: refused', (_what, more, code) => {
    const leader = formed();
    const before = leader.state;
    expect(codeOf(() => assign(leader, more))).toBe(code);
    expect(leader.state).toBe(before);
  });

  test('and empty is released first', () => {
    const leader = formed();
    const { effects, state } = assign(leader, { holder: 'empty' });
    expect(state).toBe(leader.state);
    expect(effects).toMatchObject([{ kind: 'release', targetNodeId: 'n2', reason: 'manual' }]);
  });

  test('goes to no node that is full or not healthy', () => {
    const leader = formed();
    leader.do({ kind: 'patch_node', nodeId: 'n2', maxShards: 1 });
    expect(codeOf(() => assign(leader, { holder: 'empty' }))).toBe('no_capacity');
    leader.do({ kind: 'node_verdict', nodeId: 'n2', verdict: 'unhealthy' });
    expect(codeOf(() => assign(leader, { holder: 'empty' }))).toBe('assignment_conflict');
  });

  test('that is damaged keeps what can be read when an operator accepts the loss', () => {
    const leader = formed();
    const more = { nodeId: 'n1', holder: 'in_doubt', acceptDataLoss: true } as const;
    const { effects, events } = assign(leader, more);
    expect(effects).toMatchObject([{ kind: 'accept_damage', nodeId: 'n1', term: 1 }]);
    expect(events).toMatchObject([{ type: 'damage_accepted', shardId: 0 }]);
  });
});

describe('a shard without a copy', () => {
  // @req: coord.assign.lost
  test('that is lost starts empty only with consent, also on the node that lost it', () => {
    const leader = formed();
    leader.register('n1', { incarnation: 'n1-2', copies: [] });
    expect(codeOf(() => assign(leader))).toBe('data_loss_not_accepted');
    const { events } = assign(leader, { nodeId: 'n1', acceptDataLoss: true });
    expect(events).toEqual([
      { type: 'shard_assigned', shardId: 0, nodeId: 'n1', term: 2, dataLossAccepted: true },
    ]);
    expect(shardsOf(leader.state)[0]?.copies).toHaveLength(1);
  });

  test('whose holder was forgotten goes to the best node when none is named', () => {
    const leader = formed();
    leader.do({ kind: 'node_verdict', nodeId: 'n1', verdict: 'dead' });
    leader.do({ kind: 'forget_node', nodeId: 'n1', acceptDataLoss: true, leaseRunning: false });
    const anywhere = { nodeId: undefined, acceptDataLoss: true };
    expect(codeOf(() => assign(leader, { nodeId: undefined }))).toBe('data_loss_not_accepted');
    leader.do({ kind: 'patch_node', nodeId: 'n2', maxShards: 1 });
    expect(codeOf(() => assign(leader, anywhere))).toBe('no_capacity');
    leader.do({ kind: 'patch_node', nodeId: 'n2', maxShards: 2 });
    assign(leader, anywhere);
    expect(leader.counts()).toEqual([2]);
  });

  test('that never had one needs no consent', () => {
    const leader = new TestLeader(2, { maxShardsPerNode: 1 });
    leader.formOf('n1');
    leader.register('n2');
    leader.do({ kind: 'node_verdict', nodeId: 'n2', verdict: 'healthy' });
    const { events } = assign(leader, { shardId: 1 });
    expect(events).toMatchObject([{ type: 'shard_assigned', dataLossAccepted: false }]);
    expect(shardsOf(leader.state).map(stageOf)).toEqual(['active', 'initializing']);
  });
});
