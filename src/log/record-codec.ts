/**
 * One record as bytes. Fixed layout, big endian:
 *
 *     0  u32  length of the whole record      16  8    shard_uid
 *     4  u32  CRC-32 of bytes 8 to the end    24  8    copy_id
 *     8  u8   format version (1)              32  u64  seq
 *     9  u8   kind                            40  u64  hybrid time, ms
 *     10 u8   flags: 1 = caller's op id       48  u32  term
 *     11 u8   zero                            52  u32  schema version
 *     12 u16  length of the op id             56       op id (UTF-8), then the payload
 *     14 u16  zero
 *
 * The batch around it has a CRC of its own; this one lets a single record be read later without its batch.
 */
import { assert } from '../kernel/assert.ts';
import { crc32 } from '../kernel/crc32.ts';
import { ToruaError } from '../kernel/errors.ts';
import { copyId, seq, shardUid, term } from '../kernel/ids.ts';
import { isId, readId, readU64, writeU64 } from './bytes.ts';
import { type LogRecord, RECORD_KIND, type RecordKind } from './log-record.ts';

/** The record format that this build writes; older ones are still read. */
export const RECORD_VERSION = 1;
/** Bytes before the op id. */
export const RECORD_HEADER_BYTES = 56;
/** Longest op id, in bytes of UTF-8. */
export const OP_ID_BYTES_MAX = 0xffff;

const FLAG_CALLER_OP_ID = 1;

/** Bytes that the record takes in a segment. */
export function recordBytes(record: LogRecord): number {
  return RECORD_HEADER_BYTES + Buffer.byteLength(record.opId) + record.payload.length;
}

/** The 16 bytes of both ids, made once per copy because hex is the dearest part of encoding. */
export function encodeIds(record: Pick<LogRecord, 'shardUid' | 'copyId'>): Buffer {
  assert(isId(record.shardUid) && isId(record.copyId), 'ids in records are 16 hex digits');
  return Buffer.from(record.shardUid + record.copyId, 'hex');
}

/** Writes the record at `offset`; returns the offset behind it. `ids` is `encodeIds` of the same copy. */
export function encodeRecord(
  target: Buffer,
  offset: number,
  record: LogRecord,
  ids: Buffer,
): number {
  let end = offset + RECORD_HEADER_BYTES;
  if (record.opId.length > 0) end += target.write(record.opId, end, 'utf8');
  const opIdBytes = end - offset - RECORD_HEADER_BYTES;
  assert(opIdBytes <= OP_ID_BYTES_MAX, 'an op id fits its length field');
  end += record.payload.copy(target, end);
  target.writeUInt32BE(end - offset, offset);
  target[offset + 8] = RECORD_VERSION;
  target[offset + 9] = record.kind;
  target.writeUInt16BE(record.callerOpId ? FLAG_CALLER_OP_ID << 8 : 0, offset + 10);
  target.writeUInt32BE(opIdBytes * 0x1_0000, offset + 12);
  ids.copy(target, offset + 16);
  writeU64(target, record.seq, offset + 32);
  writeU64(target, record.hybridMs, offset + 40);
  target.writeUInt32BE(record.term, offset + 48);
  target.writeUInt32BE(record.schemaVersion, offset + 52);
  target.writeUInt32BE(crc32(target.subarray(offset + 8, end)), offset + 4);
  return end;
}

/** The length that the record at `offset` claims; no check. */
export function recordLengthAt(source: Buffer, offset: number): number {
  return source.readUInt32BE(offset);
}

/**
 * The record at `offset`, or undefined when its bytes are not what was written. The payload is a copy, so that
 * keeping one record does not keep the whole read.
 * Errors: `directory_too_new` for a record format of a newer version.
 */
export function decodeRecord(source: Buffer, offset: number): LogRecord | undefined {
  if (offset + RECORD_HEADER_BYTES > source.length) return undefined;
  const end = offset + source.readUInt32BE(offset);
  if (end < offset + RECORD_HEADER_BYTES || end > source.length) return undefined;
  if (crc32(source.subarray(offset + 8, end)) !== source.readUInt32BE(offset + 4)) return undefined;
  checkVersion(source, offset);
  const payloadStart = offset + RECORD_HEADER_BYTES + source.readUInt16BE(offset + 12);
  return {
    kind: source[offset + 9] as RecordKind,
    shardUid: shardUid(readId(source, offset + 16)),
    copyId: copyId(readId(source, offset + 24)),
    term: term(source.readUInt32BE(offset + 48)),
    seq: seq(readU64(source, offset + 32)),
    schemaVersion: source.readUInt32BE(offset + 52),
    opId: source.toString('utf8', offset + RECORD_HEADER_BYTES, payloadStart),
    callerOpId: ((source[offset + 10] ?? 0) & FLAG_CALLER_OP_ID) !== 0,
    hybridMs: readU64(source, offset + 40),
    payload: Buffer.from(source.subarray(payloadStart, end)),
  };
}

/** What replay needs of a record: no payload, no op id. Reused for every record, so that replay allocates little. */
export interface RecordHead {
  length: number;
  kind: number;
  shardUid: string;
  copyId: string;
  seq: number;
  term: number;
  hybridMs: number;
}

/** Fills `head` from the record at `offset`. Contract: the batch's CRC was checked. */
export function readHead(source: Buffer, offset: number, head: RecordHead): void {
  checkVersion(source, offset);
  head.length = source.readUInt32BE(offset);
  head.kind = source[offset + 9] ?? 0;
  head.shardUid = readId(source, offset + 16);
  head.copyId = readId(source, offset + 24);
  head.seq = readU64(source, offset + 32);
  head.hybridMs = readU64(source, offset + 40);
  head.term = source.readUInt32BE(offset + 48);
}

/** Whether the log itself honours the kind; such records take no place in their copy's sequence. */
export function isControlKind(kind: number): boolean {
  return kind === RECORD_KIND.drop || kind === RECORD_KIND.truncate;
}

/** The payload of a `truncate` record: the last sequence number that remains. */
export function truncatePayload(lastSeq: number): Buffer {
  const payload = Buffer.allocUnsafe(8);
  writeU64(payload, lastSeq, 0);
  return payload;
}

function checkVersion(source: Buffer, offset: number): void {
  const version = source[offset + 8] ?? 0;
  if (version <= RECORD_VERSION) return;
  throw new ToruaError(
    'directory_too_new',
    `The log holds records of format ${version}; this version reads formats up to ${RECORD_VERSION}.`,
  );
}
