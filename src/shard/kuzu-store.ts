/**
 * The store of one copy on Kuzu: a live database that is a projection of the log, and an untouched base generation
 * behind it. Reads run beside everything; whatever writes is called by one owner, one after another. When anything is
 * in doubt the live database is thrown away and begun again from the base; it is never repaired.
 */
import { failureOf } from '../engine/failures.ts';
import type { EngineRow } from '../engine/native.ts';
import type { EngineParameters } from '../engine/parameters.ts';
import { assert } from '../kernel/assert.ts';
import type { Deadline } from '../kernel/deadline.ts';
import { ToruaError } from '../kernel/errors.ts';
import { seq as brandSeq, type Seq } from '../kernel/ids.ts';
import { applyBatch } from './kuzu-store-apply.ts';
import { inDoubt, type StoreLayout } from './kuzu-store-layout.ts';
import {
  growPool,
  type LiveDatabase,
  makeBase,
  metaOf,
  openLive,
  SHORT_READ_TIMEOUT_MS,
  type StoreMeta,
  type StoreParts,
} from './kuzu-store-live.ts';
import { maintenanceDue, type StoreFacts } from './kuzu-store-policy.ts';
import { listRows, outcomeOf } from './kuzu-store-reads.ts';
import { blobOf, storedOf } from './kuzu-store-row.ts';
import { EXPORTED_TABLES, STATEMENT } from './kuzu-store-schema.ts';
import { LiveSlot } from './kuzu-store-slot.ts';
import type {
  ApplyBatch,
  KeyRange,
  ListedRow,
  MaintenanceReport,
  Outcome,
  ShardStore,
  StoredValue,
  StoreSizes,
  StoreTotals,
} from './store.ts';

/** What `maintain` is told. */
type MaintenanceHint = Parameters<ShardStore['maintain']>[0];

/** See the module and `ShardStore`; made by `createKuzuStoreFactory` only. */
export class KuzuStore implements ShardStore {
  readonly #layout: StoreLayout;
  readonly #parts: StoreParts;
  readonly #slot: LiveSlot;
  #meta: StoreMeta;
  /** After a commit whose outcome nobody knows: the file is asked before the next write. */
  #needsReopen = false;
  /** A checkpoint that waits for long readers while the owner goes on. Never rejects. */
  #pending: Promise<void> | undefined;
  /** What such a checkpoint came to; the next `maintain` that does nothing itself tells of it. */
  #untold: MaintenanceReport | undefined;
  #rowsSinceCheckpoint = 0;
  #commitsSinceCheckpoint = 0;
  /** No outcome is older than this. */
  #oldestOutcomeMs = 0;

  /** Contract: `live` was opened by `openLive` in this layout. */
  constructor(layout: StoreLayout, parts: StoreParts, live: LiveDatabase) {
    this.#layout = layout;
    this.#parts = parts;
    this.#slot = new LiveSlot(live, parts.logger);
    this.#meta = live.meta;
  }

