/**
 * One segment file: its name, its header, and the search for valid batches in its bytes. Pure.
 * Header, big endian, 48 bytes: magic "TORUALOG", u16 format version, 6 zero, u64 segment number, 8 bytes log id,
 * 12 zero, u32 CRC-32 of all before. A positions batch follows at once, written and synced together with it.
 */
import { crc32 } from '../kernel/crc32.ts';
import { ToruaError } from '../kernel/errors.ts';
import { BATCH_MAGIC, batchSeed, type FoundBatch, readBatch } from './batch-codec.ts';
import { readId, readU64, writeU64 } from './bytes.ts';
import { usedEnd } from './room.ts';

/** Bytes before the first batch. */
export const SEGMENT_HEADER_BYTES = 48;
/** The segment format that this build writes and reads. */
export const SEGMENT_VERSION = 1;

const MAGIC = Buffer.from('TORUALOG', 'latin1');
const CRC_OFFSET = SEGMENT_HEADER_BYTES - 4;

/** The file name of a segment: 16 decimal digits, so that names sort as numbers do. */
export function segmentName(number: number): string {
  return `${String(number).padStart(16, '0')}.seg`;
}

/** The number in a segment's file name; undefined for any other file. */
export function segmentNumber(name: string): number | undefined {
  return /^\d{16}\.seg$/.test(name) ? Number(name.slice(0, 16)) : undefined;
}

/** The first bytes of a segment. */
export function encodeSegmentHeader(number: number, logId: string): Buffer {
  const header = Buffer.alloc(SEGMENT_HEADER_BYTES);
  MAGIC.copy(header, 0);
  header.writeUInt16BE(SEGMENT_VERSION, 8);
  writeU64(header, number, 16);
  header.write(logId, 24, 8, 'hex');
  header.writeUInt32BE(crc32(header.subarray(0, CRC_OFFSET)), CRC_OFFSET);
  return header;
}

/** What a valid header says. */
export interface SegmentHeader {
  readonly version: number;
  readonly number: number;
  readonly logId: string;
}

/** The header of a segment's bytes, or undefined when it is not valid. */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader | undefined {
  if (bytes.length < SEGMENT_HEADER_BYTES) return undefined;
  if (bytes.compare(MAGIC, 0, 8, 0, 8) !== 0) return undefined;
  if (crc32(bytes.subarray(0, CRC_OFFSET)) !== bytes.readUInt32BE(CRC_OFFSET)) return undefined;
  return { version: bytes.readUInt16BE(8), number: readU64(bytes, 16), logId: readId(bytes, 24) };
}

/** Refuses a segment of a newer format or of another log. */
export function checkHeader(header: SegmentHeader, name: string, logId: string): void {
  if (header.version > SEGMENT_VERSION) {
    throw new ToruaError(
      'directory_too_new',
      `${name} has format ${header.version}; this version reads formats up to ${SEGMENT_VERSION}.`,
    );
  }
  if (header.logId === logId) return;
  throw new ToruaError(
    'directory_foreign',
    `${name} belongs to the log ${header.logId}, this directory to ${logId}.`,
  );
}

/** Bytes inside a segment that belong to no valid batch although one follows behind them in the same file. */
export interface Hole {
  readonly offset: number;
  readonly bytes: number;
  /** Batches that are missing there, by their numbers; 0 when only stray bytes are. */
  readonly batchesMissing: number;
}

/** What a segment's bytes hold; the batches themselves went to the visitor. */
export interface SegmentScan {
  readonly number: number;
  /** Without the room for batches to come. */
  readonly sizeBytes: number;
  readonly headerValid: boolean;
  /** Numbers of the first and last valid batch; undefined when there is none. */
  readonly firstNumber: number | undefined;
  readonly lastNumber: number | undefined;
  /** Where the first and last valid batch begin. */
  readonly firstOffset: number;
  readonly lastOffset: number;
  /** First byte behind the last valid batch; 0 when there is none. */
  readonly validEnd: number;
  readonly holes: readonly Hole[];
}

/** What the caller knows of the segment before its bytes are read. */
export interface SegmentPlace {
  readonly number: number;
  readonly logId: string;
  /** Number of the newest valid batch before this segment, 0 when there is none. */
  readonly afterNumber: number;
}

/** Finds every valid batch of a segment in order; behind an invalid one it searches for the next magic. */
export function scanSegment(
  bytes: Buffer,
  place: SegmentPlace,
  visit: (batch: FoundBatch) => void,
): SegmentScan {
  const seed = batchSeed(place.logId, place.number);
  const header = decodeSegmentHeader(bytes);
  const holes: Hole[] = [];
  let first: FoundBatch | undefined;
  let last: FoundBatch | undefined;
  let validEnd = 0;
  let offset = SEGMENT_HEADER_BYTES;
  while (offset >= 0 && offset < bytes.length) {
    const batch = readBatch(bytes, offset, seed);
    // A number that does not grow cannot be ours: the writer counts without pause over all segments.
    if (!batch || batch.number <= (last?.number ?? place.afterNumber)) {
      offset = bytes.indexOf(BATCH_MAGIC, offset + 1);
      continue;
    }
    const expectedOffset = last ? validEnd : SEGMENT_HEADER_BYTES;
    const missing = last ? batch.number - last.number - 1 : 0;
    if (offset > expectedOffset || missing > 0) {
      holes.push({
        offset: expectedOffset,
        bytes: offset - expectedOffset,
        batchesMissing: missing,
      });
    }
    visit(batch);
    first ??= batch;
    last = batch;
    validEnd = batch.end;
    offset = batch.end;
  }
  return {
    number: place.number,
    sizeBytes: usedEnd(bytes, validEnd),
    headerValid: header?.number === place.number,
    firstNumber: first?.number,
    lastNumber: last?.number,
    firstOffset: first?.offset ?? 0,
    lastOffset: last?.offset ?? 0,
    validEnd,
    holes,
  };
}
