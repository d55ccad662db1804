/** Building the request by which an empty copy is asked back from its holder. */
import { present } from '../kernel/assert.ts';
import type { ClusterState } from '../protocol/cluster-state.ts';
import type { ReleaseEffect } from './effects.ts';
import type { MoveReason } from './events.ts';
import type { PlannedMove } from './placement.ts';
import { placeOf, primaryCopy, requireNode, requireShard } from './state-access.ts';

/** The effect that starts a planned move. Contract: the shard has a primary. */
export function releaseEffect(
  state: ClusterState,
  plan: { readonly move: PlannedMove; readonly reason: MoveReason },
): ReleaseEffect {
  const { move, reason } = plan;
  const shardId = placeOf(state, move.shardUid);
  const shard = requireShard(state, shardId);
  const primary = present(primaryCopy(shard), 'only a shard with a primary is moved');
  return {
    kind: 'release',
    nodeId: primary.nodeId,
    addr: requireNode(state, primary.nodeId).addr,
    shardId,
    shardUid: shard.shardUid,
    copyId: primary.copyId,
    term: shard.term,
    targetNodeId: move.to,
    reason,
  };
}
