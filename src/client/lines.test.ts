/** Bytes as lines. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { linesOf } from './lines.ts';

test('lines are the same however the bytes are cut', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.string()), fc.integer({ min: 1, max: 7 }), async (texts, size) => {
      const lines = texts.map((text) => text.replaceAll('\n', ''));
      const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
      const pieces = async function* () {
        for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
      };
      const seen: string[] = [];
      for await (const line of linesOf(pieces())) seen.push(line.toString('utf8'));
      expect(seen).toEqual(lines.map((line) => Buffer.from(line).toString('utf8')));
    }),
  );
});

test('a line that would fill the memory is refused', async () => {
  const pieces = async function* () {
    yield Buffer.alloc(20);
  };
  await expect(linesOf(pieces(), 10).next()).rejects.toThrow('longer than 10 bytes');
});
