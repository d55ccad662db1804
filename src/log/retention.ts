/**
 * Which segments exist and which may go. A segment goes when no copy needs a record of it, when it has been closed
 * for a while, and when all older ones are gone: so that the log never has a gap in the middle.
 */
import type { Clock, Timer } from '../kernel/clock.ts';
import type { Disk } from '../kernel/disk.ts';
import type { CopyState, CopyTable } from './copy-table.ts';
import type { LogLimits } from './limits.ts';
import { segmentName } from './segment.ts';

/** A segment that is not written any more. */
export interface ClosedSegment {
  readonly number: number;
  readonly bytes: number;
  /** Monotonic; for segments of an earlier life the time when the log was opened. */
  readonly closedAtMs: number;
}

/** What retention needs. */
export interface RetentionOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly directory: string;
  readonly limits: LogLimits;
  readonly table: CopyTable;
  readonly onError: (error: unknown) => void;
}

/** The closed segments of one log, oldest first. */
export class Retention {
  readonly #options: RetentionOptions;
  #closed: ClosedSegment[];
  #timer: Timer | undefined;
  #dropping: Promise<void> | undefined;
  #isStopped = false;
  /** Oldest segment of every read under way. */
  readonly #reads = new Set<{ readonly segment: number }>();

  constructor(options: RetentionOptions, closed: readonly ClosedSegment[]) {
    this.#options = options;
    this.#closed = [...closed];
  }

  /** Bytes of all closed segments. */
  get bytes(): number {
    return this.#closed.reduce((sum, segment) => sum + segment.bytes, 0);
  }

  /** The copy that keeps the oldest closed segment from going; undefined when none does. */
  pinning(): CopyState | undefined {
    const oldest = this.#closed[0];
    if (oldest === undefined) return undefined;
    const { table } = this.#options;
    return table.live().find((state) => state.index.needs(oldest.number, state.baseSeq));
  }

  /** A segment was closed. */
  add(segment: ClosedSegment): void {
    this.#closed.push(segment);
    this.review();
  }

  /** Drops what may go now; what is only too young is looked at again in time. */
  review(): void {
    if (this.#dropping || this.#isStopped) return;
    this.#timer?.cancel();
    const oldest = this.#closed[0];
    if (oldest === undefined || this.pinning() || this.#isRead(oldest.number)) return;
    const { clock, limits } = this.#options;
    const waitMs = oldest.closedAtMs + limits.segmentAgeMsMin - clock.monotonicMs();
    if (waitMs > 0) {
      this.#timer = clock.after(Math.ceil(waitMs), () => this.review());
      return;
    }
    this.#dropping = this.#drop(oldest).then(() => {
      this.#dropping = undefined;
      this.review();
    }, this.#options.onError);
  }

  /** Runs a read that begins in `segment`: from there on nothing is dropped meanwhile. */
  async whileReading<T>(segment: number, read: () => Promise<T>): Promise<T> {
    const hold = { segment };
    this.#reads.add(hold);
    try {
      return await read();
    } finally {
      this.#reads.delete(hold);
      this.review();
    }
  }

  /** Drops nothing more; resolves when a drop under way is finished. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#dropping;
  }

  #isRead(segment: number): boolean {
    for (const hold of this.#reads) if (hold.segment <= segment) return true;
    return false;
  }

  async #drop(segment: ClosedSegment): Promise<void> {
    const { disk, directory, table } = this.#options;
    this.#closed.shift();
    for (const state of table.live()) state.index.dropThrough(segment.number);
    await disk.remove(`${directory}/${segmentName(segment.number)}`);
    // One by one: a crash that brings back an older segment but not a younger one would look like damage.
    await disk.syncDirectory(directory);
  }
}
