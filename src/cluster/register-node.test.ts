/** Registration: who may use an id, and what the copies on a disk mean. */
import { describe, expect, test } from 'vitest';
import { codeOf, heldCopy, TestLeader } from '../../test/contract/cluster-fixture.ts';
import { stageOf } from './shard-lifecycle.ts';
import { findNode, shardsOf } from './state-access.ts';

function formed(numShards = 1): TestLeader {
  const leader = new TestLeader(numShards);
  leader.formOf('n1');
  leader.events.length = 0;
  return leader;
}

const shardOf = (leader: TestLeader) => shardsOf(leader.state)[0] as ReturnType<typeof shardsOf>[0];
const copyOf = (leader: TestLeader) => shardOf(leader).copies[0];

describe('a new node', () => {
  test('is unknown, is probed at once, and takes shards only after it answered', () => {
    const leader = new TestLeader(2);
    const joined = leader.register('n1', { zone: 'z', maxShards: 3, version: '1.2.3' });
    expect(joined.events).toEqual([{ type: 'node_joined', nodeId: 'n1' }]);
    expect(joined.effects).toEqual([{ kind: 'probe', nodeId: 'n1', addr: 'http://n1:1' }]);
    expect(findNode(leader.state, 'n1')).toEqual({
      id: 'n1',
      addr: 'http://n1:1',
      status: 'unknown',
      zone: 'z',
      maxShards: 3,
      directoryId: 'dir-n1',
      incarnation: 'n1-1',
      version: '1.2.3',
      registeredAt: 1_000,
    });
    expect(leader.do({ kind: 'form' }).events).toEqual([]);
    const answered = leader.do({ kind: 'node_verdict', nodeId: 'n1', verdict: 'healthy' });
    expect(answered.effects).toEqual([{ kind: 'evaluate', reason: 'node_joined', nodeId: 'n1' }]);
    expect(leader.do({ kind: 'form' }).events).toHaveLength(3);
  });

  // @req: coord.register.original
  test('without a data directory is listed, evaluated, and never given a shard', () => {
    const leader = new TestLeader(2);
    const plain = { directoryId: undefined, incarnation: undefined, copies: undefined };
    const joined = leader.register('old', plain);
    expect(joined.effects.map(({ kind }) => kind)).toEqual(['probe', 'evaluate']);
    leader.do({ kind: 'node_verdict', nodeId: 'old', verdict: 'healthy' });
    expect(leader.do({ kind: 'form' }).events).toEqual([]);
    expect(findNode(leader.state, 'old')?.version).toBe('unknown');
    leader.register('old', { ...plain, maxShards: 5 });
    expect(findNode(leader.state, 'old')?.maxShards).toBe(5);
  });

  test.each([
    ['wrong_cluster', { clusterId: 'another' }],
    ['stale_epoch', { leaderEpoch: 9 }],
  ])('with a history of its own is refused: %s', (code, more) => {
    const leader = new TestLeader();
    expect(codeOf(() => leader.register('n1', more))).toBe(code);
    leader.register('n1', { clusterId: 'cluster-1', leaderEpoch: 0 });
  });
});

describe('the same process again', () => {
  test('changes nothing', () => {
    const leader = formed();
    const before = leader.state;
    const again = leader.register('n1');
    expect(again).toEqual({ state: before, effects: [], events: [] });
    expect(again.state).toBe(before);
  });

  test('may have a new address, and keeps the capacity an operator patched', () => {
    const leader = formed();
    leader.do({ kind: 'patch_node', nodeId: 'n1', maxShards: 7 });
    leader.register('n1', { addr: 'http://n1:2', maxShards: 1 });
    expect(findNode(leader.state, 'n1')).toMatchObject({ addr: 'http://n1:2', maxShards: 7 });
  });

  test('that does not list a copy proves nothing: it may be an old message', () => {
    const leader = formed();
    leader.register('n1', { copies: [] });
    expect(stageOf(shardOf(leader))).toBe('active');
  });

  test('is healthy again at once when it was given up, and evaluated when it holds nothing', () => {
    const leader = formed();
    leader.do({ kind: 'node_verdict', nodeId: 'n1', verdict: 'unhealthy' });
    const back = leader.register('n1');
    expect(back.events).toEqual([{ type: 'node_recovered', nodeId: 'n1' }]);
    expect(back.effects).toEqual([]);
    expect(findNode(leader.state, 'n1')?.status).toBe('healthy');
    leader.register('n2');
    leader.do({ kind: 'node_verdict', nodeId: 'n2', verdict: 'dead' });
    expect(leader.register('n2').effects).toEqual([
      { kind: 'evaluate', reason: 'node_joined', nodeId: 'n2' },
    ]);
  });
});

