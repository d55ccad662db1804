/**
 * The writer loop: takes everything that waits, writes it as one batch with one fdatasync, tells the callers, and
 * begins again. The next batch is written only after the previous sync returned. No timer stands between an append
 * and its write; the only timer leads to the idle batch.
 */
import { assert } from '../kernel/assert.ts';
import type { Clock, Timer } from '../kernel/clock.ts';
import { ToruaError } from '../kernel/errors.ts';
import { BATCH_HEADER_BYTES } from './batch-codec.ts';
import type { CopyState, CopyTable } from './copy-table.ts';
import type { FullGuard } from './disk-full.ts';
import { encodeGroup, forEachRecord, positionsBatch, type Waiting } from './group.ts';
import type { LogLimits } from './limits.ts';
import type { LogRecord } from './log-record.ts';
import { recordBytes, recordLengthAt } from './record-codec.ts';
import { isDiskFull, type SegmentWriter, type UnsealedBatch } from './segment-writer.ts';

/** Counters since the log was opened. */
export interface LogStats {
  /** How often the log was synced. */
  readonly syncs: number;
  /** Batches of records. */
  readonly batches: number;
  readonly records: number;
  /** Bytes of record batches. */
  readonly bytes: number;
}

/** What the loop needs. */
export interface GroupCommitOptions {
  readonly clock: Clock;
  readonly limits: LogLimits;
  readonly table: CopyTable;
  readonly writer: SegmentWriter;
  readonly guard: FullGuard;
  /** A segment was closed with this many bytes. */
  readonly onRoll: (segment: number, bytes: number) => void;
  /** The log's life is over. Called at most once. */
  readonly onFailure: (error: ToruaError) => void;
}

/** The queue of appends and the loop that empties it. */
export class GroupCommit {
  readonly #options: GroupCommitOptions;
  #queue: Waiting[] = [];
  #queuedBytes = 0;
  #isScheduled = false;
  #isRunning = false;
  #isClosing = false;
  #failure: ToruaError | undefined;
  #idleTimer: Timer | undefined;
  #isIdleBatchDue = false;
  #lastWriteMs = 0;
  /** Records were written behind the last positions batch. */
  #isOpenEnded = false;
  #onQuiet: (() => void)[] = [];
  #batches = 0;
  #records = 0;
  #bytes = 0;

  constructor(options: GroupCommitOptions) {
    this.#options = options;
  }

