/** The node's lease from the leader, on its own monotonic clock: without it no write is acknowledged, no primary read answered. */
import type { Clock } from '../kernel/clock.ts';
import { ToruaError } from '../kernel/errors.ts';

/** See the module. */
export class Lease {
  readonly #clock: Clock;
  #endsAt = Number.NEGATIVE_INFINITY;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get held(): boolean {
    return this.#clock.monotonicMs() < this.#endsAt;
  }

  /** The leader granted `spanMs`; it counts from the moment the request was sent, never from its answer. */
  grant(sentAtMs: number, spanMs: number): void {
    if (spanMs > 0) this.#endsAt = Math.max(this.#endsAt, sentAtMs + spanMs);
  }

  /** Gives the lease up at once. */
  drop(): void {
    this.#endsAt = Number.NEGATIVE_INFINITY;
  }

  /** Errors: `no_lease`. */
  check(): void {
    if (this.held) return;
    throw new ToruaError(
      'no_lease',
      'This node has not heard from its coordinator for longer than its lease.',
      { retryAfterMs: 500 },
    );
  }
}
