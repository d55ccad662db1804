/** What a supervisor does when its child has ended. Pure. Source: issue "two commands", REST contract section 7.8. */

/** The exit code by which a process asks for its next life at once. */
export const EXIT_RESTART = 75;
/** The first wait after a failure, in milliseconds. */
export const BACKOFF_MIN_MS = 250;
/** The longest wait after a failure, in milliseconds. */
export const BACKOFF_MAX_MS = 5_000;
/** After a life this long a failure counts as the first one, in milliseconds. */
export const LONG_LIFE_MS = 30_000;

/** How a child ended. */
export interface EndedChild {
  readonly code: number | null;
  readonly signal: string | null;
  readonly livedMs: number;
  /** Whether the supervisor has been told to stop. */
  readonly stopping: boolean;
  /** The wait before this life; 0 for the first and after a life that ended well. */
  readonly lastBackoffMs: number;
}

/** What to do next. */
export type SuperviseDecision =
  | { readonly action: 'restart'; readonly delayMs: number }
  /** Stay without a child: a process manager would end everything when a line ends. */
  | { readonly action: 'idle' }
  | { readonly action: 'exit'; readonly code: number };

/** The next step after a child's end. */
export function afterChildEnd(ended: EndedChild): SuperviseDecision {
  if (ended.stopping) return { action: 'exit', code: exitCodeOf(ended) };
  if (ended.code === 0) return { action: 'idle' };
  if (ended.code === EXIT_RESTART) return { action: 'restart', delayMs: 0 };
  const first = ended.lastBackoffMs === 0 || ended.livedMs >= LONG_LIFE_MS;
  const delayMs = first ? BACKOFF_MIN_MS : Math.min(BACKOFF_MAX_MS, ended.lastBackoffMs * 2);
  return { action: 'restart', delayMs };
}

const SIGNAL_NUMBERS: Readonly<Record<string, number>> = {
  SIGHUP: 1,
  SIGINT: 2,
  SIGQUIT: 3,
  SIGKILL: 9,
  SIGTERM: 15,
};

/** A child's code; for one that died by a signal 128 plus its number, as shells have it. */
export function exitCodeOf(ended: {
  readonly code: number | null;
  readonly signal: string | null;
}): number {
  if (ended.code !== null) return ended.code;
  return 128 + (SIGNAL_NUMBERS[ended.signal ?? ''] ?? 0);
}
