/** What a node's report means for the state: who may send it, and which commands follow from it. */
import { ToruaError } from '../kernel/errors.ts';
import type { ClusterState, NodeEntry } from '../protocol/cluster-state.ts';
import type { HeldCopy } from '../protocol/messages.ts';
import type { ClusterCommand } from './commands.ts';
import type { ClusterEvent } from './events.ts';
import { copiesOn, requireNode } from './state-access.ts';

/**
 * The node that this process is. Errors: `node_not_found` (register again); `node_id_in_use` when another process has
 * taken over since.
 */
export function requireSender(
  state: ClusterState,
  sender: { readonly nodeId: string; readonly incarnation: string },
): NodeEntry {
  const node = requireNode(state, sender.nodeId);
  if (node.incarnation === sender.incarnation) return node;
  throw new ToruaError(
    'node_id_in_use',
    `Another process is registered as node ${node.id} by now; this one has to stop or register again.`,
    { fields: { node_id: node.id } },
  );
}

/**
 * Commands that bring the state in line with what a node reports to hold: confirmations first, then fences. Empty in
 * the steady state. A copy that is not listed proves nothing here, because a report may be older than the copy; only
 * a new process's registration does.
 */
export function commandsOfReport(
  state: ClusterState,
  nodeId: string,
  held: readonly HeldCopy[],
): readonly ClusterCommand[] {
  const reported = new Map(held.map((copy) => [copy.copyId, copy]));
  const own = copiesOn(state, nodeId).filter(({ copy }) => reported.has(copy.copyId));
  const confirmed = own.filter(({ copy }) => copy.state === 'initializing');
  const commands: ClusterCommand[] = [];
  if (confirmed.length > 0) {
    const copyIds = confirmed.map(({ copy }) => copy.copyId);
    commands.push({ kind: 'copy_confirmed', nodeId, copyIds });
  }
  for (const { shard, copy } of own) {
    const fence = reported.get(copy.copyId)?.fence ?? 0;
    if (shard.primary !== copy.copyId || fence <= shard.term) continue;
    commands.push({ kind: 'refence', shardUid: shard.shardUid, copyId: copy.copyId, fence });
  }
  return commands;
}

/** Records that a node's copies keep aside since its report before this one; a new leader hears of all of them once. */
export function newlyKeptAside(
  state: ClusterState,
  nodeId: string,
  reports: { readonly before: readonly HeldCopy[]; readonly now: readonly HeldCopy[] },
): readonly ClusterEvent[] {
  const before = new Map(reports.before.map((copy) => [copy.copyId, new Set(copy.keptAside)]));
  const places = new Map(
    copiesOn(state, nodeId).map(({ shardId, copy }) => [copy.copyId, shardId]),
  );
  return reports.now.flatMap(({ copyId, keptAside = [] }) => {
    const shardId = places.get(copyId);
    if (shardId === undefined) return [];
    return keptAside
      .filter((recordSeq) => before.get(copyId)?.has(recordSeq) !== true)
      .map((recordSeq) => ({ type: 'record_kept_aside' as const, shardId, nodeId, recordSeq }));
  });
}
