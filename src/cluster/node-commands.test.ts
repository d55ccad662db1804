/** Verdicts, leaving, forgetting and capacity of nodes. */
import { describe, expect, test } from 'vitest';
import { codeOf, TestLeader } from '../../test/contract/cluster-fixture.ts';
import type { ReleaseEffect } from './effects.ts';
import { stageOf } from './shard-lifecycle.ts';
import { copiesOn, findNode, shardsOf } from './state-access.ts';

function formed(shards: number, ...ids: string[]): TestLeader {
  const leader = new TestLeader(shards, { minNodes: ids.length });
  leader.formOf(...ids);
  leader.events.length = 0;
  return leader;
}

const uids = (leader: TestLeader) => shardsOf(leader.state).map(({ shardUid }) => shardUid);

describe('a verdict', () => {
  test('is an event and a status, and nothing when it is not new', () => {
    const leader = formed(2, 'n1');
    const say = (verdict: 'healthy' | 'unhealthy' | 'dead') =>
      leader.do({ kind: 'node_verdict', nodeId: 'n1', verdict });
    const before = leader.state;
    expect(say('healthy').state).toBe(before);
    say('unhealthy');
    say('unhealthy');
    expect(say('dead').effects).toEqual([{ kind: 'evaluate', reason: 'node_left', nodeId: 'n1' }]);
    expect(say('healthy').effects).toEqual([]);
    expect(leader.eventTypes()).toEqual(['node_unhealthy', 'node_dead', 'node_recovered']);
    expect(leader.counts()).toEqual([2]);
    expect(leader.state.version).toBe(before.version + 3);
  });

  test('that a node is back makes an uneven cluster look again', () => {
    const leader = formed(2, 'n1');
    leader.do({ kind: 'node_verdict', nodeId: 'n1', verdict: 'unhealthy' });
    leader.register('n2');
    leader.do({ kind: 'node_verdict', nodeId: 'n2', verdict: 'healthy' });
    const evaluate = [{ kind: 'evaluate', reason: 'node_joined', nodeId: 'n1' }];
    const back = { kind: 'node_verdict', nodeId: 'n1', verdict: 'healthy' } as const;
    expect(leader.do(back).effects).toEqual(evaluate);
    leader.do({ kind: 'node_verdict', nodeId: 'n1', verdict: 'unhealthy' });
    expect(leader.register('n1', { incarnation: 'n1-2' }).effects).toEqual(evaluate);
  });

  test('about a node that was forgotten is ignored', () => {
    const leader = formed(1, 'n1');
    const before = leader.state;
    const reduction = leader.do({ kind: 'node_verdict', nodeId: 'gone', verdict: 'dead' });
    expect(reduction).toEqual({ state: before, effects: [], events: [] });
  });
});

describe('a node that leaves', () => {
  test('gives its empty shards away, is drained, and is no longer listed', () => {
    const leader = formed(4, 'n1', 'n2');
    const { effects } = leader.do({
      kind: 'node_leaving',
      nodeId: 'n1',
      emptyShards: uids(leader),
    });
    expect(effects).toHaveLength(2);
    for (const effect of effects) leader.confirmRelease(effect as ReleaseEffect);
    expect(leader.eventTypes()).toEqual([
      'node_leaving',
      'shard_moved',
      'shard_moved',
      'node_drained',
    ]);
    const left = leader.do({ kind: 'node_left', nodeId: 'n1' });
    expect(left.events).toEqual([{ type: 'node_left', nodeId: 'n1' }]);
    expect(left.effects).toEqual([{ kind: 'evaluate', reason: 'node_left', nodeId: 'n1' }]);
    expect(findNode(leader.state, 'n1')).toBeUndefined();
  });

  test('keeps the shards that hold data, stays listed, and is healthy when it starts again', () => {
    const leader = formed(2, 'n1', 'n2');
    const leaving = leader.do({ kind: 'node_leaving', nodeId: 'n1', emptyShards: [] });
    expect(leaving.effects).toEqual([]);
    const repeated = leader.do({ kind: 'node_leaving', nodeId: 'n1', emptyShards: [] });
    expect(repeated.events).toEqual([]);
    leader.do({ kind: 'node_left', nodeId: 'n1' });
    expect(findNode(leader.state, 'n1')?.status).toBe('unhealthy');
    expect(copiesOn(leader.state, 'n1')).toHaveLength(1);
    const again = leader.state;
    expect(leader.do({ kind: 'node_left', nodeId: 'n1' }).state).toBe(again);
    leader.register('n1', { incarnation: 'n1-2' });
    expect(findNode(leader.state, 'n1')?.status).toBe('healthy');
  });

  test('holding nothing is drained at once; one that is unknown is refused or ignored', () => {
    const leader = formed(1, 'n1');
    leader.join('n2');
    const { events } = leader.do({ kind: 'node_leaving', nodeId: 'n2', emptyShards: [] });
    expect(events.map(({ type }) => type)).toEqual(['node_leaving', 'node_drained']);
    const unknown = (): unknown =>
      leader.do({ kind: 'node_leaving', nodeId: 'gone', emptyShards: [] });
    expect(codeOf(unknown)).toBe('node_not_found');
    const before = leader.state;
    expect(leader.do({ kind: 'node_left', nodeId: 'gone' }).state).toBe(before);
  });
});

