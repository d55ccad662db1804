/** What writes under a caller's `idempotency-key` answered: remembered for 10 minutes, never forgotten early. */
import { ToruaError } from '../kernel/errors.ts';
import type { Outcome } from './store.ts';

/** How long a caller's key is remembered, in milliseconds of hybrid time. */
export const CALLER_WINDOW_MS = 600_000;
/** Callers' keys remembered per copy; a new one beyond it is refused (`idempotency_window_full`). */
export const CALLER_OUTCOMES_MAX = 100_000;

/** In the order of recording, which is the order of forgetting. */
export class CallerOutcomes {
  readonly #byId = new Map<string, Outcome>();

  get size(): number {
    return this.#byId.size;
  }

  get(opId: string): Outcome | undefined {
    return this.#byId.get(opId);
  }

  /** The remembered outcome, or undefined. Errors: `idempotency_key_reused` when it belongs to another request. */
  find(opId: string, fingerprint: string, nowMs: number): Outcome | undefined {
    const outcome = this.#byId.get(opId);
    if (!outcome) return undefined;
    if (outcome.recordedAtMs < nowMs - CALLER_WINDOW_MS) {
      this.#byId.delete(opId);
      return undefined;
    }
    if (outcome.fingerprint === fingerprint) return outcome;
    throw new ToruaError(
      'idempotency_key_reused',
      `The idempotency-key ${JSON.stringify(opId)} already stands for another write.`,
    );
  }

  /** Errors: `idempotency_window_full`. */
  checkRoom(nowMs: number): void {
    this.forget(nowMs - CALLER_WINDOW_MS);
    if (this.#byId.size < CALLER_OUTCOMES_MAX) return;
    throw new ToruaError(
      'idempotency_window_full',
      `This shard remembers ${CALLER_OUTCOMES_MAX} idempotency-keys of the last 10 minutes and takes no more.`,
      { retryAfterMs: 1_000 },
    );
  }

  remember(outcome: Outcome): void {
    this.#byId.delete(outcome.opId);
    this.#byId.set(outcome.opId, outcome);
  }

  /** Takes back an outcome whose record did not get into the log. */
  withdraw(opId: string): void {
    this.#byId.delete(opId);
  }

  forget(beforeMs: number): void {
    for (const [opId, outcome] of this.#byId) {
      if (outcome.recordedAtMs >= beforeMs) return;
      this.#byId.delete(opId);
    }
  }
}
