import { describe, expect, test } from 'vitest';
import { allOf, andThen } from './soon.ts';

describe('a value that is there', () => {
  test('is handed on at once', () => {
    expect(andThen(1, (value) => value + 1)).toBe(2);
    expect(allOf([1, 2])).toEqual([1, 2]);
  });
});

describe('a value that comes', () => {
  test('is handed on when it comes', async () => {
    const later = andThen(Promise.resolve(1), (value) => value + 1);
    expect(later).toBeInstanceOf(Promise);
    expect(await later).toBe(2);
    expect(await allOf([1, Promise.resolve(2)])).toEqual([1, 2]);
  });

  test('fails as it failed, unless somebody takes the failure', async () => {
    const broken = (): Promise<number> => Promise.reject(new Error('no'));
    await expect(andThen(broken(), (value) => value)).rejects.toThrow('no');
    expect(
      await andThen(
        broken(),
        (value) => value,
        () => 7,
      ),
    ).toBe(7);
    await expect(allOf([1, broken()])).rejects.toThrow('no');
  });
});
