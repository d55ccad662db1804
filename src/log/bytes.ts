/** Numbers and ids as bytes: big endian, 64-bit integers as two halves (BigInt would allocate). */

const HALF = 0x1_0000_0000;

/** Writes a whole number from 0 to 2^53 - 1 as 8 bytes. */
export function writeU64(target: Buffer, value: number, offset: number): void {
  target.writeUInt32BE(Math.floor(value / HALF), offset);
  target.writeUInt32BE(value >>> 0, offset + 4);
}

/** Reads 8 bytes that `writeU64` wrote. */
export function readU64(source: Buffer, offset: number): number {
  return source.readUInt32BE(offset) * HALF + source.readUInt32BE(offset + 4);
}

/** Reads 8 bytes as 16 hex digits. */
export function readId(source: Buffer, offset: number): string {
  return source.toString('hex', offset, offset + 8);
}

/** Whether the text is 16 lower-case hex digits, the form of every 64-bit id. */
export function isId(text: string): boolean {
  return /^[0-9a-f]{16}$/.test(text);
}
