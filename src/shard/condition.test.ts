import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { conditionalOf, refusalOf } from './condition.ts';
import { etagOf, matchesEtag, valueHash } from './etag.ts';
import { expiryOf, isOver } from './expiry.ts';
import type { Write } from './write.ts';

const E = 'e'.repeat(32);
const F = 'f'.repeat(32);
const stored = { contentType: '', etag: E, bytes: 0, expiresAtMs: 0 };
const put = { verb: 'put', key: 'k', stored, opId: '', callerOpId: false } as const;

describe('etags', () => {
  // @req: kv.etag.definition
  test('are the first 128 bits of the SHA-256 of content-type and bytes', () => {
    const digest = createHash('sha256').update('text/plain\0hello').digest('hex');
    expect(etagOf('text/plain', Buffer.from('hello'))).toBe(digest.slice(0, 32));
    const hash = valueHash('text/plain');
    hash.update(Buffer.from('hel'));
    hash.update(Buffer.from('lo'));
    expect(hash.digest()).toBe(digest);
  });

  test.each([
    ['*', E, true],
    [' * ', E, true],
    ['*', undefined, false],
    [`"${E}"`, E, true],
    [E, E, true],
    [`W/"${E}"`, E, true],
    [`"${F}", "${E}"`, E, true],
    [`"${F}"`, E, false],
    ['', E, false],
    [`"${E}"`, undefined, false],
  ])('the condition %j over %s: %s', (condition, etag, matches) => {
    expect(matchesEtag(condition, etag)).toBe(matches);
  });
});

describe('conditions', () => {
  const present = stored;
  const over = { ...stored, expiresAtMs: 100 };
  // @req: kv.put.if-match, kv.put.if-none-match, kv.delete.if-match
  test.each<[string, Write, typeof stored | undefined, boolean]>([
    ['none over nothing', put, undefined, true],
    ['if-match over its etag', { ...put, ifMatch: `"${E}"` }, present, true],
    ['if-match over another', { ...put, ifMatch: `"${F}"` }, present, false],
    ['if-match over nothing', { ...put, ifMatch: '*' }, undefined, false],
    ['if-match over what is over', { ...put, ifMatch: '*' }, over, false],
    ['if-none-match: * over a value', { ...put, ifNoneMatch: '*' }, present, false],
    ['if-none-match: * over nothing', { ...put, ifNoneMatch: '*' }, undefined, true],
    ['if-none-match: * over what is over', { ...put, ifNoneMatch: '*' }, over, true],
    ['if-none-match over another', { ...put, ifNoneMatch: `"${F}"` }, present, true],
    ['both, one fails', { ...put, ifMatch: `"${E}"`, ifNoneMatch: '*' }, present, false],
    ['a delete over its etag', { ...put, verb: 'delete', ifMatch: E }, present, true],
    ['a delete over another', { ...put, verb: 'delete', ifMatch: F }, present, false],
  ])('%s', (_, write, value, holds) => {
    const conditional = conditionalOf(write);
    const refusal = conditional && refusalOf(conditional, value, 100);
    if (holds) expect(refusal).toBeUndefined();
    else {
      const etag = value === over ? undefined : value?.etag;
      expect(refusal).toMatchObject({ status: 412, code: 'precondition_failed', etag });
      expect(refusal?.detail).toContain(etag ?? 'does not exist');
    }
  });

  test('only a write that has one is asked', () => {
    expect(conditionalOf(put)).toBeUndefined();
    expect(conditionalOf({ ...put, verb: 'delete' })).toBeUndefined();
    const many = { verb: 'deleteMany', keys: [], next: undefined, range: '', opId: '' } as const;
    expect(conditionalOf({ ...many, callerOpId: false })).toBeUndefined();
    expect(conditionalOf({ ...put, ifNoneMatch: '*' })).toBeDefined();
  });
});

describe('times to live', () => {
  test('end in whole milliseconds, never, or at the end of all times', () => {
    expect(expiryOf(1_000, undefined)).toBe(0);
    expect(expiryOf(1_000, 0.2)).toBe(1_001);
    expect(expiryOf(1_000, 500)).toBe(1_500);
    expect(expiryOf(1_000, Number.MAX_SAFE_INTEGER)).toBe(2 ** 48 - 1);
  });

  test('are over at their millisecond and not before', () => {
    expect([99, 100, 101].map((nowMs) => isOver({ expiresAtMs: 100 }, nowMs))).toEqual([
      false,
      true,
      true,
    ]);
    expect(isOver({ expiresAtMs: 0 }, Number.MAX_SAFE_INTEGER)).toBe(false);
  });
});
