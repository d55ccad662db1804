/** Commands about shards and copies: first assignment, evening out empty shards, release, confirmation, fences. */
import type { ClusterState, ShardEntry } from '../protocol/cluster-state.ts';
import type {
  CommandContext,
  CopyConfirmed,
  EvenEmpty,
  Reduction,
  Refence,
  ReleaseConfirmed,
  ReleaseRefused,
} from './commands.ts';
import { objections, type Seat } from './deciders.ts';
import type { EvaluateEffect } from './effects.ts';
import type { ClusterEvent } from './events.ts';
import { formationWaitMs } from './formation.ts';
import {
  balanceOf,
  bestSeat,
  isImbalanced,
  planAssignments,
  planEvenMoves,
  seatsOf,
} from './placement.ts';
import { releaseEffect } from './release.ts';
import { withConfirmed, withNewPrimary, withTermAbove } from './shard-changes.ts';
import { shardAccepts, stageOf } from './shard-lifecycle.ts';
import {
  findNode,
  heldCount,
  isFormed,
  mapShards,
  placeOf,
  primaryCopy,
  shardsOf,
  withShard,
} from './state-access.ts';

/** The first assignment. Leaves the state alone when it was made, or while too few nodes can take a shard. */
export function form(state: ClusterState, context: CommandContext): Reduction {
  if (isFormed(state) || formationWaitMs(state, context.now) === undefined) return nothing(state);
  const { state: formed, events } = assignAll(state, { wanted: isNew, context });
  const nodes = new Set(
    shardsOf(formed).flatMap(({ copies }) => copies.map(({ nodeId }) => nodeId)),
  );
  return {
    state: formed,
    effects: [],
    events: [{ type: 'cluster_formed', nodes: nodes.size, shards: events.length }, ...events],
  };
}

/**
 * Gives a copy to every shard that never had a confirmed one, and asks for the release of empty shards whose move
 * makes the counts more even. Nothing before the first assignment, or when it is switched off and not asked for.
 */
export function evenEmpty(
  state: ClusterState,
  command: EvenEmpty,
  context: CommandContext,
): Reduction {
  const switchedOff = !state.config.autoRebalance && command.reason !== 'manual';
  if (!isFormed(state) || switchedOff) return nothing(state);
  const filled = assignAll(state, { wanted: (shard) => hasNoRecord(state, shard), context });
  const movable = new Set(command.emptyShards.filter((uid) => placeOf(filled.state, uid) >= 0));
  const bytes = context.bytesByShard;
  const moves = planEvenMoves(filled.state, movable, bytes);
  const imbalanced = isImbalanced(state, bytes);
  const { reason, nodeId } = command;
  const events: ClusterEvent[] = [{ type: 'rebalance_evaluated', reason, nodeId, imbalanced }];
  const balance = balanceOf(state);
  if (imbalanced && balance) events.push({ type: 'imbalance_detected', ...balance });
  return {
    state: filled.state,
    effects: moves.map((move) => releaseEffect(filled.state, { move, reason: 'rebalance' })),
    events: [...events, ...filled.events],
  };
}

/**
 * Gives the released shard its new place, decided by what is true now: several evaluations may have been on their way
 * at once. A move for evenness that would not help any more leaves the shard with its holder. Old news is ignored.
 */
export function releaseConfirmed(
  state: ClusterState,
  command: ReleaseConfirmed,
  context: CommandContext,
): Reduction {
  const { shardUid, copyId, term, reason } = command;
  const shardId = placeOf(state, shardUid);
  const shard = shardsOf(state)[shardId];
  if (shard?.term !== term || shard.primary !== copyId) return nothing(state);
  const from = primaryCopy(shard)?.nodeId ?? '';
  const target = placeOfReleased(shard, { command, seats: seatsOf(state, context.bytesByShard) });
  if (target === undefined) {
    // The holder has fenced itself one term up, so the shard goes on above that.
    const refenced = withTermAbove(shard, shard.term + 1);
    const events: readonly ClusterEvent[] = [
      { type: 'shard_fenced_anew', shardId, term: refenced.term },
    ];
    return { state: withShard(state, refenced), effects: [], events };
  }
  const to = target.node.id;
  const moved = withShard(
    state,
    withNewPrimary(shard, { copyId: context.newId(), nodeId: to }, copyId),
  );
  const events: ClusterEvent[] = [{ type: 'shard_moved', shardId, from, to, reason }];
  if (findNode(moved, from)?.status === 'leaving' && heldCount(moved, from) === 0) {
    events.push({ type: 'node_drained', nodeId: from });
  }
  return { state: moved, effects: [], events };
}

