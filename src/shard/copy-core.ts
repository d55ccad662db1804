/**
 * The parts of an open copy and the acts that several of them share: recovering from the log, keeping a record
 * aside, letting the log go. `shard-copy.ts` is what others see of it.
 */
import type { Clock } from '../kernel/clock.ts';
import type { Disk } from '../kernel/disk.ts';
import type { HybridClock } from '../kernel/hybrid-clock.ts';
import { seq as asSeq, type CopyId } from '../kernel/ids.ts';
import type { Logger } from '../kernel/logger.ts';
import { Applier, type ApplierLimits, type ReplayBatch } from './applier.ts';
import type { CopyLog } from './copy-log.ts';
import { type Manifest, writeManifest } from './manifest.ts';
import { changesOf, Memtable, type MemtableLimits } from './memtable.ts';
import { NewestValues } from './newest.ts';
import {
  changesOfRecord,
  firstSeqSince,
  isUserRecord,
  outcomeOfRecord,
  recordsFrom,
} from './replay.ts';
import type { MaintenanceReport, ShardStore, StoreChange, StoreFactory } from './store.ts';
import type { ValueCache } from './value-cache.ts';
import { OWN_WINDOW_MS, WritePath } from './write-path.ts';

/** What a node lends to its copies. */
export interface CopyParts {
  readonly disk: Disk;
  readonly log: CopyLog;
  readonly clock: Clock;
  readonly hybrid: HybridClock;
  readonly cache: ValueCache;
  readonly stores: StoreFactory;
  readonly logger: Logger;
  readonly memtable: MemtableLimits;
  readonly applier: ApplierLimits;
  /** Told about what a copy did by itself: maintenance, a record kept aside. */
  readonly onEvent: (event: CopyEvent) => void;
}

/** What a copy did by itself. */
export type CopyEvent =
  | { readonly type: 'maintained'; readonly copyId: CopyId; readonly report: MaintenanceReport }
  | {
      readonly type: 'kept_aside';
      readonly copyId: CopyId;
      readonly key: string;
      readonly seq: number;
      readonly reason: string;
    };

/** See the module. */
export class CopyCore {
  readonly parts: CopyParts;
  readonly newest: NewestValues;
  readonly writes: WritePath;
  readonly applier: Applier;
  readonly #directory: string;
  #manifest: Manifest;

  constructor(content: {
    parts: CopyParts;
    directory: string;
    manifest: Manifest;
    store: ShardStore;
  }) {
    const { parts, manifest, store } = content;
    const { copy_id: copyId, shard_uid: shardUid } = manifest;
    this.parts = parts;
    this.#directory = content.directory;
    this.#manifest = manifest;
    const memtable = new Memtable(parts.memtable, store.appliedSeq);
    this.newest = new NewestValues({ copyId, memtable, store, cache: parts.cache });
    this.applier = new Applier({
      newest: this.newest,
      clock: parts.clock,
      logger: parts.logger,
      limits: parts.applier,
      hybridNow: () => parts.hybrid.now(),
      logBytesSinceBase: () => parts.log.bytesSince(copyId, store.baseSeq),
      onMaintained: (report) => this.maintained(report),
      replay: (apply) => this.#replayInto(apply),
      onKeptAside: (change, reason) => this.#keepAside(change, reason),
    });
    this.writes = new WritePath({
      copyId,
      shardUid,
      log: parts.log,
      clock: parts.clock,
      hybrid: parts.hybrid,
      newest: this.newest,
      roomInMemtable: () => this.applier.roomInMemtable(),
      onCommit: () => this.applier.wake(),
    });
  }

  get manifest(): Manifest {
    return this.#manifest;
  }

