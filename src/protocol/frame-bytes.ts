/** Writing and reading the primitives of a binary frame: little endian, every read checked against the end. */
import { assert } from '../kernel/assert.ts';

/** Strings up to this length are written byte by byte, which beats the call into the runtime's encoder. */
const SHORT_TEXT = 64;

/** Worst case in bytes of a text with its length in front. */
export function textBytesMax(text: string | undefined): number {
  return text === undefined ? 0 : 4 + text.length * 3;
}

/** Appends to a buffer that its owner made large enough. */
export class FrameWriter {
  readonly buffer: Buffer;
  at = 0;

  constructor(bytesMax: number) {
    this.buffer = Buffer.allocUnsafe(bytesMax);
  }

  u8(value: number): void {
    this.buffer[this.at] = value;
    this.at += 1;
  }

  u16(value: number): void {
    this.at = this.buffer.writeUInt16LE(value, this.at);
  }

  u32(value: number): void {
    this.at = this.buffer.writeUInt32LE(value, this.at);
  }

  /** Any whole number up to 2^53. */
  whole(value: number): void {
    this.at = this.buffer.writeDoubleLE(value, this.at);
  }

  /** Up to 65,535 bytes of UTF-8; lone surrogates become U+FFFD, so keys are checked before they come here. */
  text(text: string): void {
    const start = this.at + 2;
    const end = this.#write(text, start);
    assert(end - start <= 0xffff, 'a text in a frame has at most 65535 bytes');
    this.buffer.writeUInt16LE(end - start, start - 2);
    this.at = end;
  }

  bytes(bytes: Uint8Array): void {
    this.u32(bytes.length);
    this.buffer.set(bytes, this.at);
    this.at += bytes.length;
  }

  finish(): Buffer {
    return this.buffer.subarray(0, this.at);
  }

  #write(text: string, start: number): number {
    if (text.length > SHORT_TEXT) return start + this.buffer.write(text, start, 'utf8');
    for (let index = 0; index < text.length; index += 1) {
      const unit = text.charCodeAt(index);
      if (unit > 0x7f) return start + this.buffer.write(text, start, 'utf8');
      this.buffer[start + index] = unit;
    }
    return start + text.length;
  }
}

/** Reads from a buffer; `refuse` throws when the frame says something that cannot be. */
export class FrameReader {
  readonly #buffer: Buffer;
  readonly #refuse: (reason: string) => never;
  #at = 0;

  constructor(buffer: Buffer, refuse: (reason: string) => never) {
    this.#buffer = buffer;
    this.#refuse = refuse;
  }

  get remaining(): number {
    return this.#buffer.length - this.#at;
  }

  u8(): number {
    return this.#buffer[this.#take(1)] as number;
  }

  u16(): number {
    return this.#buffer.readUInt16LE(this.#take(2));
  }

  u32(): number {
    return this.#buffer.readUInt32LE(this.#take(4));
  }

  whole(): number {
    const value = this.#buffer.readDoubleLE(this.#take(8));
    return Number.isSafeInteger(value) && value >= 0
      ? value
      : this.#refuse('a number is not whole');
  }

  text(): string {
    const length = this.u16();
    const start = this.#take(length);
    return length === 0 ? '' : this.#buffer.toString('utf8', start, start + length);
  }

  /** A view, not a copy: it keeps the whole frame in memory for as long as it lives. */
  bytes(): Buffer {
    const length = this.u32();
    const start = this.#take(length);
    return this.#buffer.subarray(start, start + length);
  }

  #take(length: number): number {
    const start = this.#at;
    if (length > this.#buffer.length - start) this.#refuse('it ends too early');
    this.#at = start + length;
    return start;
  }
}
