/** First assignment, evening out, release, confirmation, fences. */
import { describe, expect, test } from 'vitest';
import { TestLeader } from '../../test/contract/cluster-fixture.ts';
import type { ReleaseEffect } from './effects.ts';
import { formationProgress, formationWaitMs } from './formation.ts';
import { stageOf } from './shard-lifecycle.ts';
import { shardsOf } from './state-access.ts';

const uids = (leader: TestLeader) => shardsOf(leader.state).map(({ shardUid }) => shardUid);
const first = (leader: TestLeader) => shardsOf(leader.state)[0] as ReturnType<typeof shardsOf>[0];

/** One node holds all shards, another one has just become healthy. */
function unevened(shards = 2): TestLeader {
  const leader = new TestLeader(shards);
  leader.formOf('n1');
  leader.register('n2');
  leader.do({ kind: 'node_verdict', nodeId: 'n2', verdict: 'healthy' });
  leader.events.length = 0;
  return leader;
}

const even = (leader: TestLeader, reason: 'node_joined' | 'manual' = 'node_joined') =>
  leader.do({ kind: 'even_empty', reason, nodeId: 'n2', emptyShards: uids(leader) });

const releaseOf = (leader: TestLeader): ReleaseEffect => even(leader).effects[0] as ReleaseEffect;

describe('the first assignment', () => {
  test('waits for min_nodes and then for the delay, whatever the wall clock does', () => {
    const leader = new TestLeader(2, { minNodes: 2, assignmentDelayMs: 500 });
    leader.join('n1');
    expect(formationWaitMs(leader.state, 1_000)).toBeUndefined();
    expect(formationProgress(leader.state)).toEqual({ nodes: 1, minNodes: 2 });
    expect(leader.do({ kind: 'form' }).events).toEqual([]);
    leader.now = 2_000;
    leader.join('n2');
    expect(formationWaitMs(leader.state, 2_100)).toBe(400);
    expect(formationWaitMs(leader.state, 9_000)).toBe(0);
    expect(formationWaitMs(leader.state, 0)).toBe(500);
    expect(leader.do({ kind: 'form' }).events[0]).toEqual({
      type: 'cluster_formed',
      nodes: 2,
      shards: 2,
    });
    expect(leader.do({ kind: 'form' }).events).toEqual([]);
  });

  // @req: state.copy-id
  test('gives every shard a copy of its own under term 1, not yet confirmed', () => {
    const leader = new TestLeader(2);
    leader.join('n1');
    leader.do({ kind: 'form' });
    expect(first(leader)).toMatchObject({
      term: 1,
      copies: [{ nodeId: 'n1', state: 'initializing' }],
    });
    leader.confirmAll();
    expect(shardsOf(leader.state).map(stageOf)).toEqual(['active', 'active']);
  });
});

describe('evening out', () => {
  // @req: coord.lease.reassign
  test('asks for a release and changes nothing before it is confirmed', () => {
    const leader = unevened();
    const before = leader.state;
    const { effects, events, state } = even(leader);
    expect(state).toBe(before);
    expect(effects).toEqual([
      {
        kind: 'release',
        nodeId: 'n1',
        addr: 'http://n1:1',
        shardId: 1,
        shardUid: uids(leader)[1],
        copyId: shardsOf(before)[1]?.primary,
        term: 1,
        targetNodeId: 'n2',
        reason: 'rebalance',
      },
    ]);
    expect(events).toEqual([
      { type: 'rebalance_evaluated', reason: 'node_joined', nodeId: 'n2', imbalanced: true },
      { type: 'imbalance_detected', min: 0, max: 2 },
    ]);
  });

  test('says when shards with data keep the cluster uneven', () => {
    const leader = unevened();
    const { effects, events } = leader.do({
      kind: 'even_empty',
      reason: 'interval',
      emptyShards: ['0'.repeat(16)],
    });
    expect(effects).toEqual([]);
    expect(events[0]).toMatchObject({ imbalanced: true });
  });

  test('does nothing before the first assignment or when it is switched off, unless asked', () => {
    const young = new TestLeader(2);
    young.register('n1');
    expect(even(young)).toEqual({ state: young.state, effects: [], events: [] });
    const leader = unevened();
    leader.do({ kind: 'set_config', config: { autoRebalance: false } });
    expect(even(leader).events).toEqual([]);
    expect(even(leader, 'manual').effects).toHaveLength(1);
  });

  test('places again what a dead node never confirmed', () => {
    const leader = new TestLeader(2, { minNodes: 2 });
    leader.join('n1');
    leader.join('n2');
    leader.do({ kind: 'form' });
    leader.do({ kind: 'node_verdict', nodeId: 'n2', verdict: 'dead' });
    leader.even();
    expect(leader.counts()).toEqual([2, 0]);
    expect(shardsOf(leader.state).map(({ term }) => term)).toEqual([1, 2]);
  });
});

