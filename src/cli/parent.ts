/** The own parent process: a tool that nobody waits for any more ends itself. */
import { type Clock, pause } from '../kernel/clock.ts';

/** How often the parent is looked for, in milliseconds. */
const PARENT_CHECK_MS = 500;

/** Resolves with true when the parent has died, with false when the signal ended the watch. */
export async function parentGone(clock: Clock, signal: AbortSignal): Promise<boolean> {
  const parent = process.ppid;
  while (process.ppid === parent && !signal.aborted) await pause(clock, PARENT_CHECK_MS, signal);
  return process.ppid !== parent;
}

/** Resolves when the signal is aborted. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
