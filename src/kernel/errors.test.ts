/** Errors: one class, one table, one form on the wire. */
import { expect, test } from 'vitest';
import { ERROR_CODES } from './error-codes.ts';
import { asToruaError, isErrorCode, problemOf, ToruaError } from './errors.ts';

// @req: http.error.problem
test('a problem has the members of RFC 9457 and ours, and the code’s own fields', () => {
  const error = new ToruaError('shards_unavailable', 'Shard 2 has no live copy.', {
    fields: { missing_shards: [2] },
    retryAfterMs: 500,
  });
  expect(problemOf(error, { instance: '/data', requestId: 'r-1' })).toEqual({
    type: '/errors#shards_unavailable',
    title: 'A shard has no live copy',
    status: 503,
    detail: 'Shard 2 has no live copy.',
    instance: '/data',
    code: 'shards_unavailable',
    retryable: true,
    request_id: 'r-1',
    retry_after_ms: 500,
    missing_shards: [2],
  });
});

// @req: http.error.no-stack
test('what is not ours becomes an internal error that says nothing of its cause', () => {
  const error = asToruaError(new Error('secret /path'));
  expect(error.code).toBe('internal_error');
  expect(JSON.stringify(problemOf(error, { instance: '/', requestId: '' }))).not.toContain(
    'secret',
  );
  expect((error.cause as Error).message).toBe('secret /path');
  const ours = new ToruaError('not_found', 'x');
  expect(asToruaError(ours)).toBe(ours);
});

test('codes of a newer process, and names every object has, are none of ours', () => {
  for (const code of ['made_up', 'toString', '__proto__', 7, undefined]) {
    expect(isErrorCode(code)).toBe(false);
  }
  expect(isErrorCode('not_found')).toBe(true);
});

// @req: http.error.table
test.each(Object.entries(ERROR_CODES))('%s says what it means and what to do next', (code, row) => {
  expect(code).toMatch(/^[a-z]+(_[a-z]+)*$/);
  expect(row.title).not.toMatch(/\.$/);
  expect(row.remedy).toMatch(/\.$/);
  expect(row.status).toBeGreaterThanOrEqual(400);
  expect(row.status).toBeLessThan(600);
});
