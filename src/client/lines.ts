/** Byte streams cut into lines. */

const LINE_FEED = 0x0a;

/**
 * The lines of a byte stream, without line feeds; the last one may lack its own. Empty lines are given as they are.
 * Limits: a line longer than `lineBytesMax` throws RangeError, because it would have to be held in memory.
 */
export async function* linesOf(
  source: AsyncIterable<Uint8Array>,
  lineBytesMax = 64 * 2 ** 20,
): AsyncGenerator<Buffer> {
  let parts: Buffer[] = [];
  let held = 0;
  for await (const piece of source) {
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    let from = 0;
    for (let end = bytes.indexOf(LINE_FEED); end !== -1; end = bytes.indexOf(LINE_FEED, from)) {
      const tail = bytes.subarray(from, end);
      yield parts.length === 0 ? tail : Buffer.concat([...parts, tail]);
      parts = [];
      held = 0;
      from = end + 1;
    }
    if (from < bytes.length) {
      parts.push(bytes.subarray(from));
      held += bytes.length - from;
      if (held > lineBytesMax) throw new RangeError(`a line is longer than ${lineBytesMax} bytes`);
    }
  }
  if (parts.length > 0) yield Buffer.concat(parts);
}
