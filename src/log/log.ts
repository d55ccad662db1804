/**
 * The node's one append-only log: what rooms above see of it. Each copy has a gapless sequence of records in it;
 * group commit makes them durable, the index finds them again, retention drops what nobody needs.
 */
import { present } from '../kernel/assert.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Disk } from '../kernel/disk.ts';
import { ToruaError } from '../kernel/errors.ts';
import type { CopyId, Seq, ShardUid, Term } from '../kernel/ids.ts';
import { copyId as brandCopyId, seq, shardUid, term } from '../kernel/ids.ts';
import type { Logger } from '../kernel/logger.ts';
import { DOUBT_WITHOUT_END } from './batch-codec.ts';
import type { CopyState, CopyTable } from './copy-table.ts';
import { FullGuard } from './disk-full.ts';
import { GroupCommit, type LogStats } from './group-commit.ts';
import type { LogLimits } from './limits.ts';
import type { LogRecord } from './log-record.ts';
import { readPlaces } from './reader.ts';
import type { Damage, TornTail } from './recovery.ts';
import { type ClosedSegment, Retention } from './retention.ts';
import type { SegmentWriter } from './segment-writer.ts';

/** Where one copy stands in the log. Everything here is durable. */
export interface CopyPosition {
  readonly shardUid: ShardUid;
  readonly lastSeq: Seq;
  /** Term of the record at `lastSeq`. */
  readonly lastTerm: Term;
  /** First record that `read` can return; `lastSeq + 1` when there is none. */
  readonly firstSeq: Seq;
  /** Damage may have swallowed records of this copy. */
  readonly inDoubt: boolean;
  /** The records that may be missing: behind `after`, up to `until` (absent: not known). */
  readonly missing?: { readonly after: Seq; readonly until?: Seq | undefined } | undefined;
}

/** What recovery found when the log was opened. */
export interface RecoveryReport {
  readonly records: number;
  readonly segments: number;
  readonly tornTail: TornTail | undefined;
  /** Not empty: look at `inDoubt` of every copy; a copy that the log does not know may be lost. */
  readonly damage: readonly Damage[];
}

/** The log as its users see it. */
export interface NodeLog {
  /**
   * Appends the records as one piece; resolves when they are durable. The order of calls is the order in the log.
   * Contract: seqs are gapless per copy and a new copy begins with 1 or with a `truncate` record; terms never fall.
   * `internal` records are taken while the disk is full or the queue is.
   * Errors: `disk_full`, `overloaded`, `storage_failed`, `shutting_down`. After one of the first two nothing of what
   * waited is in the log: go on from `position`; appends that do not are refused with the same code.
   */
  append(records: readonly LogRecord[], options?: AppendOptions): Promise<void>;
  /** Whether an append of this many bytes would be taken now; asked before a seq is given out. */
  hasRoom(bytes: number): boolean;
  /**
   * Consecutive records from `fromSeq`, at most `limitBytes` but at least one when there is one. Without the control
   * kinds. Shape: empty behind the last record.
   * Contract: `fromSeq` is not below `position().firstSeq`. Errors: `shard_in_doubt` inside a doubt.
   */
  read(copyId: CopyId, fromSeq: Seq, limitBytes: number): Promise<LogRecord[]>;
  /** Where the copy stands; undefined when the log does not know it. */
  position(copyId: CopyId): CopyPosition | undefined;
  /** The place of the copy's next record: behind everything appended, durable or not; 1 for an unknown copy. */
  nextSeq(copyId: CopyId): Seq;
  /** Every copy that was not dropped. */
  copies(): CopyId[];
  /** Records up to `baseSeq` are no longer needed by this copy. Said again after every opening of the log. */
  retain(copyId: CopyId, baseSeq: Seq): void;
  /** Bytes of all segments. */
  retainedBytes(): number;
  /** Whether `retainedBytes` passes its limit: the copy that `pinning` names should move its base. */
  overRetained(): boolean;
  /** Bytes of this copy's own records behind `seq`. */
  bytesSince(copyId: CopyId, seq: Seq): number;
  /** The copy whose records keep the oldest segment; undefined when none does. */
  pinning(): CopyId | undefined;
  /** Newest hybrid time of any durable record, ms; the hybrid clock observes it after opening. */
  readonly lastHybridMs: number;
  readonly stats: LogStats;
  readonly recovery: RecoveryReport;
  /** Calls back once when the log's life is over; the process then ends with exit code 74. */
  onFailure(callback: (error: ToruaError) => void): void;
  /** Waits for what is pending, writes a positions batch, closes the files. */
  close(): Promise<void>;
}

/** How an append is treated. */
export interface AppendOptions {
  readonly internal?: boolean | undefined;
}

/** What the log is made of, once recovery has decided what it holds. */
export interface LogParts {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly directory: string;
  readonly reservePath: string | undefined;
  readonly limits: LogLimits;
  readonly table: CopyTable;
  readonly writer: SegmentWriter;
  readonly closed: readonly ClosedSegment[];
  readonly recovery: RecoveryReport;
}

/** The production log; `openLog` makes it. */
export class DurableLog implements NodeLog {
  readonly recovery: RecoveryReport;
  readonly #parts: LogParts;
  readonly #guard: FullGuard;
  readonly #commit: GroupCommit;
  readonly #retention: Retention;
  #failure: ToruaError | undefined;
  #listeners: ((error: ToruaError) => void)[] = [];
  #closing: Promise<void> | undefined;