describe('another process', () => {
  test('that starts in an uneven cluster makes it look again', () => {
    const leader = new TestLeader(2);
    leader.formOf('n1');
    leader.register('n2');
    leader.do({ kind: 'node_verdict', nodeId: 'n2', verdict: 'healthy' });
    const evaluate = [{ kind: 'evaluate', reason: 'node_joined', nodeId: 'n1' }];
    expect(leader.register('n1', { incarnation: 'n1-2' }).effects).toEqual(evaluate);
    expect(leader.register('n1', { incarnation: 'n1-2' }).effects).toEqual([]);
  });

  // @req: coord.register.restart
  test('with the same directory takes over at once, with its copies, lease or not', () => {
    const leader = formed();
    const back = leader.register('n1', { incarnation: 'n1-2', maxShards: 4 }, true);
    expect(back.events).toEqual([{ type: 'node_rejoined', nodeId: 'n1' }]);
    expect(findNode(leader.state, 'n1')).toMatchObject({ incarnation: 'n1-2', maxShards: 4 });
    expect(stageOf(shardOf(leader))).toBe('active');
  });

  // @req: coord.register.in-use, state.other-directory
  // @req: coord.lease.reassign
  test('with another directory is refused while the lease runs, and then has lost its copies', () => {
    const leader = formed();
    const other = { directoryId: 'other', incarnation: 'x', copies: [] };
    expect(codeOf(() => leader.register('n1', other, true))).toBe('node_id_in_use');
    leader.register('n1', other);
    expect(copyOf(leader)?.state).toBe('lost');
    expect(leader.eventTypes()).toEqual(['node_rejoined', 'copy_lost', 'shard_red']);
  });

  test('without a directory never takes over an id that holds shards', () => {
    const leader = formed();
    const plain = { directoryId: undefined, incarnation: undefined, copies: undefined };
    expect(codeOf(() => leader.register('n1', plain))).toBe('node_id_in_use');
    leader.register('n2');
    leader.register('n2', plain);
    expect(findNode(leader.state, 'n2')?.directoryId).toBeUndefined();
    leader.register('n2');
    expect(findNode(leader.state, 'n2')?.directoryId).toBe('dir-n2');
  });
});

describe('a copy', () => {
  // @req: state.lost-copy
  test('that a new process does not list is lost, makes the shard red, and is never created anew', () => {
    const leader = formed();
    leader.register('n1', { incarnation: 'n1-2', copies: [] });
    expect(shardOf(leader)).toMatchObject({ term: 1, primary: null, inSync: [] });
    leader.join('n2');
    leader.do({ kind: 'form' });
    leader.even();
    expect(stageOf(shardOf(leader))).toBe('lost');
  });

  test('that was never confirmed may be missing: the node creates it', () => {
    const leader = new TestLeader(1);
    leader.join('n1');
    leader.do({ kind: 'form' });
    leader.register('n1', { incarnation: 'n1-2', copies: [] });
    expect(stageOf(shardOf(leader))).toBe('initializing');
    leader.register('n1', { incarnation: 'n1-3' });
    expect(stageOf(shardOf(leader))).toBe('active');
    expect(leader.eventTypes('copy_active')).toHaveLength(1);
  });

  test('that turns up again is taken back under the next term', () => {
    const leader = formed();
    const listed = leader.held('n1');
    leader.register('n1', { incarnation: 'n1-2', copies: [] });
    leader.register('n1', { incarnation: 'n1-3', copies: listed });
    expect(stageOf(shardOf(leader))).toBe('active');
    expect(shardOf(leader).term).toBe(2);
    expect(leader.eventTypes('copy_found')).toHaveLength(1);
  });

  test('of a forgotten node is taken back when the shard still has none and the term is the last', () => {
    const leader = formed();
    const [held] = leader.held('n1');
    leader.do({ kind: 'node_verdict', nodeId: 'n1', verdict: 'dead' });
    leader.do({ kind: 'forget_node', nodeId: 'n1', acceptDataLoss: true, leaseRunning: false });
    expect(stageOf(shardOf(leader))).toBe('unassigned');
    const [copyId, shardUid] = [held?.copyId ?? '', shardOf(leader).shardUid];
    leader.register('n2', { copies: [heldCopy({ copyId, shardUid, term: 0 })] });
    leader.register('n3', { copies: [heldCopy({ copyId, shardUid, fence: 2 })] });
    expect(stageOf(shardOf(leader))).toBe('unassigned');
    leader.register('n1', { copies: [heldCopy({ copyId, shardUid })] });
    expect(stageOf(shardOf(leader))).toBe('active');
  });

  test('fenced above its term goes on above the fence', () => {
    const leader = formed();
    const [held] = leader.held('n1');
    const fenced = heldCopy({ ...(held as NonNullable<typeof held>), fence: 5 });
    leader.register('n1', { incarnation: 'n1-2', copies: [fenced] });
    expect(shardOf(leader).term).toBe(6);
    expect(leader.eventTypes('shard_fenced_anew')).toHaveLength(1);
  });
});
