/**
 * Slow clients: one sweep looks at every body and answer that waits for its client, and gives up those that did not
 * move. No timer per request, and a client that is merely slow may take as long as it likes.
 */
import type { Clock } from '../kernel/clock.ts';

/** Something that moves as long as the client does its part. */
export interface Watched {
  /** Any number that changes when bytes move. */
  progress(): number;
  /** Whether it is the client we wait for, not somebody behind us. */
  waitsForClient(): boolean;
  giveUp(): void;
}

/** Watches what it is given until it is taken out again. */
export interface IdleWatch {
  add(subject: Watched): void;
  remove(subject: Watched): void;
}

/** Sweeps eight times per `idleMs` while there is anything to watch. */
export function createIdleWatch(clock: Clock, idleMs: number): IdleWatch {
  const seen = new Map<Watched, { progress: number; sinceMs: number }>();
  let sweeping = false;
  const sweep = (): void => {
    const nowMs = clock.monotonicMs();
    for (const [subject, last] of seen) {
      const progress = subject.progress();
      if (progress !== last.progress || !subject.waitsForClient()) {
        last.progress = progress;
        last.sinceMs = nowMs;
      } else if (nowMs - last.sinceMs >= idleMs) {
        seen.delete(subject);
        subject.giveUp();
      }
    }
    sweeping = seen.size > 0;
    if (sweeping) clock.after(idleMs / 8, sweep);
  };
  return {
    add: (subject) => {
      seen.set(subject, { progress: Number.NaN, sinceMs: clock.monotonicMs() });
      if (sweeping) return;
      sweeping = true;
      clock.after(idleMs / 8, sweep);
    },
    remove: (subject) => {
      seen.delete(subject);
    },
  };
}