  constructor(parts: LogParts) {
    this.#parts = parts;
    this.recovery = parts.recovery;
    const onError = (error: unknown): void => this.#commit.fail(error);
    this.#guard = new FullGuard({ ...parts, onError });
    this.#retention = new Retention({ ...parts, onError }, parts.closed);
    this.#commit = new GroupCommit({
      ...parts,
      guard: this.#guard,
      onRoll: (number, bytes) => {
        const closedAtMs = parts.clock.monotonicMs();
        this.#retention.add({ number, bytes, closedAtMs });
      },
      onFailure: (error) => this.#onFailure(error),
    });
  }

  /** Fills the reserve; called once before the log is handed out. */
  async start(): Promise<void> {
    await this.#guard.open();
  }

  get lastHybridMs(): number {
    return this.#parts.table.hybridMs;
  }

  get stats(): LogStats {
    return this.#commit.stats;
  }

  append(records: readonly LogRecord[], options: AppendOptions = {}): Promise<void> {
    return this.#commit.append(records, options.internal === true);
  }

  hasRoom(bytes: number): boolean {
    return this.#commit.hasRoom(bytes);
  }

  async read(copyId: CopyId, fromSeq: Seq, limitBytes: number): Promise<LogRecord[]> {
    const state = this.#parts.table.get(copyId);
    if (state === undefined || fromSeq > state.seq) return [];
    checkCertain(state, fromSeq);
    const last = state.doubt && fromSeq <= state.doubt.after ? state.doubt.after : state.seq;
    const places = state.index.places(fromSeq, limitBytes).filter((place) => place.seq <= last);
    const first = present(places[0], 'records are read from position().firstSeq on');
    const { disk, directory, limits } = this.#parts;
    const plan = { disk, directory, copyId, spanBytesMax: limits.readSpanBytesMax };
    try {
      return await this.#retention.whileReading(first.segment, () => readPlaces(plan, places));
    } catch (error) {
      // What was checked at opening is damaged now: only a new recovery can say what is lost.
      this.#commit.fail(error);
      throw error;
    }
  }

  position(copyId: CopyId): CopyPosition | undefined {
    const state = this.#parts.table.get(copyId);
    return state?.exists ? positionOf(state) : undefined;
  }

  nextSeq(copyId: CopyId): Seq {
    const state = this.#parts.table.get(copyId);
    return seq(state === undefined || state.dropAppended ? 1 : state.appendedSeq + 1);
  }

  copies(): CopyId[] {
    return this.#parts.table.live().map((state) => brandCopyId(state.copyId));
  }

  retain(copyId: CopyId, baseSeq: Seq): void {
    const state = this.#parts.table.get(copyId);
    if (state === undefined) return;
    state.baseSeq = Math.max(state.baseSeq, baseSeq);
    // What may be missing is in the base: the doubt is over.
    if (state.doubt && state.doubt.until <= baseSeq) state.doubt = undefined;
    this.#retention.review();
  }

  retainedBytes(): number {
    return this.#retention.bytes + this.#parts.writer.offset;
  }

  overRetained(): boolean {
    return this.retainedBytes() > this.#parts.limits.retainedBytesMax;
  }

  bytesSince(copyId: CopyId, fromSeq: Seq): number {
    return this.#parts.table.get(copyId)?.index.bytesSince(fromSeq) ?? 0;
  }

  pinning(): CopyId | undefined {
    const state = this.#retention.pinning();
    return state && brandCopyId(state.copyId);
  }

  onFailure(callback: (error: ToruaError) => void): void {
    if (this.#failure) callback(this.#failure);
    else this.#listeners.push(callback);
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    await this.#commit.close();
    await this.#retention.stop();
    await this.#guard.stop();
    await this.#parts.writer.close().catch((error: unknown) => {
      // Behind a failure the disk's last complaint says nothing new.
      if (!this.#failure) throw error;
    });
  }

  #onFailure(error: ToruaError): void {
    this.#failure = error;
    void this.#retention.stop();
    void this.#guard.stop();
    this.#parts.logger.error({ err: error, cause: error.cause }, 'the log failed');
    const listeners = this.#listeners;
    this.#listeners = [];
    for (const listener of listeners) listener(error);
  }
}

function checkCertain(state: CopyState, fromSeq: number): void {
  const { doubt } = state;
  if (!doubt || fromSeq <= doubt.after || fromSeq > doubt.until) return;
  throw new ToruaError(
    'shard_in_doubt',
    `Records behind ${doubt.after} of copy ${state.copyId} may be missing from the log.`,
  );
}

function positionOf(state: CopyState): CopyPosition {
  return {
    shardUid: shardUid(state.shardUid),
    lastSeq: seq(state.seq),
    lastTerm: term(state.term),
    firstSeq: seq(state.index.firstSeq ?? state.seq + 1),
    inDoubt: state.doubt !== undefined,
    missing: state.doubt && {
      after: seq(state.doubt.after),
      until: state.doubt.until === DOUBT_WITHOUT_END ? undefined : seq(state.doubt.until),
    },
  };
}
