/** One seat for a leader, inside one process: the next in line gets it when the present one resigns. */
import type { Candidate, Leadership } from './metadata-store.ts';

interface Waiting {
  readonly candidate: Candidate;
  readonly take: () => void;
}

/** First come, first served. */
export class LeaderSeat {
  #present: Candidate | undefined;
  readonly #queue: Waiting[] = [];

  /** Who sits here, or undefined. */
  get present(): Candidate | undefined {
    return this.#present;
  }

  /** Resolves with the seat, or with undefined when `signal` aborts while waiting. */
  take(candidate: Candidate, signal: AbortSignal): Promise<Leadership | undefined> {
    if (signal.aborted) return Promise.resolve(undefined);
    if (this.#present === undefined) return Promise.resolve(this.#seat(candidate));
    return new Promise((resolve) => {
      const giveUp = (): void => {
        const index = this.#queue.indexOf(waiting);
        if (index >= 0) this.#queue.splice(index, 1);
        resolve(undefined);
      };
      const waiting: Waiting = {
        candidate,
        take: () => {
          signal.removeEventListener('abort', giveUp);
          resolve(this.#seat(candidate));
        },
      };
      this.#queue.push(waiting);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  #seat(candidate: Candidate): Leadership {
    this.#present = candidate;
    let held = true;
    return {
      endsAtMs: () => (held ? Number.POSITIVE_INFINITY : 0),
      resign: async () => {
        if (!held) return;
        held = false;
        this.#present = undefined;
        this.#queue.shift()?.take();
      },
    };
  }
}
