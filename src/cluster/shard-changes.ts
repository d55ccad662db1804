/** The changes a single shard can go through. Each keeps primary ∈ in-sync ⊆ copies and never lets the term fall. */
import { assert } from '../kernel/assert.ts';
import type { CopyEntry, ShardEntry } from '../protocol/cluster-state.ts';

/**
 * The shard with a new, empty copy as its primary, under the next term. Lost copies and the one it replaces are no
 * longer named, so their holders remove them.
 * Contract: whatever it replaces holds no user record, or an operator gave it up.
 */
export function withNewPrimary(
  shard: ShardEntry,
  copy: Pick<CopyEntry, 'copyId' | 'nodeId'>,
  replacedCopyId?: string | undefined,
): ShardEntry {
  const kept = shard.copies.filter(
    ({ copyId, state }) => copyId !== replacedCopyId && state !== 'lost',
  );
  const keptIds = new Set(kept.map(({ copyId }) => copyId));
  return {
    ...shard,
    term: shard.term + 1,
    copies: [...kept, { copyId: copy.copyId, nodeId: copy.nodeId, state: 'initializing' }],
    primary: copy.copyId,
    inSync: [...shard.inSync.filter((copyId) => keptIds.has(copyId)), copy.copyId],
  };
}

/** The shard with the copy confirmed by its holder: from now on it is never created again. */
export const withConfirmed = (shard: ShardEntry, copyId: string): ShardEntry =>
  withCopyState(shard, copyId, 'active');

/** The shard without the copy in its in-sync set: its holder came back without it. */
export function withLost(shard: ShardEntry, copyId: string): ShardEntry {
  return {
    ...withCopyState(shard, copyId, 'lost'),
    primary: shard.primary === copyId ? null : shard.primary,
    inSync: shard.inSync.filter((other) => other !== copyId),
  };
}

/**
 * The shard with its only copy back in place, under the next term.
 * Contract: it was the only copy, so nothing was acknowledged without it.
 */
export function withFound(
  shard: ShardEntry,
  copy: Pick<CopyEntry, 'copyId' | 'nodeId'>,
): ShardEntry {
  assert(shard.inSync.length === 0, 'a copy is found again only where no other is in sync');
  return {
    ...shard,
    term: shard.term + 1,
    copies: [{ copyId: copy.copyId, nodeId: copy.nodeId, state: 'active' }],
    primary: copy.copyId,
    inSync: [copy.copyId],
  };
}

/** The same copies under a term above the fence that one of them carries. */
export const withTermAbove = (shard: ShardEntry, fence: number): ShardEntry => ({
  ...shard,
  term: Math.max(shard.term, fence) + 1,
});

/** The shard without the copies on this node. */
export function withoutCopiesOn(shard: ShardEntry, nodeId: string): ShardEntry {
  const copies = shard.copies.filter((copy) => copy.nodeId !== nodeId);
  if (copies.length === shard.copies.length) return shard;
  const ids = new Set(copies.map(({ copyId }) => copyId));
  return {
    ...shard,
    copies,
    primary: shard.primary !== null && ids.has(shard.primary) ? shard.primary : null,
    inSync: shard.inSync.filter((copyId) => ids.has(copyId)),
  };
}

function withCopyState(shard: ShardEntry, copyId: string, state: CopyEntry['state']): ShardEntry {
  const copies = shard.copies.map((copy) => (copy.copyId === copyId ? { ...copy, state } : copy));
  return { ...shard, copies };
}
