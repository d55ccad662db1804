/**
 * A shard's stage as a table that is total over stage × event: a missing cell does not compile. ARCHITECTURE.md's
 * diagram is drawn from it. The stage is derived from the shard's copies and never stored beside them.
 */
import type { ShardEntry } from '../protocol/cluster-state.ts';
import { primaryCopy } from './state-access.ts';

/**
 * `unassigned`: no copy anywhere. `initializing`: assigned, not yet confirmed, holds no user record. `active`: has a
 * primary that its holder confirmed. `lost`: copies are named, none is usable: red, and never created anew by itself.
 */
export type ShardStage = 'unassigned' | 'initializing' | 'active' | 'lost';

/** What can happen to a shard. */
export type ShardLifecycleEvent =
  /** It got a new, empty copy. */
  | 'assigned'
  /** The holder reported the copy on its disk. */
  | 'confirmed'
  /** Its empty copy was given back and another node got a new one. */
  | 'moved'
  /** Same copy, higher term. */
  | 'refenced'
  /** The holder came back without the copy. */
  | 'copy_missing'
  /** A copy that was missing is on a disk after all. */
  | 'copy_found'
  /** An operator deleted the holder. */
  | 'holder_forgotten'
  /** All data was deleted; a new shard takes the place. */
  | 'reset';

/** A cell: the next stage, `ignored` (nothing changes) or `refused` (the caller gets an error). */
export type ShardCell = ShardStage | 'ignored' | 'refused';

/** Stage × event → what follows. */
export const SHARD_LIFECYCLE: Readonly<
  Record<ShardStage, Readonly<Record<ShardLifecycleEvent, ShardCell>>>
> = {
  unassigned: {
    assigned: 'initializing',
    confirmed: 'ignored',
    moved: 'ignored',
    refenced: 'ignored',
    copy_missing: 'ignored',
    copy_found: 'active',
    holder_forgotten: 'ignored',
    reset: 'unassigned',
  },
  initializing: {
    assigned: 'initializing',
    confirmed: 'active',
    moved: 'initializing',
    refenced: 'initializing',
    copy_missing: 'ignored',
    copy_found: 'ignored',
    holder_forgotten: 'unassigned',
    reset: 'unassigned',
  },
  active: {
    assigned: 'refused',
    confirmed: 'ignored',
    moved: 'initializing',
    refenced: 'active',
    copy_missing: 'lost',
    copy_found: 'ignored',
    holder_forgotten: 'unassigned',
    reset: 'unassigned',
  },
  lost: {
    assigned: 'initializing',
    confirmed: 'ignored',
    moved: 'ignored',
    refenced: 'ignored',
    copy_missing: 'ignored',
    copy_found: 'active',
    holder_forgotten: 'unassigned',
    reset: 'unassigned',
  },
};

/** The table's cell. */
export const shardCell = (stage: ShardStage, event: ShardLifecycleEvent): ShardCell =>
  SHARD_LIFECYCLE[stage][event];

/** Whether the event changes a shard in this stage (also when the stage stays the same). */
export function shardAccepts(shard: ShardEntry, event: ShardLifecycleEvent): boolean {
  const cell = shardCell(stageOf(shard), event);
  return cell !== 'ignored' && cell !== 'refused';
}

/** The stage of a shard. */
export function stageOf(shard: ShardEntry): ShardStage {
  const primary = primaryCopy(shard);
  if (primary === undefined) return shard.copies.length === 0 ? 'unassigned' : 'lost';
  return primary.state === 'initializing' ? 'initializing' : 'active';
}

/** Whether some event of the table leads from one stage to the other; staying is always allowed. */
export const stageMayFollow = (before: ShardStage, after: ShardStage): boolean =>
  before === after || Object.values(SHARD_LIFECYCLE[before]).includes(after);
