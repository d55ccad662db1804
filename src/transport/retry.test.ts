import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Clock } from '../kernel/clock.ts';
import { deadlineIn } from '../kernel/deadline.ts';
import { ToruaError } from '../kernel/errors.ts';
import { createRetryBudget, DEFAULT_SCHEDULE, retryDelayMs, retrying } from './retry.ts';

/** Time that jumps to the end of each wait. */
function jumpingClock(): Clock & { waits: number[] } {
  let nowMs = 0;
  const waits: number[] = [];
  return {
    waits,
    wallMs: () => nowMs,
    monotonicMs: () => nowMs,
    soon: queueMicrotask,
    after: (delayMs, task) => {
      waits.push(delayMs);
      nowMs += delayMs;
      queueMicrotask(task);
      return { cancel: () => {} };
    },
  };
}

const random = { float: () => 0.5, hex: () => '' };
const unreachable = (): ToruaError => new ToruaError('node_unreachable', 'x');

test('each wait lies between half and all of a bound that grows and is capped', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 60 }),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (attempt, draw) => {
        const bound = Math.min(1_000, 20 * 2 ** (attempt - 1));
        const delay = retryDelayMs(DEFAULT_SCHEDULE, attempt, draw);
        expect(delay).toBeGreaterThanOrEqual(bound / 2);
        expect(delay).toBeLessThanOrEqual(bound);
      },
    ),
  );
});

test('work that fails twice and then succeeds gives its value, after growing waits', async () => {
  const clock = jumpingClock();
  const value = await retrying(
    { clock, random },
    async (attempt) => {
      if (attempt < 3) throw unreachable();
      return attempt;
    },
    deadlineIn(clock, 10_000),
  );
  expect(value).toBe(3);
  expect(clock.waits).toEqual([15, 30]);
});

test('what is not retryable is not repeated', async () => {
  const clock = jumpingClock();
  let attempts = 0;
  const work = async (): Promise<never> => {
    attempts += 1;
    throw new ToruaError('precondition_failed', 'x');
  };
  await expect(retrying({ clock, random }, work, deadlineIn(clock, 10_000))).rejects.toMatchObject({
    code: 'precondition_failed',
  });
  expect(attempts).toBe(1);
});

test('no wait ends after the deadline: the last error comes out instead', async () => {
  const clock = jumpingClock();
  await expect(
    retrying({ clock, random }, () => Promise.reject(unreachable()), deadlineIn(clock, 100)),
  ).rejects.toMatchObject({ code: 'node_unreachable' });
  expect(clock.monotonicMs()).toBeLessThan(100);
});

test('retry-after of the error is waited out', async () => {
  const clock = jumpingClock();
  const work = async (attempt: number): Promise<void> => {
    if (attempt === 1) throw new ToruaError('overloaded', 'x', { retryAfterMs: 1_000 });
  };
  await retrying({ clock, random }, work, deadlineIn(clock, 10_000));
  expect(clock.waits).toEqual([1_000]);
});

test('a spent budget ends the repetitions, and first attempts fill it again', async () => {
  const clock = jumpingClock();
  const budget = createRetryBudget({ ratio: 0.5, reserve: 2 });
  const attempts: number[] = [];
  const options = {
    clock,
    random,
    budget,
    onRetry: (_: ToruaError, attempt: number) => attempts.push(attempt),
  };
  await expect(
    retrying(options, () => Promise.reject(unreachable()), deadlineIn(clock, 60_000)),
  ).rejects.toThrow();
  expect(attempts).toEqual([1, 2]);
  await expect(
    retrying(options, () => Promise.reject(unreachable()), deadlineIn(clock, 60_000)),
  ).rejects.toThrow();
  expect(attempts).toEqual([1, 2]);
  await expect(
    retrying(options, () => Promise.reject(unreachable()), deadlineIn(clock, 60_000)),
  ).rejects.toThrow();
  expect(attempts).toEqual([1, 2, 1]);
});