  get appliedSeq(): Seq {
    return brandSeq(this.#meta.applied);
  }

  get baseSeq(): Seq {
    return brandSeq(this.#slot.live.manifest.seq);
  }

  get totals(): StoreTotals {
    return { keys: this.#meta.keys, bytes: this.#meta.bytes };
  }

  async apply(batch: ApplyBatch): Promise<void> {
    this.#slot.refuseInDoubt();
    if (this.#needsReopen && (await this.#reopenedBehind(batch))) return;
    assert(batch.seq >= this.#meta.applied, 'batches come in the order of the log');
    try {
      await this.#applyOnce(batch);
    } catch (error) {
      const isPoolFull = failureOf(error) === 'pool_full';
      const isUnclear = error instanceof ToruaError && error.fields.outcome === 'unknown';
      this.#needsReopen ||= isUnclear;
      if (!isPoolFull || !growPool(this.#parts.pool)) throw error;
      this.#parts.logger.warn(
        { poolBytes: this.#parts.pool.bytes },
        'the pool of the engine was full; opening again with a larger one',
      );
      if (!(await this.#reopenedBehind(batch))) await this.#applyOnce(batch);
    }
  }

  async read(key: string): Promise<StoredValue | undefined> {
    const rows = await this.#read(STATEMENT.readRow, { k: key });
    const row = rows[0];
    if (row === undefined) return undefined;
    assert(row.k === key && rows.length === 1, 'the engine answers for the key it was asked for');
    return storedOf(row, true);
  }

  list(range: KeyRange): Promise<ListedRow[]> {
    return listRows(range, {
      averageRowBytes: this.#meta.bytes / Math.max(1, this.#meta.keys),
      read: (text, parameters) => this.#read(text, parameters),
      readOne: (key) => this.read(key),
    });
  }

  async expired(nowMs: number, limit: number): Promise<string[]> {
    const rows = await this.#read(STATEMENT.expiredKeys, { now: Math.floor(nowMs), limit });
    return rows.map((row) => String(row.k));
  }

  async outcomes(): Promise<Outcome[]> {
    return (await this.#read(STATEMENT.outcomes, {})).map(outcomeOf);
  }

  async blobNames(): Promise<Set<string>> {
    return new Set((await this.#read(STATEMENT.blobRows, {})).map((row) => blobOf(row.v)));
  }

  /**
   * One reading statement of a user, on connections of its own: key reads and writes go on beside it.
   * Errors: `deadline_exceeded` after `timeoutMs`, `overloaded` when too many wait.
   */
  graphRead(
    text: string,
    options: { timeoutMs: number; deadline?: Deadline | undefined },
  ): Promise<EngineRow[]> {
    return this.#slot.whenLive((live) =>
      live.engine.read(text, {}, { reader: 'long', ...options }),
    );
  }

  async maintain(hint: MaintenanceHint): Promise<MaintenanceReport> {
    const startedMs = this.#parts.clock.monotonicMs();
    this.#slot.refuseInDoubt();
    const due = maintenanceDue(await this.#facts(hint), this.#parts.limits);
    const waits = this.#pending !== undefined || this.#slot.live.engine.longReaders > 0;
    let did: MaintenanceReport['did'] = due.act;
    if (due.act === 'checkpoint' && waits && !due.isUrgent) {
      this.#checkpointWhenQuiet();
      did = 'nothing';
    } else if (due.act !== 'nothing') {
      await this.#pending;
      this.#slot.refuseInDoubt();
      await (due.act === 'rewrite'
        ? this.#parts.rewrites.run(() => this.#rewrite())
        : this.#checkpoint());
    }
    if (did === 'nothing' && this.#untold !== undefined) {
      const told = this.#untold;
      this.#untold = undefined;
      return told;
    }
    return { did, durationMs: this.#parts.clock.monotonicMs() - startedMs };
  }

  async rebuild(): Promise<void> {
    await this.#pending;
    const generation = await this.#layout.current();
    if (generation === undefined) throw inDoubt('no file names its base');
    await this.#layout.checkRoomForCopy(generation);
    await this.#layout.setState('opening');
    await this.#slot.replace(async () => {
      await this.#layout.liveFromBase(generation);
      return openLive(this.#parts, this.#layout, generation);
    });
    this.#adopt();
    await this.learnOldestOutcome();
  }

  async sizes(): Promise<StoreSizes> {
    const { disk } = this.#parts;
    const { generation, manifest } = this.#slot.live;
    const file = this.#layout.liveFile(generation);
    return {
      live: await disk.sizeOf(file),
      liveAfterRewrite: manifest.file_bytes,
      wal: await disk.sizeOf(`${file}.wal`),
      base: await disk.sizeOf(this.#layout.base(generation)),
    };
  }

  async close(): Promise<void> {
    this.#slot.refuseLongReads();
    await this.#pending;
    const isClean = this.#slot.isSound && !this.#needsReopen;
    try {
      // Long readers would hold up a checkpoint, and with it the end of the process: the log has everything.
      if (isClean && this.#commitsSinceCheckpoint > 0 && this.#slot.live.engine.longReaders === 0)
        await this.#checkpoint();
    } finally {
      await this.#slot.close();
    }
    if (isClean) await this.#layout.setState('closed');
    await this.#parts.disk.remove(this.#layout.scratch);
  }

  /** Learns from which time on outcomes exist. Called after each opening. */
  async learnOldestOutcome(): Promise<void> {
    const rows = await this.#read(STATEMENT.oldestOutcome, {});
    const at = rows[0]?.at;
    this.#oldestOutcomeMs = at === null || at === undefined ? Number.POSITIVE_INFINITY : Number(at);
  }

  // Applying

  async #applyOnce(batch: ApplyBatch): Promise<void> {
    const { disk, clock } = this.#parts;
    const mayForget = this.#oldestOutcomeMs < batch.forgetOutcomesBeforeMs;
    const context = {
      engine: this.#slot.live.engine,
      meta: this.#meta,
      mayForget,
      scratch: this.#layout.scratch,
      disk,
      clock,
    };
    this.#meta = await applyBatch(context, batch);
    this.#noteCommit(batch);
  }

  #noteCommit(batch: ApplyBatch): void {
    this.#rowsSinceCheckpoint += batch.changes.length;
    this.#commitsSinceCheckpoint += 1;
    let oldest = Math.max(this.#oldestOutcomeMs, batch.forgetOutcomesBeforeMs);
    for (const outcome of batch.outcomes) oldest = Math.min(oldest, outcome.recordedAtMs);
    this.#oldestOutcomeMs = oldest;
  }

  /** Opens the database again. Whether the batch turned out to be in it: an error is not proof of the contrary. */
  async #reopenedBehind(batch: ApplyBatch): Promise<boolean> {
    const before = this.#meta;
    await this.#layout.setState('opening'); // on a full disk this fails, and the old handle goes on reading
    await this.#slot.replace(() => openLive(this.#parts, this.#layout, this.#slot.live.generation));
    this.#meta = this.#slot.live.meta;
    this.#needsReopen = false;
    const isBehind = this.#meta.commits > before.commits;
    assert(
      !isBehind || this.#meta.commits === before.commits + 1,
      'at most one commit was unclear',
    );
    if (isBehind) this.#noteCommit(batch);
    return isBehind && this.#meta.applied === batch.seq;
  }

  // Maintenance

  async #facts(hint: MaintenanceHint): Promise<StoreFacts> {
    const [sizes, pool] = [await this.sizes(), await this.#slot.live.engine.poolUse()];
    return {
      rows: this.#rowsSinceCheckpoint,
      commits: this.#commitsSinceCheckpoint,
      walBytes: sizes.wal,
      liveBytes: sizes.live,
      liveBytesAfterRewrite: sizes.liveAfterRewrite,
      logBytesSinceBase: hint.logBytesSinceBase,
      poolUsedBytes: pool.usedBytes,
      poolLimitBytes: pool.limitBytes,
      force: hint.force,
    };
  }

  async #checkpoint(): Promise<void> {
    const { engine, generation } = this.#slot.live;
    try {
      await engine.checkpoint({
        before: () => this.#layout.setState('checkpointing'),
        after: async () => {
          await this.#parts.disk.syncDirectory(this.#layout.live(generation)); // the engine never does
          await this.#layout.setState('open');
          this.#resetCounters();
        },
      });
    } catch (error) {
      if (engine.isPoisoned) this.#slot.doubt(error);
      throw error;
    }
  }

  #checkpointWhenQuiet(): void {
    const { clock } = this.#parts;
    const startedMs = clock.monotonicMs();
    this.#pending ??= this.#checkpoint()
      .then(() => {
        this.#untold = { did: 'checkpoint', durationMs: clock.monotonicMs() - startedMs };
      })
      .catch((error: unknown) => this.#parts.logger.warn({ err: error }, 'a checkpoint failed'))
      .finally(() => {
        this.#pending = undefined;
      });
  }

  /** Copies the rows out and into a new generation: what grew without end is gone, and the base is as new as the live. */
  async #rewrite(): Promise<void> {
    const generation = this.#slot.live.generation + 1;
    const folder = `${this.#layout.scratch}/export`;
    const { disk } = this.#parts;
    try {
      await disk.remove(folder);
      await disk.makeDirectory(folder);
      const stamp = await this.#slot.live.engine.exportTo(folder, {
        tables: EXPORTED_TABLES,
        stamp: STATEMENT.readMeta,
      });
      const meta = metaOf(stamp);
      assert(meta.commits === this.#meta.commits, 'nothing is applied during a rewrite');
      await makeBase(this.#parts, this.#layout, { generation, meta, folder });
    } finally {
      await disk.remove(folder);
    }
    await this.#switchTo(generation);
  }

  /** Makes a sealed base the current one and opens a copy of it; the old live database ends when its readers have. */
  async #switchTo(generation: number): Promise<void> {
    await this.#layout.liveFromBase(generation);
    await this.#layout.setState('opening');
    await this.#layout.setCurrent(generation);
    try {
      const next = await openLive(this.#parts, this.#layout, generation);
      this.#slot.swap(next, (old) => this.#layout.removeGeneration(old.generation));
    } catch (error) {
      this.#slot.doubt(error); // the old one still answers reads; its writes would count for nothing
      throw error;
    }
    this.#adopt();
  }

  /** What follows from a new live database. */
  #adopt(): void {
    this.#meta = this.#slot.live.meta;
    this.#needsReopen = false;
    this.#resetCounters();
  }

  #resetCounters(): void {
    this.#rowsSinceCheckpoint = 0;
    this.#commitsSinceCheckpoint = 0;
  }

  #read(text: string, parameters: EngineParameters): Promise<EngineRow[]> {
    return this.#slot.whenLive((live) =>
      live.engine.read(text, parameters, { reader: 'short', timeoutMs: SHORT_READ_TIMEOUT_MS }),
    );
  }
}
