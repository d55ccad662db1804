/** The key in a path: everything behind a prefix, percent-decoded exactly once, byte by byte. Source: contract, section 2. */
import { isUtf8 } from 'node:buffer';
import { ToruaError } from '../kernel/errors.ts';

/** Longest key in bytes of UTF-8. */
export const KEY_BYTES_MAX = 4_096;

/**
 * The key of a raw request target. `segments` is the number of path segments in front of it: 1 for `/data/{key}`, 3
 * for `/shard/{id}/store/{key}`. It may hold slashes, dots and doubled slashes; they mean nothing here.
 * Errors: `invalid_key`.
 */
export function keyOfTarget(target: string, segments: number): string {
  const path = pathOf(target);
  let start = 0;
  for (let passed = 0; passed < segments + 1; passed += 1) {
    start = path.indexOf('/', start) + 1;
    if (start === 0) return checkedKey('');
  }
  return checkedKey(decodeOnce(path.slice(start)));
}

/** The key, when it may be one; also for keys in bodies and queries. Errors: `invalid_key`. */
export function checkedKey(key: string): string {
  if (key === '')
    throw new ToruaError('invalid_key', 'There is no key; a key has 1 to 4096 bytes.');
  if (
    key.length > KEY_BYTES_MAX ||
    (key.length * 3 > KEY_BYTES_MAX && Buffer.byteLength(key) > KEY_BYTES_MAX)
  ) {
    throw new ToruaError(
      'invalid_key',
      `The key has ${Buffer.byteLength(key)} bytes; at most ${KEY_BYTES_MAX} are allowed.`,
    );
  }
  if (key.includes('\0')) throw new ToruaError('invalid_key', 'The key holds a NUL character.');
  if (/\p{Surrogate}/u.test(key))
    throw new ToruaError(
      'invalid_key',
      'The key holds half of a surrogate pair, which is no UTF-8.',
    );
  return key;
}

/** The target without scheme and host (absolute form) and without its query. */
function pathOf(target: string): string {
  let end = target.length;
  for (const mark of ['?', '#']) {
    const place = target.indexOf(mark);
    if (place >= 0 && place < end) end = place;
  }
  if (target.startsWith('/')) return target.slice(0, end);
  const host = target.indexOf('//');
  const slash = host < 0 ? -1 : target.indexOf('/', host + 2);
  return slash < 0 ? '' : target.slice(slash, end);
}

function decodeOnce(text: string): string {
  if (!/[^ -$&-~]/.test(text)) return text;
  // node gives the target as Latin-1, one character a byte, so raw UTF-8 is put together here as well.
  const given = Buffer.from(text, 'latin1');
  const bytes = Buffer.allocUnsafe(given.length);
  let length = 0;
  for (let place = 0; place < given.length; place += 1) {
    let byte = given[place] as number;
    if (byte === 0x25) {
      byte = hexByte(text, place + 1);
      place += 2;
    }
    bytes[length] = byte;
    length += 1;
  }
  const decoded = bytes.subarray(0, length);
  if (!isUtf8(decoded))
    throw new ToruaError(
      'invalid_key',
      'The key is not UTF-8 when its percent-encoding is taken away.',
    );
  return decoded.toString('utf8');
}

function hexByte(text: string, place: number): number {
  const digits = text.slice(place, place + 2);
  if (/^[0-9a-fA-F]{2}$/.test(digits)) return Number.parseInt(digits, 16);
  throw new ToruaError(
    'invalid_key',
    `The key holds a percent sign without two hex digits (%${digits.slice(0, 2)}); write it as %25.`,
  );
}
