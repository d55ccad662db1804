import { describe, expect, test } from 'vitest';
import { pageOf } from './delete-page.ts';

describe('a page of keys', () => {
  test('is taken as it is while it fits', () => {
    expect(pageOf(['a', 'b'], undefined)).toEqual({ keys: ['a', 'b'], next: undefined });
    expect(pageOf(['a', 'b'], 'b')).toEqual({ keys: ['a', 'b'], next: 'b' });
    expect(pageOf([], undefined)).toEqual({ keys: [], next: undefined });
  });

  test('is cut where a record would grow too large, and names where it was cut', () => {
    const keys = Array.from({ length: 1_000 }, (_, at) => `${'\u0001'.repeat(4_000)}${at}`);
    const page = pageOf(keys, 'far behind');
    expect(page.keys.length).toBeGreaterThan(10);
    expect(page.keys.length).toBeLessThan(100);
    expect(page.next).toBe(page.keys.at(-1));
    expect(JSON.stringify(page.keys).length).toBeLessThan(1 << 20);
  });

  test('holds a first key of any size', () => {
    const large = 'x'.repeat(2 << 20);
    expect(pageOf([large, 'b'], undefined)).toEqual({ keys: [large], next: large });
  });
});
