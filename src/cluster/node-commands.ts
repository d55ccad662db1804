/** Commands about nodes, registration apart: verdicts, leaving, forgetting, capacity. */
import { ToruaError } from '../kernel/errors.ts';
import type { ClusterState, NodeEntry } from '../protocol/cluster-state.ts';
import type {
  CommandContext,
  ForgetNode,
  NodeLeaving,
  NodeLeft,
  NodeVerdict,
  PatchNode,
  Reduction,
} from './commands.ts';
import type { ClusterEffect } from './effects.ts';
import type { ClusterEvent } from './events.ts';
import type { HealthVerdict } from './health.ts';
import { type NodeLifecycleEvent, nextStatus, nodeCell } from './node-lifecycle.ts';
import { isImbalanced, planDrain } from './placement.ts';
import { releaseEffect } from './release.ts';
import { withoutCopiesOn } from './shard-changes.ts';
import { assignAll } from './shard-commands.ts';
import {
  copiesOn,
  findNode,
  heldCount,
  mapShards,
  requireNode,
  withNode,
  withoutNode,
} from './state-access.ts';

const EVENT_OF_VERDICT: Readonly<Record<HealthVerdict, NodeLifecycleEvent>> = {
  healthy: 'answered',
  unhealthy: 'checks_failed',
  dead: 'silent',
};

/** The health checks' verdict; about a node that was forgotten meanwhile it is ignored. */
export function nodeVerdict(state: ClusterState, command: NodeVerdict): Reduction {
  const { nodeId, verdict } = command;
  const node = findNode(state, nodeId);
  if (node === undefined) return { state, effects: [], events: [] };
  const status = nextStatus(node.status, EVENT_OF_VERDICT[verdict]);
  if (status === node.status) return { state, effects: [], events: [] };
  const judged = withNode(state, { ...node, status });
  const effects: ClusterEffect[] = [];
  if (status === 'healthy' && (heldCount(state, nodeId) === 0 || isImbalanced(judged))) {
    effects.push({ kind: 'evaluate', reason: 'node_joined', nodeId });
  }
  if (status === 'dead') effects.push({ kind: 'evaluate', reason: 'node_left', nodeId });
  return { state: judged, effects, events: verdictEvents(node, status) };
}

function verdictEvents(node: NodeEntry, status: NodeEntry['status']): readonly ClusterEvent[] {
  const nodeId = node.id;
  if (status === 'unhealthy') return [{ type: 'node_unhealthy', nodeId }];
  if (status === 'dead') return [{ type: 'node_dead', nodeId }];
  return node.status === 'unknown' ? [] : [{ type: 'node_recovered', nodeId }];
}

/** Gives the node's empty shards away; what holds data stays with it. Errors: `node_not_found`. */
export function nodeLeaving(state: ClusterState, command: NodeLeaving): Reduction {
  const { nodeId, emptyShards } = command;
  const node = requireNode(state, nodeId);
  const status = nextStatus(node.status, 'leave_announced');
  const announced = status !== node.status;
  const leaving = announced ? withNode(state, { ...node, status }) : state;
  const effects = planDrain(leaving, nodeId, new Set(emptyShards)).map((move) =>
    releaseEffect(leaving, { move, reason: 'node_leaving' }),
  );
  const events: ClusterEvent[] = announced ? [{ type: 'node_leaving', nodeId }] : [];
  if (announced && heldCount(state, nodeId) === 0) events.push({ type: 'node_drained', nodeId });
  return { state: leaving, effects, events };
}

/** The node is gone: forgotten when it held nothing, else listed as unhealthy with its shards its own. */
export function nodeLeft(state: ClusterState, command: NodeLeft): Reduction {
  const { nodeId } = command;
  const node = findNode(state, nodeId);
  if (node === undefined) return { state, effects: [], events: [] };
  const events: readonly ClusterEvent[] = [{ type: 'node_left', nodeId }];
  if (copiesOn(state, nodeId).length === 0) {
    const effects: readonly ClusterEffect[] = [{ kind: 'evaluate', reason: 'node_left', nodeId }];
    return { state: withoutNode(state, nodeId), effects, events };
  }
  const status = nextStatus(node.status, 'stopped_holding');
  if (status === node.status) return { state, effects: [], events: [] };
  return { state: withNode(state, { ...node, status }), effects: [], events };
}