describe('a release', () => {
  test('that is confirmed gives the shard to the target with a new copy under the next term', () => {
    const leader = unevened();
    const release = releaseOf(leader);
    const { events } = leader.confirmRelease(release);
    expect(events).toEqual([
      { type: 'shard_moved', shardId: 1, from: 'n1', to: 'n2', reason: 'rebalance' },
    ]);
    const moved = shardsOf(leader.state)[1];
    expect(moved).toMatchObject({ term: 2, copies: [{ nodeId: 'n2', state: 'initializing' }] });
    expect(moved?.primary).not.toBe(release.copyId);
    const after = leader.state;
    expect(leader.confirmRelease(release).state).toBe(after);
    expect(leader.confirmRelease({ ...release, term: 2 }).state).toBe(after);
    expect(leader.confirmRelease({ ...release, shardUid: 'f'.repeat(16) }).state).toBe(after);
  });

  test('goes to the best node when its target cannot take it any more', () => {
    const leader = unevened();
    const release = releaseOf(leader);
    leader.register('n3');
    leader.do({ kind: 'node_verdict', nodeId: 'n3', verdict: 'healthy' });
    leader.do({ kind: 'node_verdict', nodeId: 'n2', verdict: 'unhealthy' });
    expect(leader.confirmRelease(release).events[0]).toMatchObject({ to: 'n3' });
  });

  test('leaves the shard with its holder, above its fence, when nobody can take it', () => {
    const leader = unevened();
    const release = releaseOf(leader);
    leader.do({ kind: 'node_verdict', nodeId: 'n2', verdict: 'unhealthy' });
    const { events } = leader.confirmRelease(release);
    expect(events).toEqual([{ type: 'shard_fenced_anew', shardId: 1, term: 3 }]);
    expect(shardsOf(leader.state)[1]).toMatchObject({ primary: release.copyId, term: 3 });
  });

  test('for a node that an operator named goes there or stays', () => {
    const leader = unevened();
    leader.register('n3');
    leader.do({ kind: 'node_verdict', nodeId: 'n3', verdict: 'healthy' });
    const manual = { ...releaseOf(leader), targetNodeId: 'n3', reason: 'manual' } as const;
    leader.do({ kind: 'node_verdict', nodeId: 'n3', verdict: 'unhealthy' });
    expect(leader.confirmRelease(manual).events[0]).toMatchObject({ type: 'shard_fenced_anew' });
    leader.do({ kind: 'node_verdict', nodeId: 'n3', verdict: 'healthy' });
    const again = { ...manual, term: 3 };
    expect(leader.confirmRelease(again).events[0]).toMatchObject({ to: 'n3', reason: 'manual' });
  });

  test('that does not help any more leaves the shard with its holder', () => {
    const leader = unevened(4);
    const before = even(leader).effects as readonly ReleaseEffect[];
    leader.register('n3');
    leader.do({ kind: 'node_verdict', nodeId: 'n3', verdict: 'healthy' });
    const underWay = before.map(({ shardUid }) => shardUid);
    const emptyShards = uids(leader).filter((uid) => !underWay.includes(uid));
    const second = leader.do({ kind: 'even_empty', reason: 'node_joined', emptyShards });
    const releases = [...before, ...second.effects] as readonly ReleaseEffect[];
    expect(releases).toHaveLength(4);
    for (const release of releases) leader.confirmRelease(release);
    expect(leader.counts()).toEqual([2, 1, 1]);
    expect(leader.eventTypes('shard_moved')).toHaveLength(2);
  });

  test('that is refused changes nothing and is an event', () => {
    const leader = unevened();
    const { shardUid, copyId, term } = releaseOf(leader);
    const before = leader.state;
    const refuse = (more: object) =>
      leader.do({ kind: 'release_refused', shardUid, copyId, term, ...more });
    expect(refuse({})).toEqual({
      state: before,
      effects: [],
      events: [{ type: 'release_refused', shardId: 1, nodeId: 'n1' }],
    });
    expect(refuse({ term: 9 }).events).toEqual([]);
    expect(refuse({ copyId: 'f'.repeat(16) }).events).toEqual([]);
    expect(refuse({ shardUid: 'f'.repeat(16) }).events).toEqual([]);
  });
});

describe('reports', () => {
  test('confirm only copies that are the node’s own and not yet confirmed', () => {
    const leader = new TestLeader(1);
    leader.join('n1');
    leader.do({ kind: 'form' });
    const copyId = first(leader).primary ?? '';
    const confirm = (nodeId: string, copyIds: readonly string[]) =>
      leader.do({ kind: 'copy_confirmed', nodeId, copyIds }).events;
    expect(confirm('n2', [copyId])).toEqual([]);
    expect(confirm('n1', ['f'.repeat(16)])).toEqual([]);
    expect(confirm('n1', [copyId])).toEqual([
      { type: 'copy_active', shardId: 0, nodeId: 'n1', copyId },
    ]);
    expect(confirm('n1', [copyId])).toEqual([]);
  });

  test('that confirm a copy or lift a fence in an uneven cluster make it look again', () => {
    const leader = new TestLeader(2);
    leader.join('n1');
    leader.do({ kind: 'form' });
    leader.register('n2');
    leader.do({ kind: 'node_verdict', nodeId: 'n2', verdict: 'healthy' });
    const again = [{ kind: 'evaluate', reason: 'interval', nodeId: 'n1' }];
    const [one, two] = shardsOf(leader.state).map((shard) => [shard.shardUid, shard.primary ?? '']);
    const confirmed = { kind: 'copy_confirmed', nodeId: 'n1', copyIds: [one?.[1] ?? ''] } as const;
    expect(leader.do(confirmed).effects).toEqual(again);
    expect(leader.do(confirmed).effects).toEqual([]);
    const [shardUid = '', copyId = ''] = two ?? [];
    expect(leader.do({ kind: 'refence', shardUid, copyId, fence: 2 }).effects).toEqual(again);
  });

  test('of a fence above the term lift the term; others are ignored', () => {
    const leader = unevened();
    const { shardUid, primary } = first(leader);
    const fence = (more: object) =>
      leader.do({ kind: 'refence', shardUid, copyId: primary ?? '', fence: 4, ...more }).events;
    expect(fence({ copyId: 'f'.repeat(16) })).toEqual([]);
    expect(fence({ shardUid: 'f'.repeat(16) })).toEqual([]);
    expect(fence({ fence: 1 })).toEqual([]);
    expect(fence({})).toEqual([{ type: 'shard_fenced_anew', shardId: 0, term: 5 }]);
    expect(first(leader)).toMatchObject({ term: 5, primary });
  });
});
