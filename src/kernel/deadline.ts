/** Deadlines: a point on the monotonic clock that travels with every request and bounds every wait. */
import type { Clock } from './clock.ts';
import { ToruaError } from './errors.ts';

/** Header that carries a request's remaining milliseconds from hop to hop. */
export const DEADLINE_HEADER = 'x-torua-deadline-ms';
/** Longest deadline a caller may ask for, in milliseconds. */
export const DEADLINE_MS_MAX = 600_000;

/** When a request's time is over. Immutable. */
export interface Deadline {
  /** Milliseconds that remain, never negative. */
  remainingMs(): number;
  /** Whether the time is over. */
  expired(): boolean;
  /** Throws `deadline_exceeded` when the time is over; work is not begun after it. */
  check(doing: string): void;
}

/** A deadline `budgetMs` from now. */
export function deadlineIn(clock: Clock, budgetMs: number): Deadline {
  return new DeadlineAt(clock, clock.monotonicMs() + budgetMs);
}

/** A class, not closures: one is made for every operation. */
class DeadlineAt implements Deadline {
  readonly #clock: Clock;
  readonly #endsAt: number;

  constructor(clock: Clock, endsAt: number) {
    this.#clock = clock;
    this.#endsAt = endsAt;
  }

  remainingMs(): number {
    return Math.max(0, this.#endsAt - this.#clock.monotonicMs());
  }

  expired(): boolean {
    return this.#clock.monotonicMs() >= this.#endsAt;
  }

  check(doing: string): void {
    if (!this.expired()) return;
    throw new ToruaError('deadline_exceeded', `The time for this request was over while ${doing}.`);
  }
}

/**
 * The promise's outcome, or `deadline_exceeded` when the deadline comes first.
 * The work itself goes on: whoever started it decides whether it is stopped.
 */
export function within<T>(
  clock: Clock,
  deadline: Deadline,
  doing: string,
  work: Promise<T>,
): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const timer = clock.after(deadline.remainingMs(), () => {
      reject(
        new ToruaError('deadline_exceeded', `The time for this request was over while ${doing}.`),
      );
    });
    work.then(resolve, reject).finally(() => timer.cancel());
  });
}
