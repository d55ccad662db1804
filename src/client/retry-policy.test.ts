/** When a failed attempt is repeated, cell by cell. */
import { expect, test } from 'vitest';
import { DEFAULT_RETRY, type FailedAttempt, retryAfterMsOf, retryDelayMs } from './retry-policy.ts';

const failed: FailedAttempt = {
  attempt: 0,
  status: 503,
  retryable: true,
  retryAfterMs: undefined,
  repeatable: true,
  elapsedMs: 0,
  remainingMs: 10_000,
  chance: 0.5,
};

test.each([
  ['503 that may heal', {}, 28],
  ['429', { status: 429 }, 28],
  ['no answer', { status: undefined, retryable: undefined }, 28],
  [
    'no answer for longer than refused connections are repeated',
    { status: undefined, elapsedMs: 60_000 },
    undefined,
  ],
  ['503 that will not heal', { retryable: false }, undefined],
  ['503 of a proxy without a verdict', { retryable: undefined }, 28],
  ['409', { status: 409 }, undefined],
  ['500', { status: 500 }, undefined],
  ['507', { status: 507 }, undefined],
  ['a body that cannot be sent again', { repeatable: false }, undefined],
  ['retry-after above the own wait', { retryAfterMs: 3_000 }, 3_000],
  ['retry-after beyond the deadline', { retryAfterMs: 3_000, remainingMs: 2_999 }, undefined],
  ['the sixth attempt', { attempt: 5, chance: 0 }, 160],
  ['any later attempt stays below the longest wait', { attempt: 1_000, chance: 0.999 }, 1_999],
] as const)('retry: %s', (_title, change, delayMs) => {
  expect(retryDelayMs(DEFAULT_RETRY, { ...failed, ...change })).toBe(delayMs);
});

test('retry-after is read in whole seconds', () => {
  expect(['2', '0', undefined, 'soon', '1.5'].map(retryAfterMsOf)).toEqual([
    2_000,
    0,
    undefined,
    undefined,
    undefined,
  ]);
});
