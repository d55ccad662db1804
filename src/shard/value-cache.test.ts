import { describe, expect, test } from 'vitest';
import { copyId } from '../kernel/ids.ts';
import type { StoredValue } from './store.ts';
import { ValueCache } from './value-cache.ts';

const ONE = copyId('1');
const TWO = copyId('2');
const storedOf = (length: number): StoredValue & { value: Buffer } => ({
  contentType: '',
  etag: '',
  bytes: length,
  expiresAtMs: 0,
  value: Buffer.alloc(length),
});

describe('the value cache', () => {
  // @req: shard.cache.bounded
  test('never holds more than its bytes, over all copies', () => {
    const cache = new ValueCache(20_000);
    for (let at = 0; at < 500; at += 1) {
      cache.set(at % 3 === 0 ? TWO : ONE, `k${at}`, storedOf((at * 37) % 900));
      expect(cache.bytes).toBeLessThanOrEqual(20_000);
    }
    expect(cache.bytes).toBeGreaterThan(15_000);
    cache.drop(ONE);
    cache.drop(TWO);
    expect(cache.bytes).toBe(0);
  });

  // @req: shard.cache.bounded
  test.each([0, 1, 256, 4_096, 4_097])('gives %i bytes back as they were', (length) => {
    const cache = new ValueCache(200_000);
    const value = Buffer.from(Array.from({ length }, (_, at) => at % 256));
    const stored = { contentType: 'text/x', etag: 'e', bytes: length, expiresAtMs: 7, value };
    cache.set(ONE, 'k', stored);
    expect(cache.get(ONE, 'k')).toEqual(stored);
    cache.set(ONE, 'k', { ...stored, value: Buffer.alloc(3, 1), etag: 'f' });
    expect(cache.get(ONE, 'k')).toMatchObject({ bytes: 3, etag: 'f' });
  });

  test('does not keep the memory alive that a small value came in', () => {
    const cache = new ValueCache(200_000);
    const { value, ...rest } = storedOf(100);
    cache.set(ONE, 'k', { ...rest, value });
    value.fill(1);
    expect(cache.get(ONE, 'k')?.value).toEqual(Buffer.alloc(100));
  });

  test('keeps what is read over what is not', () => {
    const cache = new ValueCache(20_000);
    cache.set(ONE, 'read', storedOf(100));
    for (let at = 0; at < 500; at += 1) {
      cache.set(ONE, `k${at}`, storedOf(100));
      expect(cache.get(ONE, 'read')).toBeDefined();
    }
    expect(cache.get(ONE, 'k0')).toBeUndefined();
  });

  test('takes from other copies when the one that grows has nothing old', () => {
    const cache = new ValueCache(20_000);
    for (let at = 0; at < 60; at += 1) cache.set(ONE, `k${at}`, storedOf(100));
    cache.set(TWO, 'new', storedOf(900));
    expect(cache.get(TWO, 'new')).toBeDefined();
    expect(cache.bytes).toBeLessThanOrEqual(20_000);
  });

  test('does not keep a value that would push out everything else, nor its older one', () => {
    const cache = new ValueCache(20_000);
    cache.set(ONE, 'a', storedOf(10));
    cache.set(ONE, 'a', storedOf(2_000));
    expect(cache.get(ONE, 'a')).toBeUndefined();
    expect(cache.bytes).toBe(0);
  });

  test('of no bytes keeps nothing', () => {
    const cache = new ValueCache(0);
    cache.set(ONE, 'a', storedOf(0));
    expect(cache.get(ONE, 'a')).toBeUndefined();
    cache.delete(ONE, 'a');
  });

  // @req: limits.loop
  test('looks at a bounded number of entries to find one to evict', () => {
    const cache = new ValueCache(50_000);
    for (let at = 0; cache.bytes < 49_000; at += 1) cache.set(ONE, `k${at}`, storedOf(0));
    for (let at = 0; at < 200; at += 1) cache.get(ONE, `k${at}`);
    for (let at = 0; at < 10 && cache.get(ONE, 'k64'); at += 1)
      cache.set(ONE, `n${at}`, storedOf(0));
    // All of them were read; after 64 second chances the next one goes all the same.
    const kept = ['k63', 'k64', 'k65'].map((key) => cache.get(ONE, key) !== undefined);
    expect(kept).toEqual([true, false, true]);
  });
});
