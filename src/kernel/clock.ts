/** Time as a dependency: the only importer of the process's clock and timers, so that a simulation can replace both. */

/** A timer that can be called off. */
export interface Timer {
  cancel(): void;
}

/** Wall and monotonic time, and waiting. The simulation has its own; production uses `systemClock`. */
export interface Clock {
  /** Milliseconds since 1970, UTC. May jump in both directions. */
  wallMs(): number;
  /** Milliseconds since an arbitrary point, with fractions. Never goes back. */
  monotonicMs(): number;
  /** Runs `task` once after `delayMs`; does not keep the process alive by itself. */
  after(delayMs: number, task: () => void): Timer;
  /** Runs `task` after the current turn's input and output. */
  soon(task: () => void): void;
}

/** The machine's clock. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after: (delayMs, task) => {
    const handle = setTimeout(task, delayMs);
    handle.unref();
    return { cancel: () => clearTimeout(handle) };
  },
  soon: (task) => {
    setImmediate(task);
  },
};

/** The machine's clock for tools and the SDK: what waits on it keeps the process alive, as a program's user expects. */
export const attendedClock: Clock = {
  ...systemClock,
  after: (delayMs, task) => {
    const handle = setTimeout(task, delayMs);
    return { cancel: () => clearTimeout(handle) };
  },
};

/**
 * Resolves after `delayMs`, or as soon as `signal` aborts.
 * Contract: the caller looks at the signal afterwards; waking early is not an error.
 */
export function pause(clock: Clock, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const wake = (): void => {
      timer.cancel();
      signal?.removeEventListener('abort', wake);
      resolve();
    };
    const timer = clock.after(delayMs, wake);
    signal?.addEventListener('abort', wake, { once: true });
  });
}

/** ISO 8601 UTC with milliseconds, the contract's form of a point in time. */
export function isoTime(wallMs: number): string {
  return new Date(wallMs).toISOString();
}