describe('forgetting', () => {
  const forget = (leader: TestLeader, nodeId: string, more: object = {}) =>
    leader.do({ kind: 'forget_node', nodeId, acceptDataLoss: false, leaseRunning: false, ...more });

  test.each(['unknown', 'healthy', 'unhealthy', 'leaving'] as const)(
    'a node that is %s and not drained is refused',
    (status) => {
      const leader = formed(1, 'n1');
      if (status === 'unknown') leader.register('n1b');
      if (status === 'unhealthy') {
        leader.do({ kind: 'node_verdict', nodeId: 'n1', verdict: 'unhealthy' });
      }
      if (status === 'leaving') leader.do({ kind: 'node_leaving', nodeId: 'n1', emptyShards: [] });
      const nodeId = status === 'unknown' ? 'n1b' : 'n1';
      expect(codeOf(() => forget(leader, nodeId, { acceptDataLoss: true }))).toBe('node_not_gone');
    },
  );

  test('an unknown id is not found', () => {
    expect(codeOf(() => forget(formed(1, 'n1'), 'gone'))).toBe('node_not_found');
  });

  // @req: state.only-copy
  // @req: coord.lease.reassign
  test('an only copy needs consent, and a lease that has run out', () => {
    const leader = formed(2, 'n1', 'n2');
    leader.do({ kind: 'node_verdict', nodeId: 'n1', verdict: 'dead' });
    expect(codeOf(() => forget(leader, 'n1'))).toBe('holds_only_copy');
    const early = { acceptDataLoss: true, leaseRunning: true };
    expect(codeOf(() => forget(leader, 'n1', early))).toBe('node_not_gone');
    const { events } = forget(leader, 'n1', { acceptDataLoss: true });
    expect(events).toEqual([
      { type: 'node_forgotten', nodeId: 'n1' },
      { type: 'shard_unassigned', shardId: 0, nodeId: 'n1' },
    ]);
    expect(shardsOf(leader.state).map(stageOf)).toEqual(['unassigned', 'active']);
  });

  test('a lost copy is an only copy too: it could still be brought back', () => {
    const leader = formed(1, 'n1');
    leader.register('n1', { incarnation: 'n1-2', copies: [] });
    leader.do({ kind: 'node_verdict', nodeId: 'n1', verdict: 'dead' });
    expect(codeOf(() => forget(leader, 'n1'))).toBe('holds_only_copy');
  });

  test('a copy that was never confirmed holds nothing and goes to another node', () => {
    const leader = new TestLeader(2, { minNodes: 2 });
    leader.join('n1');
    leader.join('n2');
    leader.do({ kind: 'form' });
    leader.do({ kind: 'node_verdict', nodeId: 'n1', verdict: 'dead' });
    const { events } = forget(leader, 'n1');
    expect(events.map(({ type }) => type)).toEqual(['node_forgotten', 'shard_assigned']);
    expect(leader.counts()).toEqual([2]);
  });

  test('a drained node needs no consent', () => {
    const leader = formed(1, 'n1');
    leader.join('n2');
    leader.do({ kind: 'node_leaving', nodeId: 'n2', emptyShards: [] });
    forget(leader, 'n2');
    expect(leader.state.nodes).toHaveLength(1);
  });
});

describe('capacity', () => {
  test('below what a node holds is allowed, and nothing new is placed there', () => {
    const leader = formed(4, 'n1');
    const { events } = leader.do({ kind: 'patch_node', nodeId: 'n1', maxShards: 1 });
    expect(events).toEqual([{ type: 'node_capacity_changed', nodeId: 'n1', maxShards: 1 }]);
    expect(leader.counts()).toEqual([4]);
    const before = leader.state;
    expect(leader.do({ kind: 'patch_node', nodeId: 'n1', maxShards: 1 }).state).toBe(before);
    const unknown = (): unknown => leader.do({ kind: 'patch_node', nodeId: 'x', maxShards: 1 });
    expect(codeOf(unknown)).toBe('node_not_found');
  });
});
