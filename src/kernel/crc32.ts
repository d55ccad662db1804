/** CRC-32 (zlib's), for everything we write to disk. Source: node:zlib, in Node since 20.15. */
import { crc32 as zlibCrc32 } from 'node:zlib';

/** Unsigned CRC-32 of the bytes, continuing from `previous`. */
export function crc32(bytes: Uint8Array, previous = 0): number {
  return zlibCrc32(bytes, previous);
}
