/**
 * The parts of an open copy and the acts that several of them share: recovering from the log, keeping a change
 * aside, letting the log go. `shard-copy.ts` is what others see of it.
 */
import type { Clock } from '../kernel/clock.ts';
import type { Disk } from '../kernel/disk.ts';
import type { HybridClock } from '../kernel/hybrid-clock.ts';
import {
  seq as asSeq,
  term as asTerm,
  type CopyId,
  type Seq,
  type ShardUid,
} from '../kernel/ids.ts';
import type { Logger } from '../kernel/logger.ts';
import type { LogRecord } from '../log/log-record.ts';
import { Applier, type ApplierLimits } from './applier.ts';
import type { CopyLog } from './copy-log.ts';
import type { Manifest, ManifestFile } from './manifest.ts';
import {
  type CommittedChange,
  type Generation,
  Memtable,
  type MemtableLimits,
} from './memtable.ts';
import { NewestValues } from './newest.ts';
import {
  changesOfRecord,
  firstSeqWithin,
  isUserRecord,
  outcomeOfRecord,
  recordsOf,
  replayBatches,
} from './replay.ts';
import { SetAside } from './set-aside.ts';
import type { MaintenanceReport, ShardStore, StoreFactory } from './store.ts';
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
  | {
      readonly type: 'applied';
      readonly copyId: CopyId;
      readonly rows: number;
      readonly durationMs: number;
    }
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
  readonly file: ManifestFile;
  readonly aside: SetAside;
  readonly newest: NewestValues;
  readonly writes: WritePath;
  readonly applier: Applier;

  constructor(content: { parts: CopyParts; file: ManifestFile; store: ShardStore }) {
    const { parts, store } = content;
    this.parts = parts;
    this.file = content.file;
    this.aside = new SetAside(content.file);
    const { copyId, shardUid } = this;
    this.newest = new NewestValues({
      copyId,
      memtable: new Memtable(parts.memtable, store.appliedSeq),
      store,
      cache: parts.cache,
      aside: this.aside.entries,
    });
    this.applier = new Applier({
      newest: this.newest,
      clock: parts.clock,
      logger: parts.logger,
      limits: parts.applier,
      hybridNow: () => parts.hybrid.now(),
      logBytesSinceBase: () => parts.log.bytesSince(copyId, store.baseSeq),
      onApplied: (rows, durationMs) =>
        parts.onEvent({ type: 'applied', copyId: this.copyId, rows, durationMs }),
      onMaintained: (report) => this.#maintained(report),
      beforeApply: (changes) => this.aside.supersede(changes),
      replay: (upTo, apply) => this.#replayInto(upTo, apply),
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
    return this.file.current;
  }

  get copyId(): CopyId {
    return this.manifest.copy_id;
  }

  get shardUid(): ShardUid {
    return this.manifest.shard_uid;
  }

  /** Brings the copy to the end of its log. Called once, before anything else. */
  async recover(): Promise<void> {
    const { newest, writes, aside, copyId } = this;
    const { log } = this.parts;
    const outcomes = await newest.store.outcomes();
    // In the order of recording, which is the order of forgetting.
    outcomes.sort((left, right) => left.recordedAtMs - right.recordedAtMs);
    for (const outcome of outcomes) writes.callers.remember(outcome);
    writes.touched =
      newest.store.totals.keys > 0 || writes.callers.size > 0 || aside.entries.size > 0;
    const position = log.position(copyId);
    if (!position) return;
    const unapplied = newest.store.appliedSeq + 1;
    const young = await firstSeqWithin(log, copyId, OWN_WINDOW_MS);
    const from = asSeq(Math.min(unapplied, young));
    for await (const record of recordsOf(log, { copyId, from, upTo: position.lastSeq })) {
      this.#recall(record);
      if (record.seq < unapplied) continue;
      this.#recommit(record);
      if (newest.memtable.full) await this.applier.drain();
    }
    this.retain();
    this.applier.wake();
  }

  /** Tells the log what it may forget: what the base holds. */
  retain(): void {
    const { log } = this.parts;
    if (log.position(this.copyId)) log.retain(this.copyId, this.newest.store.baseSeq);
  }

  /**
   * Ends it: nothing is written any more, what is committed is applied, the store closes. What cannot be applied stays
   * in the log, for the next opening.
   */
  async close(): Promise<void> {
    const { writes, applier, newest, parts, copyId } = this;
    writes.owner = asTerm(0);
    try {
      await applier.stop();
    } catch (reason) {
      parts.logger.warn({ err: reason, copyId }, 'a copy is closed behind its log');
    }
    newest.close();
    await newest.store.close();
  }

  /** Notes what has to be known of a record, whether the store holds it or not. */
  #recall(record: LogRecord): void {
    const { writes } = this;
    if (isUserRecord(record)) writes.touched = true;
    if (record.opId === '' || record.callerOpId) return;
    writes.own.set(record.opId, record.seq, this.parts.clock.monotonicMs());
  }

  #recommit(record: LogRecord): void {
    const { newest, writes, aside } = this;
    const { seq } = record;
    const outcome = outcomeOfRecord(record);
    if (outcome) {
      writes.callers.remember(outcome);
      newest.memtable.note(outcome);
    }
    for (const [key, stored] of changesOfRecord(record)) {
      if (!aside.covers(key, seq)) newest.commit(key, { stored, seq });
    }
    newest.memtable.pass(seq);
  }

  #maintained(report: MaintenanceReport): void {
    this.retain();
    this.parts.onEvent({ type: 'maintained', copyId: this.copyId, report });
  }

  /** Hands out what the log holds behind the store, in batches of a memtable's size. */
  #replayInto(upTo: Seq, apply: (batch: Generation) => Promise<void>): Promise<void> {
    const { log, memtable: limits } = this.parts;
    const from = asSeq(this.newest.store.appliedSeq + 1);
    const isCovered = (key: string, seq: Seq): boolean => this.aside.covers(key, seq);
    return replayBatches(log, { copyId: this.copyId, from, upTo }, { limits, isCovered, apply });
  }

  async #keepAside(change: CommittedChange, reason: unknown): Promise<void> {
    if (!(await this.aside.keep(change))) return;
    const { key, seq } = change;
    const { copyId } = this;
    this.parts.onEvent({ type: 'kept_aside', copyId, key, seq, reason: String(reason) });
  }
}
