import fc from 'fast-check';
import { expect, test } from 'vitest';
import { checkedKey, keyOfTarget } from './key-path.ts';

test.each([
  ['/data/greeting', 'greeting'],
  ['/data/path/to/resource', 'path/to/resource'],
  ['/data/key-with-spaces%20here', 'key-with-spaces here'],
  ['/data/%E6%95%B0%E5%AD%97', '数字'],
  [`/data/${Buffer.from('数字').toString('latin1')}`, '数字'],
  ['/data/a%2Fb', 'a/b'],
  ['/data/a%252Fb', 'a%2Fb'],
  ['/data/a%25', 'a%'],
  ['/data//a//b/', '/a//b/'],
  ['/data/../x/./y', '../x/./y'],
  ['/data/a?ttl=1s', 'a'],
  ['/data/a%3Fb?x', 'a?b'],
  ['/data/a%23b#frag', 'a#b'],
  ['/data/a:b@c', 'a:b@c'],
  ['/data/a+b', 'a+b'],
  ['http://host:80/data/abs', 'abs'],
])('the key of %s is %s', (target, key) => {
  expect(keyOfTarget(target, 1)).toBe(key);
});

test("the key of a shard's path stands behind three segments", () => {
  expect(keyOfTarget('/shard/3/store/a/b%20c', 3)).toBe('a/b c');
});

test.each([
  ['no key', '/data/'],
  ['no slash', '/data'],
  ['no key but a query', '/data/?x=1'],
  ['a lone percent sign', '/data/a%'],
  ['half an escape', '/data/a%4'],
  ['no hex digits', '/data/a%zz'],
  ['bytes that are not UTF-8', '/data/%ff'],
  ['a surrogate in UTF-8', '/data/%ED%A0%80'],
  ['an overlong NUL', '/data/%C0%80'],
  ['NUL', '/data/a%00b'],
  ['4097 bytes', `/data/${'k'.repeat(4_097)}`],
  ['1366 characters of three bytes', `/data/${'%E6%95%B0'.repeat(1_366)}`],
])('%s is an invalid key', (_name, target) => {
  expect(() => keyOfTarget(target, 1)).toThrow(expect.objectContaining({ code: 'invalid_key' }));
});

test('4096 bytes are still a key', () => {
  expect(keyOfTarget(`/data/${'k'.repeat(4_096)}`, 1)).toHaveLength(4_096);
  expect(keyOfTarget(`/data/${'%E6%95%B0'.repeat(1_365)}`, 1)).toHaveLength(1_365);
});

test("half of a surrogate pair in a body's key is refused", () => {
  expect(() => checkedKey('a\ud800')).toThrow(expect.objectContaining({ code: 'invalid_key' }));
  expect(checkedKey('a\ud83d\ude00')).toBe('a\ud83d\ude00');
});

test('every key survives encodeURIComponent and back', () => {
  const key = fc
    .string({ unit: 'grapheme', minLength: 1, maxLength: 200 })
    .filter((text) => !text.includes('\0'));
  fc.assert(
    fc.property(key, (text) => {
      expect(keyOfTarget(`/data/${encodeURIComponent(text)}?x=%zz`, 1)).toBe(text);
    }),
  );
});
