/**
 * Registration: who may use a node's id, and what the copies on its disk mean for the shards.
 * A shard is never re-created because a copy is missing, and a copy that turns up again is taken back.
 */
import { ToruaError } from '../kernel/errors.ts';
import type { ClusterState, NodeEntry, ShardEntry } from '../protocol/cluster-state.ts';
import type { HeldCopy } from '../protocol/messages.ts';
import type { CommandContext, Reduction, RegisterNode } from './commands.ts';
import type { ClusterEffect } from './effects.ts';
import type { ClusterEvent } from './events.ts';
import { type NodeLifecycleEvent, nextStatus } from './node-lifecycle.ts';
import { isImbalanced } from './placement.ts';
import { withConfirmed, withFound, withLost, withTermAbove } from './shard-changes.ts';
import { shardAccepts } from './shard-lifecycle.ts';
import { copiesOn, findNode, mapShards, withNode } from './state-access.ts';

/**
 * Takes a process in as a node.
 * Errors: `wrong_cluster`, `stale_epoch`, `node_id_in_use`.
 */
export function registerNode(
  state: ClusterState,
  command: RegisterNode,
  context: CommandContext,
): Reduction {
  checkHistory(state, command);
  const known = findNode(state, command.node.id);
  if (known) checkIdentity(state, known, command);
  const restarted = known === undefined || known.incarnation !== command.node.incarnation;
  const entry = nodeEntry(known, { command, restarted, now: context.now });
  const events: ClusterEvent[] = [];
  if (known === undefined) events.push({ type: 'node_joined', nodeId: entry.id });
  else if (restarted) events.push({ type: 'node_rejoined', nodeId: entry.id });
  // The same process was only silent for a while: it hung, or was cut off.
  else if (known.status !== entry.status) events.push({ type: 'node_recovered', nodeId: entry.id });
  const changed = known !== undefined && sameNode(known, entry) ? state : withNode(state, entry);
  const settled = settleCopies(changed, {
    nodeId: entry.id,
    held: command.node.copies ?? [],
    // A repeated registration of one process may be an old message: what it does not list proves nothing.
    missingIsLost: restarted,
  });
  events.push(...settled.events);
  return { state: settled.state, effects: effectsOf(settled.state, known, entry), events };
}

function checkHistory(state: ClusterState, { node }: RegisterNode): void {
  if (node.clusterId !== undefined && node.clusterId !== state.clusterId) {
    throw new ToruaError(
      'wrong_cluster',
      `Node ${node.id} holds data of cluster ${node.clusterId}; this is cluster ${state.clusterId}.`,
      { fields: { node_id: node.id } },
    );
  }
  if (node.leaderEpoch !== undefined && node.leaderEpoch > state.leaderEpoch) {
    throw new ToruaError(
      'stale_epoch',
      `Node ${node.id} has followed leader epoch ${node.leaderEpoch}; this coordinator is at ${state.leaderEpoch}.`,
      { fields: { node_id: node.id } },
    );
  }
}

function checkIdentity(state: ClusterState, known: NodeEntry, command: RegisterNode): void {
  const { id, directoryId } = command.node;
  // The directory's lock proves that the process before it is gone.
  if (known.directoryId === undefined || known.directoryId === directoryId) return;
  if (command.leaseRunning) {
    throw inUse(id, 'its lease still runs. Stop that process, or choose another NODE_ID');
  }
  const holds = copiesOn(state, id).length > 0;
  if (directoryId === undefined && holds) {
    throw inUse(id, 'it holds shards that a process without a data directory cannot take over');
  }
}

const inUse = (nodeId: string, reason: string): ToruaError =>
  new ToruaError(
    'node_id_in_use',
    `Another data directory is known as node ${nodeId} and ${reason}.`,
    {
      fields: { node_id: nodeId },
    },
  );

function nodeEntry(
  known: NodeEntry | undefined,
  given: { readonly command: RegisterNode; readonly restarted: boolean; readonly now: number },
): NodeEntry {
  const { node } = given.command;
  const event: NodeLifecycleEvent = given.restarted ? 'restarted' : 'registered';
  // What an operator patched holds until the process starts again with a setting of its own.
  const ownSetting = given.restarted || node.incarnation === undefined;
  const maxShards = ownSetting ? (node.maxShards ?? known?.maxShards) : known?.maxShards;
  return {
    id: node.id,
    addr: node.addr,
    status: known === undefined ? 'unknown' : nextStatus(known.status, event),
    zone: node.zone,
    maxShards,
    directoryId: node.directoryId,
    incarnation: node.incarnation,
    version: node.version ?? 'unknown',
    registeredAt: known?.registeredAt ?? given.now,
  };
}

