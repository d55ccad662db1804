/**
 * Owner of the segment that is written: puts sealed batches behind one another, one write and one sync each, and
 * begins the next segment. One caller at a time. It knows nothing of records or copies.
 */
import { assert } from '../kernel/assert.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Disk, DiskFile } from '../kernel/disk.ts';
import { ToruaError } from '../kernel/errors.ts';
import { BATCH_KIND, batchSeed, sealBatch } from './batch-codec.ts';
import type { LogLimits } from './limits.ts';
import { reserveRoom } from './room.ts';
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES, segmentName } from './segment.ts';

/** A batch that waits to be written: `bytes` has room for the header at its beginning. */
export interface UnsealedBatch {
  readonly bytes: Buffer;
  readonly kind: number;
  readonly count: number;
}

/** What the writer needs. */
export interface SegmentWriterOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly directory: string;
  readonly logId: string;
  readonly limits: LogLimits;
  /** Told how long every batch took to be written and synced. */
  readonly onSync?: ((durationMs: number) => void) | undefined;
}

/** Where writing goes on: the last segment, whose valid bytes end at `offset` and are durable. */
export interface WriterPlace {
  readonly segment: number;
  readonly offset: number;
  readonly nextNumber: number;
}

/** The active segment. */
export class SegmentWriter {
  readonly #options: SegmentWriterOptions;
  #file: DiskFile | undefined;
  #segment = 0;
  #offset = 0;
  /** The file has bytes up to here: batches, then room. */
  #fileEnd = 0;
  #firstBatchEnd = 0;
  #nextNumber = 1;
  #seed = 0;
  #syncs = 0;

  constructor(options: SegmentWriterOptions) {
    this.#options = options;
  }

  /** Number of the active segment. */
  get segment(): number {
    return this.#segment;
  }

  /** Bytes of the active segment. */
  get offset(): number {
    return this.#offset;
  }

  /** How often the log was synced so far. */
  get syncs(): number {
    return this.#syncs;
  }

  /** Goes on in an existing segment. */
  async resume(place: WriterPlace): Promise<void> {
    this.#file = await this.#options.disk.open(this.#path(place.segment), 'write');
    this.#enter(place.segment, place.offset);
    this.#nextNumber = place.nextNumber;
  }

  /** Whether a batch of this size makes a new segment necessary. */
  isFullFor(bytes: number): boolean {
    const isFresh = this.#offset === this.#firstBatchEnd;
    return !isFresh && this.#offset + bytes > this.#options.limits.segmentBytes;
  }

  /**
   * Begins segment `number` with its header and a positions batch; durable, name included, when it resolves.
   * Errors: `disk_full`, nothing is left of the new segment and the old one goes on; anything else ends the log.
   */
  async begin(
    number: number,
    positions: UnsealedBatch,
    nextNumber = this.#nextNumber,
  ): Promise<void> {
    const path = this.#path(number);
    const seed = batchSeed(this.#options.logId, number);
    sealBatch(positions.bytes, {
      seed,
      number: nextNumber,
      offset: SEGMENT_HEADER_BYTES,
      kind: BATCH_KIND.positions,
      count: positions.count,
    });
    const bytes = Buffer.concat([
      encodeSegmentHeader(number, this.#options.logId),
      positions.bytes,
    ]);
    const file = await this.#create(path, bytes);
    await this.#sync(file);
    await this.#options.disk.syncDirectory(this.#options.directory);
    if (this.#file) await this.#end(this.#file);
    this.#file = file;
    this.#enter(number, bytes.length);
    this.#firstBatchEnd = bytes.length;
    this.#nextNumber = nextNumber + 1;
  }

  /**
   * Writes the batch behind the last one; durable when it resolves. Returns the offset of the batch.
   * Errors: `disk_full`, the segment ends again where it ended before; anything else ends the log.
   */
  async write(batch: UnsealedBatch): Promise<number> {
    const file = this.#file;
    assert(file !== undefined, 'a segment is open while batches are written');
    const offset = this.#offset;
    const { kind, count, bytes } = batch;
    sealBatch(bytes, { seed: this.#seed, number: this.#nextNumber, offset, kind, count });
    const startedMs = this.#options.clock.monotonicMs();
    try {
      await this.#reserve(file, offset + bytes.length);
      await file.writeSynced(offset, bytes);
    } catch (error) {
      if (!isDiskFull(error)) throw unwritable(error);
      await this.#cutBack(file);
      throw error;
    }
    this.#syncs += 1;
    this.#options.onSync?.(this.#options.clock.monotonicMs() - startedMs);
    this.#offset += bytes.length;
    this.#nextNumber += 1;
    return offset;
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    if (file) await this.#end(file);
  }

  /** Makes room for the batch and some more behind it. A disk with too little left for that may still take the batch. */
  async #reserve(file: DiskFile, neededTo: number): Promise<void> {
    const { roomBytes } = this.#options.limits;
    if (roomBytes === 0 || neededTo <= this.#fileEnd) return;
    try {
      this.#fileEnd = await reserveRoom(file, { usedTo: this.#offset, neededTo, roomBytes });
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      await this.#cutBack(file);
    }
  }

  /** Not synced: an unfinished batch that a crash brings back is a torn tail, and the next batch covers it. */
  async #cutBack(file: DiskFile): Promise<void> {
    await file.truncate(this.#offset);
    this.#fileEnd = this.#offset;
  }

  /** Gives back the room that is left. */
  async #end(file: DiskFile): Promise<void> {
    if (this.#fileEnd > this.#offset) await this.#cutBack(file);
    await file.close();
  }

  #path(segment: number): string {
    return `${this.#options.directory}/${segmentName(segment)}`;
  }

  #enter(segment: number, offset: number): void {
    this.#segment = segment;
    this.#offset = offset;
    this.#fileEnd = offset;
    this.#seed = batchSeed(this.#options.logId, segment);
  }

  async #create(path: string, bytes: Buffer): Promise<DiskFile> {
    const { disk, directory } = this.#options;
    const file = await disk.open(path, 'create');
    try {
      await file.write(0, bytes);
      return file;
    } catch (error) {
      await file.close();
      if (isDiskFull(error)) {
        await disk.remove(path);
        // Else a crash may bring the torn segment back, which would say that the last batch before it was durable.
        await disk.syncDirectory(directory);
      }
      throw error;
    }
  }

  async #sync(file: DiskFile): Promise<void> {
    this.#syncs += 1;
    try {
      await file.sync();
    } catch (error) {
      // Also when the disk is full: after a failed sync nobody knows which pages are on the disk.
      throw unwritable(error);
    }
  }
}

const unwritable = (cause: unknown): ToruaError =>
  new ToruaError('storage_failed', 'A batch of the log could not be made durable.', { cause });

/** Whether the error says that there is no space, and that nothing else is wrong. */
export function isDiskFull(error: unknown): boolean {
  return error instanceof ToruaError && error.code === 'disk_full';
}