/** Where the released shard goes; undefined: it stays. */
function placeOfReleased(
  shard: ShardEntry,
  given: { readonly command: ReleaseConfirmed; readonly seats: readonly Seat[] },
): Seat | undefined {
  const { command, seats } = given;
  if (command.reason === 'manual') {
    const named = seats.find(({ node }) => node.id === command.targetNodeId);
    return named && objections(shard, named).length === 0 ? named : undefined;
  }
  const best = bestSeat(shard, seats);
  const holder = seats.find(({ node }) => node.id === primaryCopy(shard)?.nodeId);
  const holderStays = command.reason === 'rebalance' && holder?.node.status === 'healthy';
  return best && holderStays && holder.copies - best.copies < 2 ? undefined : best;
}

/** A write came before the release: the shard stays, and that is worth an event. */
export function releaseRefused(state: ClusterState, command: ReleaseRefused): Reduction {
  const shardId = placeOf(state, command.shardUid);
  const shard = shardsOf(state)[shardId];
  const copy = shard && primaryCopy(shard);
  if (shard?.term !== command.term || copy?.copyId !== command.copyId) return nothing(state);
  const event: ClusterEvent = { type: 'release_refused', shardId, nodeId: copy.nodeId };
  return { state, effects: [], events: [event] };
}

/** Marks the copies that the node reported as confirmed; what is not (or no longer) its own is ignored. */
export function copyConfirmed(state: ClusterState, command: CopyConfirmed): Reduction {
  const events: ClusterEvent[] = [];
  const confirmed = mapShards(state, (shard, shardId) =>
    shard.copies.reduce((current, { copyId, nodeId, state: copyState }) => {
      const reported = nodeId === command.nodeId && command.copyIds.includes(copyId);
      if (!reported || copyState !== 'initializing') return current;
      events.push({ type: 'copy_active', shardId, nodeId, copyId });
      return withConfirmed(current, copyId);
    }, shard),
  );
  const effects = events.length > 0 ? evenOutEffects(confirmed, command.nodeId) : [];
  return { state: confirmed, effects, events };
}

/** Lifts the shard's term above the fence of its primary, when there is need. */
export function refence(state: ClusterState, command: Refence): Reduction {
  const shardId = placeOf(state, command.shardUid);
  const shard = shardsOf(state)[shardId];
  if (shard === undefined || shard.primary !== command.copyId || command.fence <= shard.term) {
    return nothing(state);
  }
  const refenced = withTermAbove(shard, command.fence);
  const lifted = withShard(state, refenced);
  return {
    state: lifted,
    effects: evenOutEffects(lifted, primaryCopy(refenced)?.nodeId ?? ''),
    events: [{ type: 'shard_fenced_anew', shardId, term: refenced.term }],
  };
}

/**
 * An evaluation when the cluster is uneven: a node may have joined while this one's copies were not yet known to be
 * empty, or while a release of it was lost.
 */
export const evenOutEffects = (state: ClusterState, nodeId: string): readonly EvaluateEffect[] =>
  isImbalanced(state) ? [{ kind: 'evaluate', reason: 'interval', nodeId }] : [];

/** What `assignAll` did. */
export interface AssignedAll {
  readonly state: ClusterState;
  readonly events: readonly ClusterEvent[];
  /** Identities of the shards that got a copy. */
  readonly assigned: ReadonlySet<string>;
}

/**
 * Gives each wanted shard a new, empty copy on the best node; those without one stay as they are.
 * Contract: the wanted shards hold no user record.
 */
export function assignAll(
  state: ClusterState,
  options: {
    readonly wanted: (shard: ShardEntry) => boolean;
    readonly context: CommandContext;
  },
): AssignedAll {
  const { wanted, context } = options;
  const shards = shardsOf(state).filter(
    (shard) => wanted(shard) && shardAccepts(shard, 'assigned'),
  );
  const plan = planAssignments(state, shards, context.bytesByShard);
  const targets = new Map(plan.map(({ shardUid, nodeId }) => [shardUid, nodeId]));
  const events: ClusterEvent[] = [];
  const assigned = mapShards(state, (shard, shardId) => {
    const nodeId = targets.get(shard.shardUid);
    if (nodeId === undefined) return shard;
    const owned = withNewPrimary(
      shard,
      { copyId: context.newId(), nodeId },
      shard.primary ?? undefined,
    );
    const { term } = owned;
    events.push({ type: 'shard_assigned', shardId, nodeId, term, dataLossAccepted: false });
    return owned;
  });
  return { state: assigned, events, assigned: new Set(targets.keys()) };
}

const isNew = (shard: ShardEntry): boolean => shard.term === 0;

/** True for a shard that was never assigned, and for one whose holder died before it ever confirmed its copy. */
function hasNoRecord(state: ClusterState, shard: ShardEntry): boolean {
  if (isNew(shard)) return true;
  const holder = primaryCopy(shard)?.nodeId;
  const gone = holder !== undefined && findNode(state, holder)?.status === 'dead';
  return gone && stageOf(shard) === 'initializing';
}

const nothing = (state: ClusterState): Reduction => ({ state, effects: [], events: [] });
