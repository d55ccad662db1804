/**
 * The engine's own threads give way to the rest of the process. They run statements of seconds; the main loop and the
 * log's threads have turns of less than a millisecond, and a write that waits behind a statement for each of them is
 * slow on a machine with few cores. Linux only: there a thread has a priority of its own, and a number to name it by.
 */
import { readdirSync } from 'node:fs';
import { setPriority } from 'node:os';

/** Niceness of the engine's threads: a tenth of the CPU time of others when all want it, all of it when none does. */
export const ENGINE_NICENESS = 10;

/**
 * Runs `start` and lowers the priority of the threads that began meanwhile.
 * Contract: nothing else starts threads at the same time. The thread pool of this process has all of its own since the
 * first file was opened, and databases that open together may as well lower each other's.
 */
export async function withLowerThreads<T>(start: () => Promise<T>): Promise<T> {
  const before = new Set(threads());
  const started = await start();
  for (const thread of threads()) if (!before.has(thread)) lower(Number(thread));
  return started;
}

function threads(): string[] {
  return process.platform === 'linux' ? readdirSync('/proc/self/task') : [];
}

function lower(thread: number): void {
  try {
    setPriority(thread, ENGINE_NICENESS);
  } catch {
    // It has ended since it was listed, or this system does not let us: then it is as quick as the others, no more.
  }
}
