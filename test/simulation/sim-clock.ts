/**
 * Virtual time: nothing happens until a test says `run`, and the same calls happen in the same order every time.
 * Promises are real: between two steps one turn of the event loop lets every microtask run to its end.
 */
import { setImmediate } from 'node:timers';
import type { Clock, Timer } from '../../src/kernel/clock.ts';
import type { Random } from '../../src/kernel/random.ts';

interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly task: () => void;
}

/** How a simulated clock begins. */
export interface SimClockOptions {
  /** Decides the order of timers that are due at the same time; absent = first set, first run. */
  readonly random?: Random | undefined;
  readonly wallMs?: number | undefined;
}

/** A clock that only `run` moves. */
export class SimClock implements Clock {
  readonly #random: Random | undefined;
  #nowMs = 0;
  #wallOffsetMs: number;
  #sequence = 0;
  #timers: Due[] = [];
  #soon: (() => void)[] = [];

  constructor(options: SimClockOptions = {}) {
    this.#random = options.random;
    this.#wallOffsetMs = options.wallMs ?? Date.UTC(2024, 0, 1);
  }

  wallMs(): number {
    return Math.floor(this.#wallOffsetMs + this.#nowMs);
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  after(delayMs: number, task: () => void): Timer {
    this.#sequence += 1;
    // The tie-breaker is drawn once, when the timer is set, so that looking at timers changes nothing.
    const order = (this.#random?.float() ?? 0) * 2 ** 32 + this.#sequence * 2 ** -20;
    const due = { atMs: this.#nowMs + Math.max(0, delayMs), order, task };
    this.#insert(due);
    return {
      cancel: () => {
        const at = this.#timers.indexOf(due);
        if (at >= 0) this.#timers.splice(at, 1);
      },
    };
  }

  soon(task: () => void): void {
    this.#soon.push(task);
  }

  /** Sets the wall clock forward or back; monotonic time goes on. */
  jumpWall(byMs: number): void {
    this.#wallOffsetMs += byMs;
  }

  /** Timers and `soon` tasks that wait. */
  get pending(): number {
    return this.#timers.length + this.#soon.length;
  }

  /** Forgets everything that waits: the processes that asked for it are dead. */
  clear(): void {
    this.#timers = [];
    this.#soon = [];
  }

  /**
   * Runs until `isDone`, or until nothing waits any more, or until virtual time would pass `forMs` from now.
   * Whether it was done. With `forMs` and not done, time stands exactly `forMs` later.
   */
  async run(options: { isDone?: () => boolean; forMs?: number } = {}): Promise<boolean> {
    const endMs = this.#nowMs + (options.forMs ?? Number.POSITIVE_INFINITY);
    for (;;) {
      await turn();
      if (options.isDone?.()) return true;
      if (!this.#step(endMs)) break;
    }
    if (Number.isFinite(endMs)) this.#nowMs = endMs;
    return options.isDone === undefined;
  }

  /** Runs until the promise is settled; its outcome. Throws when nothing is left that could settle it. */
  async settle<T>(work: Promise<T>): Promise<T> {
    let isSettled = false;
    const note = (): void => {
      isSettled = true;
    };
    work.then(note, note);
    const isDone = await this.run({ isDone: () => isSettled });
    if (!isDone) throw new Error('the simulation stands still, but the promise is not settled');
    return work;
  }

  /** One `soon` queue, or the next timer. Whether there was anything to do before `endMs`. */
  #step(endMs: number): boolean {
    if (this.#soon.length > 0) {
      const tasks = this.#soon;
      this.#soon = [];
      for (const task of tasks) task();
      return true;
    }
    const next = this.#timers[0];
    if (next === undefined || next.atMs > endMs) return false;
    this.#timers.shift();
    this.#nowMs = Math.max(this.#nowMs, next.atMs);
    next.task();
    return true;
  }

  #insert(due: Due): void {
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#timers[middle];
      const isBefore =
        other !== undefined &&
        (other.atMs < due.atMs || (other.atMs === due.atMs && other.order <= due.order));
      if (isBefore) low = middle + 1;
      else high = middle;
    }
    this.#timers.splice(low, 0, due);
  }
}

/** One turn of the real event loop: every microtask that waits has run, and those it made. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
