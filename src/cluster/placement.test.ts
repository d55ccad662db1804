/** Placement: even whatever the order, within capacity, with the fewest moves. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TestLeader } from '../../test/contract/cluster-fixture.ts';
import type { ShardEntry } from '../protocol/cluster-state.ts';
import { capacityOf } from './deciders.ts';
import {
  balanceOf,
  bestSeat,
  planAssignments,
  planDrain,
  planEvenMoves,
  seatsOf,
} from './placement.ts';
import { shardsOf } from './state-access.ts';

const everyShard = (leader: TestLeader): ReadonlySet<string> =>
  new Set(shardsOf(leader.state).map(({ shardUid }) => shardUid));

const shardAt = (leader: TestLeader, index: number): ShardEntry =>
  shardsOf(leader.state)[index] as ShardEntry;

describe('the first assignment', () => {
  // @req: state.placement.even
  test.each([[['n1', 'n2']], [['n2', 'n1']]])(
    'four shards on two nodes are two and two when they register as %j',
    (ids) => {
      const leader = new TestLeader(4, { minNodes: 2 });
      leader.formOf(...ids);
      expect(leader.counts()).toEqual([2, 2]);
    },
  );

  test('nodes that join before the first write end even, with the fewest moves', () => {
    const leader = new TestLeader(4);
    leader.formOf('n1');
    expect(leader.counts()).toEqual([4]);
    leader.join('n2');
    expect(leader.counts()).toEqual([2, 2]);
    leader.join('n3');
    expect([...leader.counts()].sort()).toEqual([1, 1, 2]);
    expect(leader.eventTypes('shard_moved')).toHaveLength(3);
  });

  test('a node that is full gets nothing, and shards without a place wait for one', () => {
    const leader = new TestLeader(4, { maxShardsPerNode: 3 });
    leader.join('n1', { maxShards: 1 });
    leader.join('n2', { maxShards: 9 });
    leader.do({ kind: 'form' });
    expect(leader.counts()).toEqual([1, 3]);
    const small = new TestLeader(4, { maxShardsPerNode: 1 });
    small.formOf('n1');
    expect(small.counts()).toEqual([1]);
    small.join('n2');
    expect(small.counts()).toEqual([1, 1]);
  });
});

describe('ties', () => {
  test('go to the zone with fewer copies, then to fewer bytes, then to the first id', () => {
    const leader = new TestLeader(3);
    leader.join('a1', { zone: 'a' });
    leader.join('a2', { zone: 'a' });
    leader.join('b1', { zone: 'b' });
    const spread = planAssignments(leader.state, shardsOf(leader.state));
    expect(spread.map(({ nodeId }) => nodeId)).toEqual(['a1', 'b1', 'a2']);

    const byBytes = new TestLeader(3);
    byBytes.formOf('n1', 'n2');
    byBytes.do({ kind: 'node_leaving', nodeId: 'n1', emptyShards: [] });
    byBytes.join('n3', { maxShards: 0 });
    const bytes = new Map([[shardAt(byBytes, 0).shardUid, 500]]);
    expect(seatsOf(byBytes.state, bytes).map((seat) => seat.bytes)).toEqual([500, 0, 0]);
  });

  test('equal counts in one zone are decided by bytes', () => {
    const leader = new TestLeader(2);
    leader.formOf('n1', 'n2');
    const bytes = new Map([[shardAt(leader, 0).shardUid, 500]]);
    const newShard: ShardEntry = { ...shardAt(leader, 0), shardUid: 'f'.repeat(16), copies: [] };
    expect(bestSeat(newShard, seatsOf(leader.state))?.node.id).toBe('n1');
    expect(bestSeat(newShard, seatsOf(leader.state, bytes))?.node.id).toBe('n2');
    const plan = planAssignments(
      leader.state,
      [newShard],
      new Map([...bytes, [newShard.shardUid, 7]]),
    );
    expect(plan).toEqual([{ shardUid: newShard.shardUid, nodeId: 'n2' }]);
  });
});

describe('moves', () => {
  test('only movable shards move, and only where it makes the counts more even', () => {
    const leader = new TestLeader(4);
    leader.formOf('n1');
    leader.register('n2');
    leader.do({ kind: 'node_verdict', nodeId: 'n2', verdict: 'healthy' });
    const one = shardAt(leader, 1).shardUid;
    expect(planEvenMoves(leader.state, new Set([one]))).toEqual([
      { shardUid: one, from: 'n1', to: 'n2' },
    ]);
    expect(planEvenMoves(leader.state, new Set())).toEqual([]);
    expect(planEvenMoves(leader.state, everyShard(leader), new Map([[one, 3]]))).toHaveLength(2);
  });

  test('a node that is leaving is emptied as far as others have room', () => {
    const leader = new TestLeader(4, { minNodes: 2, maxShardsPerNode: 3 });
    leader.formOf('n1', 'n2');
    const moves = planDrain(leader.state, 'n1', everyShard(leader));
    expect(moves.map(({ from, to }) => [from, to])).toEqual([['n1', 'n2']]);
    expect(planDrain(leader.state, 'n1', new Set())).toEqual([]);
  });

  test('the balance counts nodes that take part', () => {
    expect(balanceOf(new TestLeader().state)).toBeUndefined();
    const leader = new TestLeader(4);
    leader.formOf('n1');
    leader.register('n2');
    expect(balanceOf(leader.state)).toEqual({ min: 4, max: 4 });
    leader.do({ kind: 'node_verdict', nodeId: 'n2', verdict: 'healthy' });
    expect(balanceOf(leader.state)).toEqual({ min: 0, max: 4 });
  });
});

// @req: tests.properties
test('whatever joins in whatever order, counts differ by at most one as far as capacity allows', () => {
  const joins = fc.array(
    fc.record({ maxShards: fc.integer({ min: 0, max: 5 }), zone: fc.constantFrom('a', 'b') }),
    {
      minLength: 1,
      maxLength: 6,
    },
  );
  fc.assert(
    fc.property(joins, fc.integer({ min: 1, max: 8 }), fc.boolean(), (nodes, shards, late) => {
      const leader = new TestLeader(shards);
      for (const [index, node] of nodes.entries()) {
        leader.join(`n${index}`, node);
        if (late) leader.do({ kind: 'form' });
      }
      leader.do({ kind: 'form' });
      leader.even();
      const room = leader.state.nodes.map((node) => capacityOf(node, leader.state.config));
      const counts = leader.counts();
      const fill = Math.min(
        shards,
        room.reduce((sum, each) => sum + each, 0),
      );
      expect(counts.reduce((sum, each) => sum + each, 0)).toBe(fill);
      const roomLeft = counts.filter((count, index) => count < (room[index] ?? 0));
      for (const count of roomLeft) expect(Math.max(...counts) - count).toBeLessThanOrEqual(1);
    }),
    { numRuns: 200 },
  );
});