/**
 * Takes a node off the list. Errors: `node_not_found`; `node_not_gone` while it is neither dead nor drained, or its
 * lease may run; `holds_only_copy` unless the loss is accepted.
 */
export function forgetNode(
  state: ClusterState,
  command: ForgetNode,
  context: CommandContext,
): Reduction {
  const { nodeId } = command;
  checkForgettable(state, command);
  const orphans = onlyCopies(state, nodeId);
  const without = withoutNode(
    mapShards(state, (shard) => withoutCopiesOn(shard, nodeId)),
    nodeId,
  );
  const empty = new Set(
    orphans.filter(({ holdsData }) => !holdsData).map(({ shardUid }) => shardUid),
  );
  const refilled = assignAll(without, {
    wanted: (shard) => empty.has(shard.shardUid),
    context,
  });
  const unassigned = orphans.flatMap(({ shardUid, shardId }): ClusterEvent[] =>
    refilled.assigned.has(shardUid) ? [] : [{ type: 'shard_unassigned', shardId, nodeId }],
  );
  return {
    state: refilled.state,
    effects: [],
    events: [{ type: 'node_forgotten', nodeId }, ...unassigned, ...refilled.events],
  };
}

function checkForgettable(state: ClusterState, command: ForgetNode): void {
  const { nodeId, leaseRunning, acceptDataLoss } = command;
  const node = requireNode(state, nodeId);
  const fields = { node_id: nodeId };
  const drained = node.status !== 'leaving' || copiesOn(state, nodeId).length === 0;
  if (nodeCell(node.status, 'forgotten') !== 'absent' || !drained) {
    throw new ToruaError(
      'node_not_gone',
      `Node ${nodeId} is ${node.status}; only a node that is dead or drained can be forgotten.`,
      { fields },
    );
  }
  const holding = onlyCopies(state, nodeId).filter(({ holdsData }) => holdsData);
  if (leaseRunning && holding.length > 0) {
    throw new ToruaError(
      'node_not_gone',
      `The lease of node ${nodeId} still runs; repeat in a moment.`,
      {
        fields,
      },
    );
  }
  if (holding.length === 0 || acceptDataLoss) return;
  const list = holding.map(({ shardId }) => shardId).join(', ');
  throw new ToruaError(
    'holds_only_copy',
    `Node ${nodeId} holds the only copy of shard ${list}. Bring it back, or repeat with ?accept_data_loss=true.`,
    { fields: { ...fields, shards: holding.map(({ shardId }) => shardId) } },
  );
}

/** Shards that have no copy but the node's; a copy that was never confirmed holds no user record. */
function onlyCopies(state: ClusterState, nodeId: string) {
  return copiesOn(state, nodeId)
    .filter(({ shard }) => shard.inSync.every((id) => copyNode(shard, id) === nodeId))
    .map(({ shard, shardId, copy }) => ({
      shardId,
      shardUid: shard.shardUid,
      holdsData: copy.state !== 'initializing',
    }));
}

const copyNode = (
  shard: { readonly copies: readonly { copyId: string; nodeId: string }[] },
  id: string,
) => shard.copies.find(({ copyId }) => copyId === id)?.nodeId;

/** Sets the node's capacity. Copies above it stay; nothing new is placed. Errors: `node_not_found`. */
export function patchNode(state: ClusterState, command: PatchNode): Reduction {
  const { nodeId, maxShards } = command;
  const node = requireNode(state, nodeId);
  if (node.maxShards === maxShards) return { state, effects: [], events: [] };
  return {
    state: withNode(state, { ...node, maxShards }),
    effects: [{ kind: 'evaluate', reason: 'manual', nodeId }],
    events: [{ type: 'node_capacity_changed', nodeId, maxShards }],
  };
}
