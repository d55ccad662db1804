import { describe, expect, test } from 'vitest';
import { bindParameters, parameterNames } from './parameters.ts';

test('the names of a statement are found once each', () => {
  expect(parameterNames('MATCH (n {k: $k}) WHERE n.a > $from AND n.b < $from RETURN $x_1')).toEqual(
    ['k', 'from', 'x_1'],
  );
});

test('exact values pass as they are', () => {
  const values = { a: 'text \u{1f600}\0', b: -5, c: true, d: ['x', ''], e: 2 ** 53 - 1 };
  expect(bindParameters(['a', 'b', 'c', 'd', 'e'], values)).toEqual(values);
  expect(Object.is(bindParameters(['a'], { a: -0 }).a, 0)).toBe(true);
});

describe('what the engine would store wrongly is refused', () => {
  test.each([
    ['a number with a fraction', 1.5],
    ['a number above 2^53', 2 ** 53],
    ['NaN', Number.NaN],
    ['a lone surrogate', 'a\ud800'],
    ['a lone surrogate in a list', ['\udc00x']],
    ['an empty list', []],
    ['a mixed list', ['a', 1]],
    ['null', null],
    ['undefined', undefined],
    ['an object', { a: 1 }],
    ['a date', new Date(0)],
    ['a buffer', Buffer.from('a')],
    ['a bigint', 1n],
  ])('%s', (_name, value) => {
    expect(() => bindParameters(['a'], { a: value as string })).toThrow('invariant_broken');
  });

  test('a missing parameter, which would keep its last value, and one too many', () => {
    expect(() => bindParameters(['a', 'b'], { a: 'x' })).toThrow('parameter b is given');
    expect(() => bindParameters(['a'], { a: 'x', b: 'y' })).toThrow('only a are parameters');
  });
});
