/**
 * Payloads of the records that a shard copy writes. Values, never expressions: replaying a record needs nothing
 * but the record. All numbers are big endian; lengths stand before their bytes.
 */
import { assert } from '../kernel/assert.ts';
import { ToruaError } from '../kernel/errors.ts';
import type { StoredValue } from './store.ts';

/** A put, with the value inline or as the name of a blob file. */
export interface PutPayload {
  readonly key: string;
  readonly stored: StoredValue;
}

/** A page of a range delete. */
export interface DeleteManyPayload {
  readonly keys: readonly string[];
  /** The last key looked at; absent when the range is done. */
  readonly next: string | undefined;
  /** Which range was asked for, as text. */
  readonly range: string;
}

const ETAG_BYTES = 16;
const PUT_HEAD_BYTES = 8 + ETAG_BYTES + 4 + 2 + 2;

/**
 * The payload of a put, and its inline value as a part of it.
 * Layout: expires (8), etag (16), bytes (4), key length (2), content-type length (2), key, content-type, value or blob.
 */
export function encodePut(put: PutPayload): { payload: Buffer; value: Buffer | undefined } {
  assert(put.stored.etag.length === 2 * ETAG_BYTES, 'an etag has 32 hex digits');
  const keyBytes = Buffer.byteLength(put.key);
  const typeBytes = Buffer.byteLength(put.stored.contentType);
  const value = put.stored.value ?? Buffer.from(put.stored.blob ?? '', 'hex');
  const buffer = Buffer.allocUnsafe(PUT_HEAD_BYTES + keyBytes + typeBytes + value.length);
  writeTime(buffer, put.stored.expiresAtMs, 0);
  buffer.write(put.stored.etag, 8, ETAG_BYTES, 'hex');
  buffer.writeUInt32BE(put.stored.bytes, 24);
  buffer.writeUInt16BE(keyBytes, 28);
  buffer.writeUInt16BE(typeBytes, 30);
  buffer.write(put.key, PUT_HEAD_BYTES, 'utf8');
  buffer.write(put.stored.contentType, PUT_HEAD_BYTES + keyBytes, 'utf8');
  const valueAt = PUT_HEAD_BYTES + keyBytes + typeBytes;
  value.copy(buffer, valueAt);
  return { payload: buffer, value: put.stored.value && buffer.subarray(valueAt) };
}

/** The put of a payload; the value is a copy, so that it does not hold the log's buffer in memory. */
export function decodePut(payload: Buffer, isBlob: boolean): PutPayload {
  if (payload.length < PUT_HEAD_BYTES) throw corrupt('put');
  const keyEnd = PUT_HEAD_BYTES + payload.readUInt16BE(28);
  const typeEnd = keyEnd + payload.readUInt16BE(30);
  if (typeEnd > payload.length) throw corrupt('put');
  const rest = payload.subarray(typeEnd);
  return {
    key: payload.toString('utf8', PUT_HEAD_BYTES, keyEnd),
    stored: {
      contentType: payload.toString('utf8', keyEnd, typeEnd),
      etag: payload.toString('hex', 8, 24),
      bytes: payload.readUInt32BE(24),
      expiresAtMs: readTime(payload, 0),
      value: isBlob ? undefined : Buffer.from(rest),
      blob: isBlob ? rest.toString('hex') : undefined,
    },
  };
}

/** A delete's payload is its key. */
export const encodeDelete = (key: string): Buffer => Buffer.from(key, 'utf8');
/** The key of a delete. */
export const decodeDelete = (payload: Buffer): string => payload.toString('utf8');

/** Keys as JSON: this record is rare and its size is bounded by the page. */
export const encodeDeleteMany = (page: DeleteManyPayload): Buffer =>
  Buffer.from(JSON.stringify([page.keys, page.next ?? null, page.range]));
/** The page of a range delete. */
export function decodeDeleteMany(payload: Buffer): DeleteManyPayload {
  const [keys, next, range] = JSON.parse(payload.toString('utf8')) as [
    string[],
    string | null,
    string,
  ];
  return { keys, next: next ?? undefined, range };
}

/** A record that an operator chose to skip: its seq. */
export const encodeSkip = (skippedSeq: number): Buffer => Buffer.from(String(skippedSeq));
function writeTime(buffer: Buffer, milliseconds: number, offset: number): void {
  buffer.writeUInt16BE(0, offset);
  buffer.writeUIntBE(milliseconds, offset + 2, 6);
}

const readTime = (buffer: Buffer, offset: number): number => buffer.readUIntBE(offset + 2, 6);
const corrupt = (kind: string): ToruaError =>
  new ToruaError('invariant_broken', `a ${kind} record is too short although its CRC was right`);
