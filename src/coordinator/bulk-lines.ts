/** NDJSON input as lines: cut at LF, CR and blanks passed over, a line that is too long swallowed up to its end. */

/** A line of the input. */
export interface InputLine {
  /** Counts from 1, blank lines included, as an editor shows them. */
  readonly number: number;
  /** Without the line's end; undefined when the line was too long. */
  readonly text: Buffer | undefined;
}

/**
 * Lines as they arrive, blank ones left out; `idle` after each piece of input, when there is nothing more to cut.
 * Holds at most one line: what passes `lineBytesMax` is counted and dropped.
 */
export async function* linesOf(
  body: AsyncIterable<Uint8Array>,
  lineBytesMax: number,
): AsyncGenerator<'idle' | InputLine> {
  const cutter = new LineCutter(lineBytesMax);
  for await (const chunk of body) {
    yield* cutter.cut(Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length));
    yield 'idle';
  }
  yield* cutter.end();
}

class LineCutter {
  readonly #bytesMax: number;
  #parts: Buffer[] = [];
  #length = 0;
  #number = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  *cut(chunk: Buffer): Iterable<InputLine> {
    let from = 0;
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      this.#keep(chunk.subarray(from, end));
      yield* this.end();
      from = end + 1;
    }
    this.#keep(chunk.subarray(from));
  }

  /** The line that was kept, when it is one. */
  *end(): Iterable<InputLine> {
    const isTooLong = this.#length > this.#bytesMax;
    const text = isTooLong ? undefined : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#length = 0;
    this.#number += 1;
    if (text === undefined || !isBlank(text)) yield { number: this.#number, text };
  }

  #keep(piece: Buffer): void {
    this.#length += piece.length;
    if (this.#length > this.#bytesMax) this.#parts = [];
    else if (piece.length > 0) this.#parts.push(piece);
  }
}

const isBlank = (text: Buffer): boolean =>
  text.every((byte) => byte === 0x20 || byte === 0x0d || byte === 0x09);
