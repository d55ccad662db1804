/**
 * Sweeping: deletes keys whose time is over, and blob files that nothing refers to. Both ask the store for rows that
 * may be old by the time they are used, so a watch notes what is written meanwhile.
 */
import type { Deadline } from '../kernel/deadline.ts';
import type { BlobFiles } from './blob-files.ts';
import type { CopyCore } from './copy-core.ts';
import { pageOf } from './delete-page.ts';

/** Keys whose time is over that one sweep removes at most. */
export const SWEEP_MAX = 1_000;

/** Deletes keys whose time is over, as records like any other. Returns how many were found to be over. */
export async function sweepExpired(
  core: CopyCore,
  opId: string,
  deadline: Deadline,
): Promise<number> {
  const { newest, writes, parts } = core;
  const { owner } = writes;
  const watch = newest.watch();
  try {
    const nowMs = parts.hybrid.now();
    const found = await newest.readStore((store) => store.expired(nowMs, SWEEP_MAX));
    const { keys } = pageOf(found, undefined);
    // A key that was written since the watch began may live again: it is looked at in the next round.
    const isSpared = (key: string): boolean => watch.keys.has(key);
    if (keys.every(isSpared)) return 0;
    const page = { verb: 'deleteMany', keys, next: undefined, range: 'expired' } as const;
    await writes.write({ ...page, opId, callerOpId: false, isSpared }, owner, deadline);
    return keys.length;
  } finally {
    watch.end();
  }
}

/** Removes blobs that nothing refers to. Returns how many went, and how many may go later. */
export async function sweepBlobs(
  core: CopyCore,
  blobs: BlobFiles,
): Promise<{ removed: number; young: number }> {
  const { newest } = core;
  const candidates = await blobs.list();
  if (candidates.length === 0) return { removed: 0, young: 0 };
  // Whatever was appended before the watch is in it or in the store; what comes later is in it.
  const watch = newest.watch();
  try {
    const stored = await newest.readStore((store) => store.blobNames());
    const isNeeded = (blob: string): boolean => stored.has(blob) || watch.blobs.has(blob);
    const removed = await blobs.sweep(candidates, isNeeded);
    return { removed, young: watch.blobs.size };
  } finally {
    watch.end();
  }
}
