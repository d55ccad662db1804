/** Shards by the number in a path, as people and the original's clients ask a node for them. Source: contract, section 5. */
import { ToruaError } from '../kernel/errors.ts';
import { term as asTerm } from '../kernel/ids.ts';
import type { ShardCopy } from '../shard/shard-copy.ts';
import type { Assignment } from './copy-set.ts';
import { servingCopy } from './key-service.ts';
import type { NodeRuntime } from './node-runtime.ts';

/** A shard of this node with its open copy. */
export interface HeldShard {
  readonly copy: ShardCopy;
  readonly assignment: Assignment;
}

/** The shard with this number. Errors: `shard_not_found`, `shard_opening`, `shard_in_doubt`. */
export function shardOf(node: NodeRuntime, shardId: number): HeldShard {
  const assignment = node.copies.assignmentByNumber(shardId);
  if (!assignment) {
    throw new ToruaError('shard_not_found', `This node does not hold shard ${shardId}.`);
  }
  const { shardUid } = assignment;
  const any = { shardUid, term: asTerm(0), anyCopy: true };
  return { copy: servingCopy(node.copies, any, node.numShards), assignment };
}

/** The same shard, when this copy is its primary. Errors: `not_primary` with the primary's address; `shard_opening`. */
export function primaryOf(node: NodeRuntime, shard: HeldShard): HeldShard {
  const { assignment, copy } = shard;
  if (!assignment.isPrimary) {
    const primary = primaryAddress(node, assignment.shardId);
    throw new ToruaError(
      'not_primary',
      `The primary of shard ${assignment.shardId} is ${primary ?? 'nowhere now'}.`,
      { fields: { primary: primary ?? null } },
    );
  }
  if (copy.term > 0) return shard;
  throw new ToruaError(
    'shard_opening',
    `Shard ${assignment.shardId} has not taken its term up on this node, or is on its way to another.`,
    { retryAfterMs: 200 },
  );
}

function primaryAddress(node: NodeRuntime, shardId: number): string | undefined {
  const state = node.stored.current;
  const shard = state?.databases[0]?.shards[shardId];
  const copy = shard?.copies.find(({ copyId }) => copyId === shard.primary);
  return state?.nodes.find(({ id }) => id === copy?.nodeId)?.addr;
}
