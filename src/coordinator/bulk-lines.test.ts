/** Lines of a bulk: however the input is cut into pieces, the same lines come out. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { linesOf } from './bulk-lines.ts';

async function cut(pieces: readonly string[], bytesMax = 1_000): Promise<(string | null)[]> {
  async function* input(): AsyncGenerator<Buffer> {
    for (const piece of pieces) yield Buffer.from(piece);
  }
  const lines: (string | null)[] = [];
  for await (const line of linesOf(input(), bytesMax)) {
    if (line !== 'idle') lines.push(`${line.number}:${line.text?.toString() ?? 'too long'}`);
  }
  return lines;
}

test('blank lines are passed over and counted, and the last one needs no line feed', async () => {
  expect(await cut(['a\r\n\n  \t\nb\n\nc'])).toEqual(['1:a\r', '4:b', '6:c']);
  expect(await cut(['a\n'])).toEqual(['1:a']);
  expect(await cut([])).toEqual([]);
});

test('a line that is too long is one line without text, whether it comes in one piece or many', async () => {
  const long = 'x'.repeat(11);
  expect(await cut([`a\n${long}\nb`], 10)).toEqual(['1:a', '2:too long', '3:b']);
  expect(await cut(['a\nxxxx', 'xxxx', 'xxxx', 'x\nb'], 10)).toEqual(['1:a', '2:too long', '3:b']);
  expect(await cut([`a\n${long}`], 10)).toEqual(['1:a', '2:too long']);
  expect(await cut(['x'.repeat(10)], 10)).toEqual([`1:${'x'.repeat(10)}`]);
});

// @req: kv.bulk.streamed
test('after each piece of input there is a moment to answer', async () => {
  async function* input(): AsyncGenerator<Buffer> {
    yield Buffer.from('a\nb');
    yield Buffer.from('c\n');
  }
  const seen: string[] = [];
  for await (const line of linesOf(input(), 10)) {
    seen.push(line === 'idle' ? line : String(line.text));
  }
  expect(seen).toEqual(['a', 'idle', 'bc', 'idle']);
});

test('the cuts between the pieces do not matter', async () => {
  const text = fc.array(fc.constantFrom('a', 'bb', '\n', '\r\n', ' ', 'ü'), { maxLength: 30 });
  await fc.assert(
    fc.asyncProperty(text, fc.array(fc.nat(40), { maxLength: 5 }), async (parts, places) => {
      const whole = parts.join('');
      const cuts = [0, ...places.map((at) => Math.min(at, whole.length)), whole.length].sort(
        (left, right) => left - right,
      );
      const pieces = cuts.slice(1).map((end, place) => whole.slice(cuts[place], end));
      expect(await cut(pieces)).toEqual(await cut([whole]));
    }),
  );
});
