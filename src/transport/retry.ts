/**
 * Repeating what failed: exponential backoff with full jitter, never past the deadline, paid from a budget so that a
 * sick peer is not asked ever more often. *What* may be repeated is decided by whoever knows the operation.
 */
import { type Clock, pause } from '../kernel/clock.ts';
import type { Deadline } from '../kernel/deadline.ts';
import { asToruaError, type ToruaError } from '../kernel/errors.ts';
import type { Random } from '../kernel/random.ts';

/** Waits between attempts. */
export interface RetrySchedule {
  /** Upper bound of the first wait, in milliseconds. */
  readonly firstMs: number;
  /** No wait is longer. */
  readonly waitMsMax: number;
  /** Each wait's bound is the one before times this. */
  readonly factor: number;
}

/** For requests a user waits for. */
export const DEFAULT_SCHEDULE: RetrySchedule = { firstMs: 20, waitMsMax: 1_000, factor: 2 };

/**
 * Milliseconds to wait before attempt `attempt` + 1 (attempts count from 1): between half and all of the bound, so
 * that callers spread out and none repeats at once. `random` is in [0, 1).
 */
export function retryDelayMs(schedule: RetrySchedule, attempt: number, random: number): number {
  const bound = Math.min(schedule.waitMsMax, schedule.firstMs * schedule.factor ** (attempt - 1));
  return bound / 2 + (bound / 2) * random;
}

/** What all retries to one peer share: each first attempt pays in a little, each repetition takes one out. */
export interface RetryBudget {
  deposit(): void;
  /** Whether a repetition may be made; takes it out of the budget. */
  withdraw(): boolean;
}

/** A budget that allows `ratio` repetitions per first attempt, and `reserve` of them at any time to start with. */
export function createRetryBudget(options: { ratio: number; reserve: number }): RetryBudget {
  let tokens = options.reserve;
  return {
    deposit: () => {
      tokens = Math.min(options.reserve, tokens + options.ratio);
    },
    withdraw: () => {
      if (tokens < 1) return false;
      tokens -= 1;
      return true;
    },
  };
}

/** What `retrying` needs. */
export interface RetryOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly schedule?: RetrySchedule | undefined;
  readonly budget?: RetryBudget | undefined;
  /** Whether this failure of attempt `attempt` may be repeated; the default is the error's own `retryable`. */
  readonly repeatable?: ((error: ToruaError, attempt: number) => boolean) | undefined;
  /** Told of each repetition: metrics, logs. */
  readonly onRetry?: ((error: ToruaError, attempt: number) => void) | undefined;
}

/**
 * The outcome of the first attempt that succeeds. Errors: those of the last attempt, when it is not repeatable, the
 * budget is spent, or the next wait would end after the deadline. An error's own `retryAfterMs` is waited out.
 */
export async function retrying<T>(
  options: RetryOptions,
  work: (attempt: number) => Promise<T>,
  deadline: Deadline,
): Promise<T> {
  const schedule = options.schedule ?? DEFAULT_SCHEDULE;
  options.budget?.deposit();
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work(attempt);
    } catch (thrown) {
      const error = asToruaError(thrown);
      const repeatable = options.repeatable?.(error, attempt) ?? error.definition.retryable;
      const delayMs = Math.max(
        retryDelayMs(schedule, attempt, options.random.float()),
        error.retryAfterMs ?? 0,
      );
      if (!repeatable || delayMs >= deadline.remainingMs()) throw error;
      if (options.budget !== undefined && !options.budget.withdraw()) throw error;
      options.onRetry?.(error, attempt);
      await pause(options.clock, delayMs);
    }
  }
}
