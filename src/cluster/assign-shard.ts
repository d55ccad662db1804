/** POST /shards/assign: an operator names the place of a shard. Data is given up only when the request says so. */
import { present } from '../kernel/assert.ts';
import { type ErrorCode, ToruaError } from '../kernel/errors.ts';
import type { ClusterState, ShardEntry } from '../protocol/cluster-state.ts';
import type { AssignShard, CommandContext, Reduction } from './commands.ts';
import { objections, type Seat } from './deciders.ts';
import { bestSeat, seatsOf } from './placement.ts';
import { releaseEffect } from './release.ts';
import { withNewPrimary } from './shard-changes.ts';
import { stageOf } from './shard-lifecycle.ts';
import { isFormed, primaryCopy, requireNode, requireShard, withShard } from './state-access.ts';

/**
 * Assigns or moves a shard. A shard that is known to be empty moves by release; one that has no usable copy gets a
 * new, empty one.
 * Errors: `shard_not_found`, `node_not_found`, `waiting_for_assignment`, `not_implemented` (a second copy, or a move
 * of data), `no_capacity`, `assignment_conflict`, `data_loss_not_accepted`, `shard_unavailable`.
 */
export function assignShard(
  state: ClusterState,
  command: AssignShard,
  context: CommandContext,
): Reduction {
  const shard = requireShard(state, command.shardId);
  if (command.nodeId !== undefined) requireNode(state, command.nodeId);
  if (!isFormed(state)) {
    throw new ToruaError('waiting_for_assignment', 'The first assignment has not been made yet.');
  }
  if (!command.isPrimary) {
    throw new ToruaError(
      'not_implemented',
      'A shard has one copy for now; is_primary must be true.',
    );
  }
  return primaryCopy(shard) === undefined
    ? assignNew(state, command, context)
    : moveExisting(state, command, context);
}

function assignNew(state: ClusterState, command: AssignShard, context: CommandContext): Reduction {
  const { shardId, acceptDataLoss } = command;
  const shard = requireShard(state, shardId);
  const neverAssigned = shard.term === 0;
  if (!neverAssigned && !acceptDataLoss) {
    const lost = shard.copies.map(({ nodeId }) => nodeId).join(', ');
    throw refusal(
      'data_loss_not_accepted',
      `Shard ${shardId} held data${lost ? ` on ${lost}` : ''} and has no copy left. ` +
        'Bring its copy back, or repeat with "accept_data_loss":true to start it empty.',
      command,
    );
  }
  const { node } = targetSeat(state, shard, { command, context });
  const owned = withNewPrimary(shard, { copyId: context.newId(), nodeId: node.id });
  return {
    state: withShard(state, owned),
    effects: [],
    events: [
      {
        type: 'shard_assigned',
        shardId,
        nodeId: node.id,
        term: owned.term,
        dataLossAccepted: !neverAssigned,
      },
    ],
  };
}

function moveExisting(
  state: ClusterState,
  command: AssignShard,
  context: CommandContext,
): Reduction {
  const { shardId, holder } = command;
  const shard = requireShard(state, shardId);
  const holderId = primaryCopy(shard)?.nodeId ?? '';
  if (command.nodeId === undefined || command.nodeId === holderId) {
    if (holder === 'in_doubt') return acceptDamage(state, shard, command);
    throw refusal(
      'assignment_conflict',
      `Shard ${shardId} already lies on node ${holderId}.`,
      command,
    );
  }
  const target = targetSeat(state, shard, { command, context });
  if (holder === 'unknown') {
    throw refusal(
      'shard_unavailable',
      `Shard ${shardId} lies on node ${holderId}, which does not answer. Bring the node back; to give the data up, ` +
        `DELETE /nodes/${holderId}?accept_data_loss=true once it is dead, then assign the shard.`,
      command,
    );
  }
  if (holder !== 'empty') {
    throw refusal(
      'not_implemented',
      `Shard ${shardId} holds data, which cannot be moved yet.`,
      command,
    );
  }
  const move = { shardUid: shard.shardUid, from: holderId, to: target.node.id };
  return { state, effects: [releaseEffect(state, { move, reason: 'manual' })], events: [] };
}

function acceptDamage(state: ClusterState, shard: ShardEntry, command: AssignShard): Reduction {
  const { shardId } = command;
  const copy = primaryCopy(shard);
  if (!command.acceptDataLoss || copy === undefined || stageOf(shard) !== 'active') {
    throw refusal(
      'data_loss_not_accepted',
      `The copy of shard ${shardId} is damaged. Repeat with "accept_data_loss":true to keep what can still be read.`,
      command,
    );
  }
  const { nodeId, copyId } = copy;
  const { addr } = requireNode(state, nodeId);
  const { shardUid, term } = shard;
  return {
    state,
    effects: [{ kind: 'accept_damage', nodeId, addr, shardUid, copyId, term }],
    events: [{ type: 'damage_accepted', shardId, nodeId, copyId }],
  };
}

function targetSeat(
  state: ClusterState,
  shard: ShardEntry,
  given: { readonly command: AssignShard; readonly context: CommandContext },
): Seat {
  const { command, context } = given;
  const seats = seatsOf(state, context.bytesByShard);
  if (command.nodeId === undefined) {
    const best = bestSeat(shard, seats);
    if (best) return best;
    throw refusal('no_capacity', `No node can take shard ${command.shardId}.`, command);
  }
  const wanted = seats.find(({ node }) => node.id === command.nodeId);
  const seat = present(wanted, 'every node of the state has a seat');
  const [objection] = objections(shard, seat);
  if (objection === undefined) return seat;
  const code = objection.decider === 'capacity' ? 'no_capacity' : 'assignment_conflict';
  throw refusal(code, `Node ${seat.node.id} cannot take it: ${objection.explanation}`, command);
}

const refusal = (code: ErrorCode, detail: string, command: AssignShard): ToruaError =>
  new ToruaError(code, detail, {
    fields: {
      shard_id: command.shardId,
      ...(command.nodeId === undefined ? {} : { node_id: command.nodeId }),
    },
  });
