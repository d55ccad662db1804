/**
 * Hybrid time: the wall clock that never goes back. Records carry it, so that TTLs and outcomes survive a clock that
 * was set back, a restart (the log's newest time is observed) and a primary whose clock is ahead.
 */
import type { Clock } from './clock.ts';

/** Milliseconds since 1970 that never go back within one process, nor behind anything observed. */
export interface HybridClock {
  /** The wall clock, or the newest time seen when that is later. Equal values may repeat. */
  now(): number;
  /** Raises the clock to a time that was seen elsewhere (a record, another process). Never lowers it. */
  observe(hybridMs: number): void;
}

/** A hybrid clock over `clock`. */
export function createHybridClock(clock: Clock): HybridClock {
  let lastMs = 0;
  return {
    now: () => {
      lastMs = Math.max(lastMs, Math.floor(clock.wallMs()));
      return lastMs;
    },
    observe: (hybridMs) => {
      lastMs = Math.max(lastMs, hybridMs);
    },
  };
}
