/**
 * Where copies go. Even counts first (copies, then primaries), then zones, then bytes, then fewest moves; ties go to
 * the node whose id sorts first, so that the same facts always give the same plan. Pure: plans, never acts.
 */
import { present } from '../kernel/assert.ts';
import type { ClusterState, ShardEntry } from '../protocol/cluster-state.ts';
import { capacityOf, objections, type Seat } from './deciders.ts';
import { primaryCopy, shardsOf } from './state-access.ts';

/** A copy to be created. */
export interface PlannedAssignment {
  readonly shardUid: string;
  readonly nodeId: string;
}

/** A copy to be moved. */
export interface PlannedMove {
  readonly shardUid: string;
  readonly from: string;
  readonly to: string;
}

/** Bytes per shard identity, as far as known. */
export type ShardBytes = ReadonlyMap<string, number>;

/** Every node with what it holds now, in the state's order. */
export function seatsOf(state: ClusterState, bytes: ShardBytes = new Map()): readonly Seat[] {
  return state.nodes.map((node) => {
    const seat = {
      node,
      copies: 0,
      primaries: 0,
      bytes: 0,
      capacity: capacityOf(node, state.config),
    };
    for (const shard of shardsOf(state)) {
      const held = shard.copies.find((copy) => copy.nodeId === node.id && copy.state !== 'lost');
      if (held === undefined) continue;
      seat.copies += 1;
      seat.primaries += shard.primary === held.copyId ? 1 : 0;
      seat.bytes += bytes.get(shard.shardUid) ?? 0;
    }
    return seat;
  });
}

/** The best node for a new copy of the shard, or undefined when every node is turned down. */
export function bestSeat(shard: ShardEntry, seats: readonly Seat[]): Seat | undefined {
  const allowed = seats.filter((seat) => objections(shard, seat).length === 0);
  return allowed.reduce<Seat | undefined>(
    (best, seat) =>
      best && compareSeats(shard, { left: best, right: seat, seats }) <= 0 ? best : seat,
    undefined,
  );
}

/** A place for each shard that can have one; the others are left out. */
export function planAssignments(
  state: ClusterState,
  shards: readonly ShardEntry[],
  bytes?: ShardBytes | undefined,
): readonly PlannedAssignment[] {
  let seats = seatsOf(state, bytes);
  const plan: PlannedAssignment[] = [];
  for (const shard of shards) {
    const seat = bestSeat(shard, seats);
    if (seat === undefined) continue;
    plan.push({ shardUid: shard.shardUid, nodeId: seat.node.id });
    seats = shifted(seats, { to: seat.node.id, bytes: bytes?.get(shard.shardUid) ?? 0 });
  }
  return plan;
}

/**
 * The fewest moves of movable shards after which no move makes the counts more even.
 * Each goes from the fullest node that can give to the emptiest that may take, and only when they differ by two.
 */
export function planEvenMoves(
  state: ClusterState,
  movable: ReadonlySet<string>,
  bytes?: ShardBytes | undefined,
): readonly PlannedMove[] {
  let seats = seatsOf(state, bytes);
  const plan: PlannedMove[] = [];
  const left = new Set(movable);
  for (;;) {
    const move = nextEvenMove(state, left, seats);
    if (move === undefined) return plan;
    plan.push(move);
    left.delete(move.shardUid);
    seats = shifted(seats, { ...move, bytes: bytes?.get(move.shardUid) ?? 0 });
  }
}

/** Whether the counts could be more even, if every shard could move. */
export const isImbalanced = (state: ClusterState, bytes?: ShardBytes | undefined): boolean =>
  planEvenMoves(state, new Set(shardsOf(state).map(({ shardUid }) => shardUid)), bytes).length > 0;

/** Moves that take the movable shards of one node elsewhere, as far as others have room. */
export function planDrain(
  state: ClusterState,
  nodeId: string,
  movable: ReadonlySet<string>,
): readonly PlannedMove[] {
  let seats = seatsOf(state);
  const plan: PlannedMove[] = [];
  for (const shard of shardsOf(state)) {
    if (!movable.has(shard.shardUid) || primaryCopy(shard)?.nodeId !== nodeId) continue;
    const target = bestSeat(shard, seats);
    if (target === undefined) continue;
    const move = { shardUid: shard.shardUid, from: nodeId, to: target.node.id };
    plan.push(move);
    seats = shifted(seats, { ...move, bytes: 0 });
  }
  return plan;
}

/** Lowest and highest count among the nodes that take part in placement; undefined without one. */
export function balanceOf(state: ClusterState): { min: number; max: number } | undefined {
  const counts = seatsOf(state)
    .filter(
      ({ node, copies }) =>
        copies > 0 || (node.status === 'healthy' && node.directoryId !== undefined),
    )
    .map(({ copies }) => copies);
  return counts.length === 0 ? undefined : { min: Math.min(...counts), max: Math.max(...counts) };
}

function nextEvenMove(
  state: ClusterState,
  movable: ReadonlySet<string>,
  seats: readonly Seat[],
): PlannedMove | undefined {
  const givers = new Map<string, ShardEntry>();
  for (const shard of shardsOf(state)) {
    const holder = primaryCopy(shard)?.nodeId;
    if (holder !== undefined && movable.has(shard.shardUid)) givers.set(holder, shard);
  }
  const fullestFirst = seats
    .filter(({ node }) => givers.has(node.id) && node.status === 'healthy')
    .sort((left, right) => right.copies - left.copies || right.primaries - left.primaries);
  for (const giver of fullestFirst) {
    const shard = present(givers.get(giver.node.id), 'a giver has a shard to give');
    const taker = bestSeat(shard, seats);
    if (taker && giver.copies - taker.copies >= 2) {
      return { shardUid: shard.shardUid, from: giver.node.id, to: taker.node.id };
    }
  }
  return undefined;
}

function shifted(
  seats: readonly Seat[],
  change: { readonly from?: string | undefined; readonly to: string; readonly bytes: number },
): readonly Seat[] {
  return seats.map((seat) => {
    const sign = seat.node.id === change.to ? 1 : seat.node.id === change.from ? -1 : 0;
    if (sign === 0) return seat;
    return {
      ...seat,
      copies: seat.copies + sign,
      primaries: seat.primaries + sign,
      bytes: seat.bytes + sign * change.bytes,
    };
  });
}

interface SeatPair {
  readonly left: Seat;
  readonly right: Seat;
  readonly seats: readonly Seat[];
}

function compareSeats(shard: ShardEntry, { left, right, seats }: SeatPair): number {
  const leftRank = rank(shard, left, seats);
  const rightRank = rank(shard, right, seats);
  for (const [index, value] of leftRank.entries()) {
    const difference = value - (rightRank[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return left.node.id < right.node.id ? -1 : 1;
}

function rank(shard: ShardEntry, seat: Seat, seats: readonly Seat[]): readonly number[] {
  const zone = seats.filter(({ node }) => node.zone === seat.node.zone);
  const zoneIds = new Set(zone.map(({ node }) => node.id));
  const sameShardInZone = shard.copies.filter(({ nodeId }) => zoneIds.has(nodeId)).length;
  const zoneCopies = zone.reduce((sum, { copies }) => sum + copies, 0);
  return [seat.copies, seat.primaries, sameShardInZone, zoneCopies, seat.bytes];
}