  /** Replaces the manifest, durably. */
  async note(manifest: Manifest): Promise<void> {
    await writeManifest(this.parts.disk, this.#directory, manifest);
    this.#manifest = manifest;
  }

  /** Brings the copy to the end of its log. Called once, before anything else. */
  async recover(): Promise<void> {
    const { newest, writes, parts } = this;
    const copyId = this.#manifest.copy_id;
    for (const outcome of await newest.store.outcomes()) writes.callers.remember(outcome);
    writes.touched = newest.store.totals.keys > 0 || writes.callers.size > 0;
    if (!parts.log.position(copyId)) return;
    await this.#readAside();
    const appliedSeq = newest.store.appliedSeq;
    const young = await firstSeqSince(parts.log, copyId, parts.hybrid.now() - OWN_WINDOW_MS);
    const from = asSeq(Math.min(appliedSeq + 1, young));
    for await (const record of recordsFrom(parts.log, copyId, from)) {
      if (isUserRecord(record)) writes.touched = true;
      if (record.opId !== '' && !record.callerOpId) {
        writes.own.set(record.opId, record.seq, record.hybridMs);
      }
      if (record.seq <= appliedSeq) continue;
      const outcome = outcomeOfRecord(record);
      if (outcome) writes.callers.remember(outcome);
      if (outcome) newest.memtable.note(outcome);
      for (const [key, stored] of changesOfRecord(record)) {
        newest.commit(key, { stored, seq: record.seq });
      }
      newest.memtable.pass(record.seq);
      if (newest.memtable.full) await this.applier.drain();
    }
    this.retain();
    this.applier.wake();
  }

  /** The store's base may have advanced. */
  maintained(report: MaintenanceReport): void {
    this.retain();
    this.parts.onEvent({ type: 'maintained', copyId: this.#manifest.copy_id, report });
  }

  /** Tells the log what it may forget: what the base holds, but never a record that is kept aside. */
  retain(): void {
    const { copy_id: copyId, aside } = this.#manifest;
    const pinned = Math.min(this.newest.store.baseSeq, ...aside.map((kept) => kept - 1));
    if (this.parts.log.position(copyId)) this.parts.log.retain(copyId, asSeq(pinned));
  }

  /** Hands out what the log holds behind the rebuilt store, in batches of a memtable's size. */
  async #replayInto(apply: (batch: ReplayBatch) => Promise<void>): Promise<void> {
    const { store } = this.newest;
    const upTo = this.newest.memtable.lastSeq;
    const memtable = new Memtable(this.parts.memtable, store.appliedSeq);
    const flush = async (): Promise<void> => {
      const generation = memtable.swap();
      const changes = changesOf(generation).filter(({ key }) => !this.newest.aside.has(key));
      await apply({ changes, seq: generation.seq, outcomes: generation.outcomes });
      memtable.applied();
    };
    const from = asSeq(store.appliedSeq + 1);
    for await (const record of recordsFrom(this.parts.log, this.#manifest.copy_id, from)) {
      if (record.seq > upTo) break;
      const outcome = outcomeOfRecord(record);
      if (outcome) memtable.note(outcome);
      for (const [key, stored] of changesOfRecord(record)) {
        memtable.set(key, { stored, seq: record.seq });
      }
      memtable.pass(record.seq);
      if (memtable.full) await flush();
    }
    await flush();
  }

  async #keepAside(change: StoreChange, reason: unknown): Promise<void> {
    const kept = this.newest.memtable.get(change.key)?.seq ?? this.newest.memtable.lastSeq;
    const stored = change.kind === 'put' ? change.stored : undefined;
    this.newest.aside.set(change.key, { stored, seq: kept });
    await this.note({ ...this.#manifest, aside: [...this.#manifest.aside, kept] });
    this.parts.onEvent({
      type: 'kept_aside',
      copyId: this.#manifest.copy_id,
      key: change.key,
      seq: kept,
      reason: String(reason),
    });
  }

  async #readAside(): Promise<void> {
    for (const kept of this.#manifest.aside) {
      const [record] = await this.parts.log.read(this.#manifest.copy_id, asSeq(kept), 1);
      for (const [key, stored] of record ? changesOfRecord(record) : []) {
        this.newest.aside.set(key, { stored, seq: asSeq(kept) });
      }
    }
  }
}
