import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  decodeDelete,
  decodeDeleteMany,
  decodePut,
  encodeDelete,
  encodeDeleteMany,
  encodePut,
  encodeSkip,
} from './payload.ts';
import type { StoredValue } from './store.ts';

const hex = (digits: number) =>
  fc
    .uint8Array({ minLength: digits / 2, maxLength: digits / 2 })
    .map((bytes) => Buffer.from(bytes).toString('hex'));

const base = {
  contentType: fc.string({ unit: 'binary' }),
  etag: hex(32),
  expiresAtMs: fc.nat({ max: 2 ** 48 - 1 }),
};

describe('payloads', () => {
  test('a put comes back as it was, whatever its bytes', () => {
    const inline = fc
      .record({ ...base, value: fc.uint8Array().map((bytes) => Buffer.from(bytes)) })
      .map((stored): StoredValue => ({ ...stored, bytes: stored.value.length }));
    const blob = fc.record({ ...base, blob: hex(64), bytes: fc.nat({ max: 2 ** 32 - 1 }) });
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.oneof(inline, blob), (key, stored) => {
        const isBlob = 'blob' in stored && stored.blob !== undefined;
        const { payload, value } = encodePut({ key, stored });
        expect(decodePut(payload, isBlob)).toEqual({ key, stored });
        expect(value).toEqual('value' in stored ? stored.value : undefined);
      }),
    );
  });

  test('a decoded value does not hold the buffer that it came in', () => {
    const stored = {
      contentType: '',
      etag: '0'.repeat(32),
      bytes: 1,
      expiresAtMs: 0,
      value: Buffer.from('x'),
    };
    const { payload } = encodePut({ key: 'k', stored });
    const { value } = decodePut(payload, false).stored;
    payload.fill(0);
    expect(value?.toString()).toBe('x');
  });

  test('deletes, pages and skips come back as they were', () => {
    const text = fc.string({ unit: 'grapheme' });
    fc.assert(
      fc.property(
        fc.array(text),
        fc.option(text, { nil: undefined }),
        text,
        (keys, next, range) => {
          expect(decodeDeleteMany(encodeDeleteMany({ keys, next, range }))).toEqual({
            keys,
            next,
            range,
          });
          expect(decodeDelete(encodeDelete(range))).toBe(range);
        },
      ),
    );
    expect(encodeSkip(2 ** 40).toString()).toBe(String(2 ** 40));
  });

  test.each([0, 31, 33])('a put cut to %i bytes is noticed', (length) => {
    const stored = { contentType: 'text/plain', etag: '0'.repeat(32), bytes: 0, expiresAtMs: 0 };
    const { payload } = encodePut({ key: 'key', stored });
    expect(() => decodePut(payload.subarray(0, length), false)).toThrow('too short');
  });

  test('an etag of another length is a bug', () => {
    const stored = { contentType: '', etag: 'ab', bytes: 0, expiresAtMs: 0 };
    expect(() => encodePut({ key: 'k', stored })).toThrow('32 hex digits');
  });
});
