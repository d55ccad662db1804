/** Keys as paths. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { keyPath, queryOf } from './key-path.ts';

test('any key of whole characters survives being decoded exactly once', () => {
  const keys = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 200 })
    .filter((key) => !key.includes('\0'));
  fc.assert(
    fc.property(keys, (key) => decodeURIComponent(keyPath(key).slice('/data/'.length)) === key),
  );
});

test.each([
  ['empty', ''],
  ['NUL', 'a\0b'],
  ['surrogate', '\ud800'],
  ['4098 bytes', 'é'.repeat(2_049)],
])('a key is refused before any request: %s', (words, key) => {
  expect(() => keyPath(key)).toThrow(words);
});

test('only given parameters are sent, encoded', () => {
  expect(queryOf({ prefix: 'a&b', limit: 5, cursor: undefined, values: false })).toBe(
    '?prefix=a%26b&limit=5&values=false',
  );
  expect(queryOf({ cursor: undefined })).toBe('');
});
