/**
 * A stored value as columns. `v` is base64 of: version and flags (1 byte), etag (16), content-type (2 bytes big endian:
 * its length, or 0x8000 + its place among the known ones), content-type unless known (UTF-8), then the value, or the 32
 * bytes of the blob's name. One STRING instead of four: 17 % less CPU per applied row and 10 % less growth of the file,
 * measured (docs/adr/0001).
 */
import type { FileRow } from '../engine/row-file.ts';
import { assert, present } from '../kernel/assert.ts';
import type { StoredValue } from './store.ts';

const VERSION = 1;
const BLOB_FLAG = 0x80;
const HEADER_BYTES = 19;
/** Content-types that take no room. Places are for ever: only append. */
const KNOWN_TYPES: readonly string[] = [
  'application/octet-stream',
  'application/json',
  'text/plain',
  'text/plain; charset=utf-8',
  'application/x-www-form-urlencoded',
];
const KNOWN_TYPE = 0x8000;
const ETAG = /^[0-9a-f]{32}$/;
const SHA256 = /^[0-9a-f]{64}$/;

/** Characters of `v` that hold the header of nearly every row; enough for a content-type of 1,000 bytes. */
export const HEADER_CHARACTERS = 1_360;

/** Columns of `_kv` for one row. */
export function rowOf(key: string, stored: StoredValue): FileRow {
  const isBlob = stored.blob !== undefined;
  assert(isBlob !== (stored.value !== undefined), 'a stored value has either bytes or a blob');
  assert(ETAG.test(stored.etag), 'an etag is 32 hex digits');
  assert(!isBlob || SHA256.test(stored.blob ?? ''), 'a blob is named by 64 hex digits');
  const known = KNOWN_TYPES.indexOf(stored.contentType);
  const contentType = Buffer.from(known >= 0 ? '' : stored.contentType, 'utf8');
  assert(contentType.length < KNOWN_TYPE, 'a content-type has at most 32767 bytes');
  const body = isBlob ? Buffer.from(stored.blob ?? '', 'hex') : (stored.value ?? Buffer.alloc(0));
  const packed = Buffer.allocUnsafe(HEADER_BYTES + contentType.length + body.length);
  packed[0] = VERSION | (isBlob ? BLOB_FLAG : 0);
  packed.write(stored.etag, 1, 'hex');
  packed.writeUInt16BE(known >= 0 ? KNOWN_TYPE + known : contentType.length, 17);
  contentType.copy(packed, HEADER_BYTES);
  body.copy(packed, HEADER_BYTES + contentType.length);
  return {
    k: key,
    v: packed.toString('base64'),
    bytes: stored.bytes,
    expires: stored.expiresAtMs,
    is_blob: isBlob ? 1 : 0,
  };
}

/** The stored value of a row. `isWhole` false: `v` is cut off, and the value is left out. */
export function storedOf(
  row: Readonly<Record<string, unknown>>,
  isWhole: boolean,
): StoredValue | undefined {
  const packed = packedOf(row.v);
  const bodyAt = bodyStart(packed);
  const isBlob = ((packed[0] ?? 0) & BLOB_FLAG) !== 0;
  if (packed.length < bodyAt + (isBlob ? 32 : 0)) return undefined; // the cut went through what we need
  const body = packed.subarray(bodyAt);
  return {
    contentType: contentTypeOf(packed),
    etag: packed.toString('hex', 1, 17),
    bytes: Number(row.bytes),
    expiresAtMs: Number(row.expires),
    value: isWhole && !isBlob ? body : undefined,
    blob: isBlob ? body.toString('hex', 0, 32) : undefined,
  };
}

/** The blob named by a row's `v`. Contract: the row is a blob's. */
export function blobOf(v: unknown): string {
  const packed = packedOf(v);
  return packed.toString('hex', bodyStart(packed));
}

function bodyStart(packed: Buffer): number {
  const coded = packed.readUInt16BE(17);
  return HEADER_BYTES + (coded >= KNOWN_TYPE ? 0 : coded);
}

function contentTypeOf(packed: Buffer): string {
  const coded = packed.readUInt16BE(17);
  if (coded < KNOWN_TYPE) return packed.toString('utf8', HEADER_BYTES, HEADER_BYTES + coded);
  return present(KNOWN_TYPES[coded - KNOWN_TYPE], 'a row names a content-type this version knows');
}

function packedOf(v: unknown): Buffer {
  assert(typeof v === 'string', 'a row has its packed column');
  const packed = Buffer.from(v, 'base64');
  assert(
    packed.length >= HEADER_BYTES && ((packed[0] ?? 0) & 0x7f) === VERSION,
    'a row has the known form',
  );
  return packed;
}