const sameNode = (left: NodeEntry, right: NodeEntry): boolean =>
  (Object.keys(right) as (keyof NodeEntry)[]).every((name) => left[name] === right[name]);

function effectsOf(
  state: ClusterState,
  known: NodeEntry | undefined,
  entry: NodeEntry,
): readonly ClusterEffect[] {
  const effects: ClusterEffect[] = [];
  if (entry.status === 'unknown')
    effects.push({ kind: 'probe', nodeId: entry.id, addr: entry.addr });
  const joinedWithoutData = known === undefined && entry.directoryId === undefined;
  const differs = known?.status !== entry.status || known.incarnation !== entry.incarnation;
  const isBack = known !== undefined && entry.status === 'healthy' && differs;
  const mayHelp = copiesOn(state, entry.id).length === 0 || isImbalanced(state);
  if (joinedWithoutData || (isBack && mayHelp)) {
    effects.push({ kind: 'evaluate', reason: 'node_joined', nodeId: entry.id });
  }
  return effects;
}

interface Holdings {
  readonly nodeId: string;
  readonly held: readonly HeldCopy[];
  readonly missingIsLost: boolean;
}

function settleCopies(
  state: ClusterState,
  holdings: Holdings,
): { readonly state: ClusterState; readonly events: readonly ClusterEvent[] } {
  const events: ClusterEvent[] = [];
  const settled = mapShards(state, (shard, shardId) => {
    const after = fencedAnew(settleShard(shard, holdings), holdings);
    events.push(...settlementEvents({ shardId, before: shard, after, nodeId: holdings.nodeId }));
    return after;
  });
  return { state: settled, events };
}

function settleShard(shard: ShardEntry, { nodeId, held, missingIsLost }: Holdings): ShardEntry {
  const copy = shard.copies.find((candidate) => candidate.nodeId === nodeId);
  if (copy === undefined) return adopted(shard, nodeId, held);
  const listed = held.some(({ copyId }) => copyId === copy.copyId);
  if (!listed) {
    return copy.state === 'active' && missingIsLost ? withLost(shard, copy.copyId) : shard;
  }
  if (copy.state === 'initializing') return withConfirmed(shard, copy.copyId);
  const onlyCopy = shard.copies.length === 1;
  return copy.state === 'lost' && onlyCopy ? withFound(shard, copy) : shard;
}

/** Takes back the last copy of a shard whose holder was forgotten, when the holder returns after all. */
function adopted(shard: ShardEntry, nodeId: string, held: readonly HeldCopy[]): ShardEntry {
  if (shard.copies.length > 0 || !shardAccepts(shard, 'copy_found')) return shard;
  const last = held.find(
    (copy) =>
      copy.shardUid === shard.shardUid &&
      copy.term === shard.term &&
      (copy.fence ?? 0) <= shard.term,
  );
  return last === undefined ? shard : withFound(shard, { copyId: last.copyId, nodeId });
}

function fencedAnew(shard: ShardEntry, { held }: Holdings): ShardEntry {
  const primary = held.find(({ copyId }) => copyId === shard.primary);
  const fence = primary?.fence ?? 0;
  return fence > shard.term ? withTermAbove(shard, fence) : shard;
}

function settlementEvents(change: {
  readonly shardId: number;
  readonly before: ShardEntry;
  readonly after: ShardEntry;
  readonly nodeId: string;
}): readonly ClusterEvent[] {
  const { shardId, before, after, nodeId } = change;
  const copy = after.copies.find((candidate) => candidate.nodeId === nodeId);
  const earlier = before.copies.find((candidate) => candidate.copyId === copy?.copyId);
  if (before === after || copy === undefined) return [];
  if (copy.state === earlier?.state)
    return [{ type: 'shard_fenced_anew', shardId, term: after.term }];
  const { copyId } = copy;
  if (copy.state === 'lost') {
    const lost: ClusterEvent = { type: 'copy_lost', shardId, nodeId, copyId };
    return after.inSync.length === 0 ? [lost, { type: 'shard_red', shardId }] : [lost];
  }
  const type = earlier?.state === 'initializing' ? 'copy_active' : 'copy_found';
  return [{ type, shardId, nodeId, copyId }];
}
