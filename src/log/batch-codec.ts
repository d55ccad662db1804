/**
 * One batch as bytes: what is written and synced at once. Fixed header, big endian:
 *
 *     0  4    magic "TLB1"                         20 u32  payload length
 *     4  u32  CRC-32 of bytes 8 to the end         24 u32  number of records or positions
 *     8  u64  number, gapless over all segments    28 u8   kind: 1 records, 2 positions
 *     16 u32  offset of this batch in its segment  29 3    zero
 *
 * The CRC starts from the log's id and the segment's number, and covers the offset: a batch is valid in one place
 * only, so that a value which holds a copy of a batch is never taken for one when recovery searches.
 */
import { assert } from '../kernel/assert.ts';
import { crc32 } from '../kernel/crc32.ts';
import { readId, readU64, writeU64 } from './bytes.ts';

/** Bytes before the payload. */
export const BATCH_HEADER_BYTES = 32;
/** First bytes of every batch; recovery searches for them. */
export const BATCH_MAGIC = Buffer.from('TLB1', 'latin1');
/** What a batch holds. Numbers are for ever. */
export const BATCH_KIND = { records: 1, positions: 2 } as const;

const POSITION_BYTES = 48;
const FLAG_IN_DOUBT = 1;

/** Where the CRC of a segment's batches starts. */
export function batchSeed(logId: string, segmentNumber: number): number {
  const salt = Buffer.alloc(16);
  salt.write(logId, 0, 8, 'hex');
  writeU64(salt, segmentNumber, 8);
  return crc32(salt);
}

/** What `sealBatch` fills into a header. */
export interface BatchSeal {
  readonly seed: number;
  readonly number: number;
  readonly offset: number;
  readonly kind: number;
  readonly count: number;
}

/** Completes a batch whose payload already stands behind the room for its header. */
export function sealBatch(batch: Buffer, seal: BatchSeal): void {
  assert(batch.length >= BATCH_HEADER_BYTES, 'a batch has room for its header');
  BATCH_MAGIC.copy(batch, 0);
  writeU64(batch, seal.number, 8);
  batch.writeUInt32BE(seal.offset, 16);
  batch.writeUInt32BE(batch.length - BATCH_HEADER_BYTES, 20);
  batch.writeUInt32BE(seal.count, 24);
  batch.writeUInt32BE(seal.kind * 0x100_0000, 28);
  batch.writeUInt32BE(crc32(batch.subarray(8), seal.seed), 4);
}

/** A valid batch within a segment's bytes. */
export interface FoundBatch {
  readonly number: number;
  readonly offset: number;
  readonly kind: number;
  readonly count: number;
  /** Where the payload begins. */
  readonly payloadStart: number;
  /** First byte behind the batch. */
  readonly end: number;
}

/** The batch at `offset` of a segment, or undefined when there is no valid one. */
export function readBatch(segment: Buffer, offset: number, seed: number): FoundBatch | undefined {
  const payloadStart = offset + BATCH_HEADER_BYTES;
  if (payloadStart > segment.length) return undefined;
  if (segment.compare(BATCH_MAGIC, 0, 4, offset, offset + 4) !== 0) return undefined;
  if (segment.readUInt32BE(offset + 16) !== offset) return undefined;
  const end = payloadStart + segment.readUInt32BE(offset + 20);
  if (end > segment.length) return undefined;
  const crc = crc32(segment.subarray(offset + 8, end), seed);
  if (crc !== segment.readUInt32BE(offset + 4)) return undefined;
  return {
    number: readU64(segment, offset + 8),
    offset,
    kind: segment[offset + 28] ?? 0,
    count: segment.readUInt32BE(offset + 24),
    payloadStart,
    end,
  };
}

/** Records that may be missing: those behind `after`, up to `until`. */
export interface Doubt {
  /** Everything up to here is there; 0 when nothing is certain. */
  readonly after: number;
  /** Everything behind here is there; `DOUBT_WITHOUT_END` when that is not known. */
  readonly until: number;
}

/** `until` of a doubt that no later batch bounds. */
export const DOUBT_WITHOUT_END = Number.MAX_SAFE_INTEGER;

/** Where one copy's sequence stands. */
export interface Position {
  readonly copyId: string;
  readonly shardUid: string;
  readonly seq: number;
  readonly term: number;
  readonly doubt: Doubt | undefined;
}

/** A positions batch, still without its seal: every copy's position and the newest hybrid time. */
export function encodePositions(positions: readonly Position[], hybridMs: number): Buffer {
  const batch = Buffer.alloc(BATCH_HEADER_BYTES + 8 + positions.length * POSITION_BYTES);
  writeU64(batch, hybridMs, BATCH_HEADER_BYTES);
  let offset = BATCH_HEADER_BYTES + 8;
  for (const position of positions) {
    batch.write(position.copyId + position.shardUid, offset, 16, 'hex');
    writeU64(batch, position.seq, offset + 16);
    batch.writeUInt32BE(position.term, offset + 24);
    if (position.doubt) {
      batch[offset + 28] = FLAG_IN_DOUBT;
      writeU64(batch, position.doubt.after, offset + 32);
      writeU64(batch, position.doubt.until, offset + 40);
    }
    offset += POSITION_BYTES;
  }
  return batch;
}

/** What a positions batch says. */
export interface FoundPositions {
  readonly hybridMs: number;
  readonly positions: Position[];
}

/** Reads the payload that `encodePositions` wrote. Contract: `batch` came from `readBatch`. */
export function decodePositions(segment: Buffer, batch: FoundBatch): FoundPositions {
  const positions: Position[] = [];
  let offset = batch.payloadStart + 8;
  for (let index = 0; index < batch.count; index += 1) {
    const doubtful = ((segment[offset + 28] ?? 0) & FLAG_IN_DOUBT) !== 0;
    positions.push({
      copyId: readId(segment, offset),
      shardUid: readId(segment, offset + 8),
      seq: readU64(segment, offset + 16),
      term: segment.readUInt32BE(offset + 24),
      doubt: doubtful
        ? { after: readU64(segment, offset + 32), until: readU64(segment, offset + 40) }
        : undefined,
    });
    offset += POSITION_BYTES;
  }
  return { hybridMs: readU64(segment, batch.payloadStart), positions };
}
