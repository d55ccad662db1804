/**
 * The copies a node holds, brought in line with the cluster state: creates those assigned and never confirmed, opens
 * those on disk, takes over terms, drops those the state no longer knows. Never re-creates a confirmed one.
 */
import type { Disk } from '../kernel/disk.ts';
import { asToruaError } from '../kernel/errors.ts';
import {
  copyId as asCopyId,
  seq as asSeq,
  term as asTerm,
  type CopyId,
  type Seq,
  type ShardUid,
} from '../kernel/ids.ts';
import type { Logger } from '../kernel/logger.ts';
import { Turns } from '../kernel/turns.ts';
import { type LogRecord, RECORD_KIND } from '../log/log-record.ts';
import type { ClusterState } from '../protocol/cluster-state.ts';
import type { HeldCopy } from '../protocol/messages.ts';
import { acceptDamage } from '../shard/accept-damage.ts';
import type { CopyParts } from '../shard/copy-core.ts';
import { createCopy, readManifest } from '../shard/manifest.ts';
import { openCopy } from '../shard/open-copy.ts';
import type { ShardCopy } from '../shard/shard-copy.ts';

/** One copy on this node's disk. */
export interface HeldSlot {
  readonly copyId: CopyId;
  readonly shardUid: ShardUid;
  readonly fence: number;
  state: 'opening' | 'open' | 'in_doubt';
  copy: ShardCopy | undefined;
  /** Why it is in doubt. */
  reason: string | undefined;
}

/** What the set is given. */
export interface CopySetParts {
  readonly nodeId: string;
  readonly directory: string;
  readonly disk: Disk;
  readonly logger: Logger;
  readonly copyParts: CopyParts;
}

/** A copy's place in the cluster as the newest state says. */
export interface Assignment {
  readonly shardId: number;
  readonly shardUid: ShardUid;
  readonly copyId: CopyId;
  readonly term: number;
  readonly isPrimary: boolean;
  readonly mayCreate: boolean;
}

/** See the module. */
export class CopySet {
  readonly #parts: CopySetParts;
  readonly #slots = new Map<CopyId, HeldSlot>();
  #assignments = new Map<ShardUid, Assignment>();
  #state: ClusterState | undefined;
  readonly #turns = new Turns();
  #closing = false;

  constructor(parts: CopySetParts) {
    this.#parts = parts;
  }

