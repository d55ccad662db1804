/**
 * Volatile facts: what the leader remembers and the document never holds. Functions that need both get both, so that
 * colour, explanation and evening out are as pure as the reducer.
 */
import type { ClusterState, CopyEntry } from '../protocol/cluster-state.ts';
import type { HeldCopy } from '../protocol/messages.ts';
import type { HolderReport } from './commands.ts';
import { primaryCopy, requireShard, shardsOf } from './state-access.ts';

/** What is known beside the state right now. */
export interface VolatileFacts {
  /** Ids of the nodes that answer. */
  readonly liveNodes: ReadonlySet<string>;
  /** What each node last said it holds, by node id. */
  readonly reports: ReadonlyMap<string, readonly HeldCopy[]>;
  /** Identities of the shards whose release was asked for and not yet answered. */
  readonly releasing: ReadonlySet<string>;
}

/** What the copy's holder last said about it, or undefined. */
export const reportOf = (facts: VolatileFacts, copy: CopyEntry): HeldCopy | undefined =>
  facts.reports.get(copy.nodeId)?.find(({ copyId }) => copyId === copy.copyId);

/** Whether the copy can answer: confirmed, on a node that answers, and neither being opened nor damaged. */
export function copyServes(facts: VolatileFacts, copy: CopyEntry): boolean {
  if (copy.state !== 'active' || !facts.liveNodes.has(copy.nodeId)) return false;
  const condition = reportOf(facts, copy)?.state ?? 'open';
  return condition === 'open';
}

/**
 * Identities of the shards whose holder answers and says that they hold no user record, and that are not on their way
 * already. It is only a hint: the holder decides when it is asked for the release.
 */
export function emptyShards(state: ClusterState, facts: VolatileFacts): readonly string[] {
  return shardsOf(state).flatMap((shard) => {
    const copy = primaryCopy(shard);
    if (copy === undefined || !facts.liveNodes.has(copy.nodeId)) return [];
    const report = reportOf(facts, copy);
    const fenced = (report?.fence ?? 0) > shard.term;
    return report?.empty && !fenced && !facts.releasing.has(shard.shardUid) ? [shard.shardUid] : [];
  });
}

/** What the shard's holder last said, for `assign_shard`. Errors: `shard_not_found`. */
export function holderReport(
  state: ClusterState,
  shardId: number,
  facts: VolatileFacts,
): HolderReport {
  const copy = primaryCopy(requireShard(state, shardId));
  const report = copy && facts.liveNodes.has(copy.nodeId) ? reportOf(facts, copy) : undefined;
  if (report === undefined) return 'unknown';
  if (report.state === 'in_doubt') return 'in_doubt';
  return report.empty ? 'empty' : 'data';
}

/** Bytes per shard identity, as the holders of the primaries reported them. */
export function bytesByShard(
  state: ClusterState,
  facts: VolatileFacts,
): ReadonlyMap<string, number> {
  return new Map(
    shardsOf(state).flatMap((shard) => {
      const copy = primaryCopy(shard);
      const bytes = copy && reportOf(facts, copy)?.bytes;
      return bytes === undefined ? [] : [[shard.shardUid, bytes] as const];
    }),
  );
}
