/** Order by UTF-8 bytes: the same as comparing encoded bytes, for any string. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareUtf8, endOfPrefix } from './utf8-order.ts';

const text = fc.string({ unit: 'binary', maxLength: 8 });
const sign = (value: number): number => Math.sign(value);

// @req: kv.list.order
test('strings compare as their bytes do', () => {
  fc.assert(
    fc.property(text, text, (left, right) => {
      expect(sign(compareUtf8(left, right))).toBe(
        sign(Buffer.compare(Buffer.from(left), Buffer.from(right))),
      );
    }),
  );
});

test('characters beyond the basic plane come last, as their bytes say', () => {
  expect(compareUtf8('\u{1F600}', '\uFFFD')).toBeGreaterThan(0);
  expect(compareUtf8('\u{1F600}', '\uE000')).toBeGreaterThan(0);
});

// @req: kv.list.prefix
test('what begins with a prefix lies between it and its end, and nothing else does', () => {
  fc.assert(
    fc.property(text, text, (prefix, other) => {
      const end = endOfPrefix(prefix);
      const isInside =
        compareUtf8(other, prefix) >= 0 && (end === undefined || compareUtf8(other, end) < 0);
      expect(isInside).toBe(other.startsWith(prefix));
    }),
  );
});

test.each([
  ['a', 'b'],
  ['ab', 'ac'],
  ['a\u{10FFFF}', 'b'],
  ['\uD7FF', '\uE000'],
  ['', undefined],
  ['\u{10FFFF}', undefined],
])('the end of the prefix %j is %j', (prefix, end) => {
  expect(endOfPrefix(prefix)).toBe(end);
});