  /** Finds what is on disk; nothing is opened yet. Removes what a crash left half created or half dropped. */
  async discover(): Promise<void> {
    const { disk, directory, copyParts } = this.#parts;
    await disk.makeDirectory(directory);
    // Names that the life before gave and did not live to sync are believed from here on, so they are made durable.
    await disk.syncDirectory(directory);
    for (const name of await disk.list(directory)) {
      const copyId = asCopyId(name);
      const found = await this.#found(copyId);
      if (!found) {
        await disk.remove(this.#pathOf(copyId));
        continue;
      }
      await disk.syncDirectory(this.#pathOf(copyId));
      const inDoubt = copyParts.log.position(copyId)?.inDoubt === true;
      const reason = found.reason ?? (inDoubt ? 'The log has a hole.' : undefined);
      const state = reason === undefined ? 'opening' : 'in_doubt';
      this.#slots.set(copyId, { ...found, copyId, state, copy: undefined, reason });
    }
  }

  /** What the manifest says; a damaged one puts its copy in doubt and leaves the others alone, if the log knows whose it is. */
  async #found(
    copyId: CopyId,
  ): Promise<Pick<HeldSlot, 'shardUid' | 'fence' | 'reason'> | undefined> {
    const { disk, copyParts, logger } = this.#parts;
    try {
      const manifest = await readManifest(disk, this.#pathOf(copyId));
      return manifest && { shardUid: manifest.shard_uid, fence: manifest.fence, reason: undefined };
    } catch (reason) {
      const position = copyParts.log.position(copyId);
      if (position === undefined) throw reason;
      logger.error({ err: reason, copyId }, 'a copy cannot be identified by its manifest');
      return { shardUid: position.shardUid, fence: 0, reason: asToruaError(reason).detail };
    }
  }

  /** Brings the copies in line with `state`; one state after another, each to its end. */
  reconcile(state: ClusterState): Promise<void> {
    return this.#inTurn(() => this.#reconcile(state));
  }

  /** Tries again what failed the last time: a copy that could not be created, opened or taken over is not left alone. */
  async retry(): Promise<void> {
    const failed = this.assignments.some((assignment) => this.#isHalfDone(assignment));
    if (failed && this.#state) await this.reconcile(this.#state);
  }

  /** Copies by their shard's identity; undefined when this node does not hold the shard or has not opened it. */
  byShard(shardUid: ShardUid): ShardCopy | undefined {
    const assignment = this.#assignments.get(shardUid);
    return assignment && this.#slots.get(assignment.copyId)?.copy;
  }

  /** What the newest state says about a shard on this node. */
  assignment(shardUid: ShardUid): Assignment | undefined {
    return this.#assignments.get(shardUid);
  }

  /** What the newest state says about the shard with this number on this node. */
  assignmentByNumber(shardId: number): Assignment | undefined {
    for (const assignment of this.#assignments.values())
      if (assignment.shardId === shardId) return assignment;
    return undefined;
  }

  get assignments(): Assignment[] {
    return [...this.#assignments.values()].sort((left, right) => left.shardId - right.shardId);
  }

  slot(copyId: CopyId): HeldSlot | undefined {
    return this.#slots.get(copyId);
  }

  /** Every open copy. */
  get open(): ShardCopy[] {
    return [...this.#slots.values()].flatMap((slot) => (slot.copy ? [slot.copy] : []));
  }

  /** Whether every assigned copy is open and serves its term. */
  get ready(): boolean {
    return [...this.#assignments.values()].every((assignment) => {
      const copy = this.#slots.get(assignment.copyId)?.copy;
      return copy !== undefined && (!assignment.isPrimary || copy.term === assignment.term);
    });
  }

  /** An operator accepts what base and log of a damaged copy still give: it is opened like any other. */
  acceptDamage(copyId: CopyId): Promise<void> {
    return this.#inTurn(async () => {
      const slot = this.#slots.get(copyId);
      if (slot?.state !== 'in_doubt') return;
      await acceptDamage(this.#parts.copyParts, this.#pathOf(copyId));
      slot.state = 'opening';
      slot.reason = undefined;
      const assignment = this.assignments.find((other) => other.copyId === copyId);
      if (assignment) await this.#bringUp(assignment);
    });
  }

  /** What is really here, for registration and heartbeats. */
  held(): HeldCopy[] {
    return [...this.#slots.values()].map((slot) => {
      const position = this.#parts.copyParts.log.position(slot.copyId);
      const { copy } = slot;
      return {
        copyId: slot.copyId,
        shardUid: slot.shardUid,
        term: copy?.term ?? position?.lastTerm ?? 0,
        lastSeq: copy?.lastSeq ?? position?.lastSeq ?? 0,
        fence: firstTermTaken(copy?.fence ?? slot.fence),
        state: slot.state,
        ...(copy ? { empty: copy.empty, ...copy.storedTotals, ...keptAsideOf(copy) } : {}),
      };
    });
  }

  /** Applies what is left, checkpoints and closes every copy. */
  async close(): Promise<void> {
    this.#closing = true;
    await this.#inTurn(async () => {});
    await Promise.all(this.open.map((copy) => copy.close()));
  }

  #inTurn(task: () => Promise<void>): Promise<void> {
    return this.#turns.run(async () => {
      if (!this.#closing) await task();
    });
  }

  #isHalfDone(assignment: Assignment): boolean {
    const slot = this.#slots.get(assignment.copyId);
    if (slot === undefined) return assignment.mayCreate;
    if (slot.state === 'in_doubt') return false;
    const { copy } = slot;
    if (copy === undefined) return slot.reason !== undefined;
    const isDue = assignment.isPrimary && !assignment.mayCreate && assignment.term > copy.fence;
    return isDue && copy.term < assignment.term;
  }

  async #reconcile(state: ClusterState): Promise<void> {
    const assignments = assignmentsOf(state, this.#parts.nodeId);
    // First of all, so that no request finds its way to a copy that is being closed.
    this.#assignments = new Map(assignments.map((assignment) => [assignment.shardUid, assignment]));
    this.#state = state;
    const named = copiesNamed(state);
    for (const slot of [...this.#slots.values()]) {
      if (!named.has(slot.copyId)) await this.#drop(slot);
    }
    await Promise.all(assignments.map((assignment) => this.#bringUp(assignment)));
  }

  async #bringUp(assignment: Assignment): Promise<void> {
    const { logger } = this.#parts;
    try {
      const slot = this.#slots.get(assignment.copyId) ?? (await this.#create(assignment));
      if (!slot || slot.state === 'in_doubt') return;
      slot.copy ??= await openCopy(this.#parts.copyParts, this.#pathOf(slot.copyId));
      slot.state = 'open';
      slot.reason = undefined;
      // A copy serves only after the leader has recorded that it exists: before that, losing it would go unnoticed.
      if (assignment.isPrimary && !assignment.mayCreate && assignment.term > slot.copy.fence) {
        await slot.copy.assume(asTerm(assignment.term));
      }
    } catch (reason) {
      const error = asToruaError(reason);
      const slot = this.#slots.get(assignment.copyId);
      if (slot) slot.reason = error.detail;
      if (slot && error.code === 'shard_in_doubt') slot.state = 'in_doubt';
      logger.error(
        { err: reason, copyId: assignment.copyId, shardId: assignment.shardId },
        'a copy cannot be opened',
      );
    }
  }

  /** Creates an assigned copy, unless the state says that it existed: then it is lost, and the leader is told so. */
  async #create(assignment: Assignment): Promise<HeldSlot | undefined> {
    const { disk, logger } = this.#parts;
    const { copyId, shardUid } = assignment;
    if (!assignment.mayCreate) {
      logger.error({ copyId, shardId: assignment.shardId }, 'an assigned copy is not on this disk');
      return undefined;
    }
    await createCopy(disk, this.#pathOf(copyId), { copyId, shardUid });
    const slot: HeldSlot = {
      copyId,
      shardUid,
      fence: 0,
      state: 'opening',
      copy: undefined,
      reason: undefined,
    };
    this.#slots.set(copyId, slot);
    return slot;
  }

  async #drop(slot: HeldSlot): Promise<void> {
    const { copyParts, disk } = this.#parts;
    await slot.copy?.close();
    const position = copyParts.log.position(slot.copyId);
    // Behind the writes that were on their way when the copy was closed: they are in the log, durable or not.
    const last = asSeq(copyParts.log.nextSeq(slot.copyId) - 1);
    if (position) await copyParts.log.append([dropRecord(slot, position.lastTerm, last)]);
    // Not synced: a copy that a power failure brings back is dropped once more, because no state names it.
    await disk.remove(this.#pathOf(slot.copyId));
    this.#slots.delete(slot.copyId);
  }

  #pathOf(copyId: CopyId): string {
    return `${this.#parts.directory}/${copyId}`;
  }
}

/** On the wire a fence is the first term that is taken; on disk the last one that is refused, 0 for none. */
const firstTermTaken = (fence: number): number => (fence === 0 ? 0 : fence + 1);

function keptAsideOf({ keptAside }: ShardCopy): Pick<HeldCopy, 'keptAside'> {
  return keptAside.length === 0 ? {} : { keptAside: [...keptAside] };
}

/** What the state assigns to one node. Shape: ascending shard number. */
export function assignmentsOf(state: ClusterState, nodeId: string): Assignment[] {
  return state.databases.flatMap((database) =>
    database.shards.flatMap((shard, shardId) =>
      shard.copies
        .filter((copy) => copy.nodeId === nodeId && copy.state !== 'lost')
        .map((copy) => ({
          shardId,
          shardUid: shard.shardUid as ShardUid,
          copyId: asCopyId(copy.copyId),
          term: shard.term,
          isPrimary: shard.primary === copy.copyId,
          mayCreate: copy.state === 'initializing',
        })),
    ),
  );
}

/** Every copy the state knows, lost ones included: what turns up again must still be there to be found. */
function copiesNamed(state: ClusterState): ReadonlySet<string> {
  const shards = state.databases.flatMap((database) => database.shards);
  return new Set(shards.flatMap((shard) => shard.copies.map(({ copyId }) => copyId)));
}

/** A drop stands at the last record, as a truncation does: it takes no place of its own. */
function dropRecord(slot: HeldSlot, lastTerm: number, last: Seq): LogRecord {
  return {
    kind: RECORD_KIND.drop,
    shardUid: slot.shardUid,
    copyId: slot.copyId,
    term: asTerm(lastTerm),
    seq: last,
    schemaVersion: 0,
    opId: '',
    callerOpId: false,
    hybridMs: 0,
    payload: Buffer.alloc(0),
  };
}
