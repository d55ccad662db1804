/** FNV-1a, 32 bits, and the shard of a key. Golden values: the REST contract, section 2. */

const OFFSET_BASIS = 0x811c9dc5;
const PRIME = 0x01000193;

/** FNV-1a 32 of the text's UTF-8 bytes, unsigned. ASCII text is hashed without encoding it. */
export function fnv1a32(text: string): number {
  let hash = OFFSET_BASIS;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    if (unit > 0x7f) return hashBytes(Buffer.from(text, 'utf8'));
    hash = Math.imul(hash ^ unit, PRIME);
  }
  return hash >>> 0;
}

function hashBytes(bytes: Uint8Array): number {
  let hash = OFFSET_BASIS;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, PRIME);
  return hash >>> 0;
}

/** The shard's place (0 to numShards - 1) for a key: FNV-1a 32 modulo `numShards`. */
export function shardOfKey(key: string, numShards: number): number {
  return fnv1a32(key) % numShards;
}