  get stats(): LogStats {
    const { syncs } = this.#options.writer;
    return { syncs, batches: this.#batches, records: this.#records, bytes: this.#bytes };
  }

  /** Whether an append of this size would be taken now. */
  hasRoom(bytes: number): boolean {
    const { limits, guard } = this.#options;
    return !guard.isFull && this.#queuedBytes + bytes <= limits.pendingBytesMax;
  }

  /** Queues the records; resolves when they are durable. Checks and order are settled before it returns. */
  append(records: readonly LogRecord[], isInternal: boolean): Promise<void> {
    try {
      return this.#enqueue(records, isInternal);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /** Ends the loop for good: everything that waits and everything later is rejected. Never retried. */
  fail(cause: unknown): void {
    if (this.#failure) return;
    const error =
      cause instanceof ToruaError && cause.code === 'storage_failed'
        ? cause
        : new ToruaError('storage_failed', 'The log cannot be written any more.', { cause });
    this.#failure = error;
    this.#idleTimer?.cancel();
    const waiting = this.#queue;
    this.#queue = [];
    this.#queuedBytes = 0;
    for (const { reject } of waiting) reject(error);
    this.#options.onFailure(error);
  }

  /** Refuses new appends, waits for the queue and writes a last positions batch. */
  async close(): Promise<void> {
    this.#isClosing = true;
    this.#idleTimer?.cancel();
    await this.#quiet();
    this.#isIdleBatchDue = this.#isOpenEnded;
    await this.#run();
  }

  #enqueue(records: readonly LogRecord[], isInternal: boolean): Promise<void> {
    const { limits, guard, table } = this.#options;
    if (this.#failure) throw this.#failure;
    if (this.#isClosing) throw new ToruaError('shutting_down', 'The log is being closed.');
    if (records.length === 0) return Promise.resolve();
    let bytes = 0;
    for (const record of records) {
      const length = recordBytes(record);
      assert(length <= limits.recordBytesMax, 'a record fits the log');
      bytes += length;
    }
    if (!isInternal && guard.isFull) throw refuse(table, records, diskFull());
    if (!isInternal && !this.hasRoom(bytes)) throw refuse(table, records, this.#overloaded());
    const states = table.admit(records);
    return new Promise((resolve, reject) => {
      this.#queue.push({ records, states, bytes, isInternal, resolve, reject });
      this.#queuedBytes += bytes;
      this.#schedule();
    });
  }

  #overloaded(): ToruaError {
    return new ToruaError('overloaded', 'Too many writes wait for the disk.', {
      retryAfterMs: this.#options.limits.retryAfterMs,
    });
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isRunning) return;
    this.#isScheduled = true;
    // Everything appended in this turn of the event loop shares the group.
    this.#options.clock.soon(() => {
      this.#isScheduled = false;
      void this.#run();
    });
  }

  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      while (!this.#failure) {
        if (this.#queue.length > 0) await this.#commitGroup();
        else if (this.#isIdleBatchDue) await this.#writeIdleBatch();
        else break;
      }
    } catch (error) {
      this.fail(error);
    }
    this.#isRunning = false;
    if (this.#isOpenEnded) this.#armIdleTimer();
    const waiting = this.#onQuiet;
    this.#onQuiet = [];
    for (const resolve of waiting) resolve();
  }

  /** Resolves when nothing is queued or being written. */
  #quiet(): Promise<void> {
    if (!this.#isScheduled && !this.#isRunning) return Promise.resolve();
    return new Promise((resolve) => {
      this.#onQuiet.push(resolve);
    });
  }

  async #commitGroup(): Promise<void> {
    const group = this.#takeGroup();
    try {
      const batch = encodeGroup(group);
      if (this.#options.writer.isFullFor(batch.bytes.length)) await this.#roll();
      const offset = await this.#options.writer.write(batch);
      this.#publish(group, batch, offset);
    } catch (error) {
      if (!isDiskFull(error)) {
        this.fail(error);
        for (const { reject } of group) reject(this.#failure);
        return;
      }
      await this.#refuseWaiting(group);
    }
  }

  #takeGroup(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const waiting of this.#queue) {
      bytes += waiting.bytes;
      if (count > 0 && bytes > this.#options.limits.groupBytesMax) {
        bytes -= waiting.bytes;
        break;
      }
      count += 1;
    }
    this.#queuedBytes -= bytes;
    if (count < this.#queue.length) return this.#queue.splice(0, count);
    const group = this.#queue;
    this.#queue = [];
    return group;
  }

  #publish(group: readonly Waiting[], batch: UnsealedBatch, batchOffset: number): void {
    const { table, writer, clock } = this.#options;
    const segment = writer.segment;
    let at = BATCH_HEADER_BYTES;
    const publish = (record: LogRecord, state: CopyState): void => {
      const length = recordLengthAt(batch.bytes, at);
      table.publish(state, record, { segment, offset: batchOffset + at, length });
      at += length;
    };
    forEachRecord(group, publish);
    this.#batches += 1;
    this.#records += batch.count;
    this.#bytes += batch.bytes.length;
    this.#isOpenEnded = true;
    this.#lastWriteMs = clock.monotonicMs();
    for (const { resolve } of group) resolve();
  }

  /** Frees the reserve; users' appends are refused, internal ones that still follow are tried once more. */
  async #refuseWaiting(group: readonly Waiting[]): Promise<void> {
    const { guard, table } = this.#options;
    const isRetryUseful = !guard.isFull;
    this.#queue = [...group, ...this.#queue];
    await guard.enter();
    const waiting = this.#queue;
    this.#queue = [];
    this.#queuedBytes = 0;
    table.rollBack('disk_full');
    // What was appended behind a refused record of the same copy rests on it, truncations included.
    const refused = new Set<CopyState>();
    for (const item of waiting) {
      const rests = item.states.some((state) => refused.has(state));
      if (item.isInternal && isRetryUseful && !rests) {
        item.states = table.admit(item.records);
        this.#queue.push(item);
        this.#queuedBytes += item.bytes;
      } else {
        for (const state of item.states) refused.add(state);
        item.reject(diskFull());
      }
    }
  }

  async #roll(): Promise<void> {
    const { writer, onRoll } = this.#options;
    const { segment, offset } = writer;
    await writer.begin(segment + 1, this.#positions());
    onRoll(segment, offset);
  }

  async #writeIdleBatch(): Promise<void> {
    this.#isIdleBatchDue = false;
    try {
      await this.#options.writer.write(this.#positions());
      this.#isOpenEnded = false;
    } catch (error) {
      // Only a proof is missing; a later idle batch gives it.
      if (!isDiskFull(error)) throw error;
      const { clock, guard, limits } = this.#options;
      this.#lastWriteMs = clock.monotonicMs() + limits.fullCheckMs;
      await guard.enter();
    }
  }

  #positions(): UnsealedBatch {
    return positionsBatch(this.#options.table);
  }

  #armIdleTimer(): void {
    if (this.#idleTimer || this.#isClosing || this.#failure) return;
    const { clock, limits } = this.#options;
    const dueMs = this.#lastWriteMs + limits.idleBatchDelayMs;
    // Rounded up, and never 0: a timer that fires a little early must not spin.
    const delayMs = Math.max(1, Math.ceil(dueMs - clock.monotonicMs()));
    this.#idleTimer = clock.after(delayMs, () => {
      this.#idleTimer = undefined;
      this.#onIdleTimer();
    });
  }

  #onIdleTimer(): void {
    const { clock, limits } = this.#options;
    if (this.#isClosing || !this.#isOpenEnded) return;
    const isQuiet = clock.monotonicMs() - this.#lastWriteMs >= limits.idleBatchDelayMs;
    if (!isQuiet || this.#isRunning || this.#queue.length > 0) {
      this.#armIdleTimer();
      return;
    }
    this.#isIdleBatchDue = true;
    void this.#run();
  }
}

function diskFull(): ToruaError {
  return new ToruaError('disk_full', 'The disk that holds the log is full.');
}

/** Marks the copies, so that callers who go on behind the refused records are told the same. */
function refuse(table: CopyTable, records: readonly LogRecord[], error: ToruaError): ToruaError {
  for (const record of records) {
    table.ensure(record).refusal = error.code === 'disk_full' ? 'disk_full' : 'overloaded';
  }
  return error;
}
