/** Whether and when a failed attempt is repeated. Pure: time and chance are arguments. */

/** How patiently a client repeats. All in milliseconds. */
export interface RetryPolicy {
  /** Longest first wait; doubles with each attempt. */
  readonly baseMs: number;
  /** No wait is longer, unless the cluster asks for it by retry-after. */
  readonly maxMs: number;
  /** How long refused connections are repeated: a cluster that restarts is back within 3 s. */
  readonly refusedMs: number;
}

/** Waits of 50 ms doubling to 2 s, within the request's deadline. */
export const DEFAULT_RETRY: RetryPolicy = { baseMs: 50, maxMs: 2_000, refusedMs: 60_000 };

/** Statuses after which the same request may succeed. */
const RETRYABLE_STATUSES: readonly number[] = [429, 502, 503, 504];

/** What happened to one attempt. */
export interface FailedAttempt {
  /** 0 for the first one. */
  readonly attempt: number;
  /** Undefined when no answer came. */
  readonly status: number | undefined;
  /** The problem's own verdict, when the answer had one. */
  readonly retryable: boolean | undefined;
  /** What `retry-after` asks for. */
  readonly retryAfterMs: number | undefined;
  /** Whether the body can be sent again. */
  readonly repeatable: boolean;
  /** Since the request's first attempt. */
  readonly elapsedMs: number;
  /** Of the request's deadline. */
  readonly remainingMs: number;
  /** In [0, 1). */
  readonly chance: number;
}

/**
 * Milliseconds to wait before the next attempt, or undefined when there is none.
 * Exponential with full jitter, never shorter than `retry-after` asks, never beyond the deadline.
 */
export function retryDelayMs(policy: RetryPolicy, failed: FailedAttempt): number | undefined {
  if (!failed.repeatable) return undefined;
  if (failed.status === undefined) {
    if (failed.elapsedMs >= policy.refusedMs) return undefined;
  } else {
    if (!RETRYABLE_STATUSES.includes(failed.status)) return undefined;
    if (failed.retryable === false) return undefined;
  }
  const ceiling = Math.min(policy.maxMs, policy.baseMs * 2 ** Math.min(failed.attempt, 30));
  const delayMs = Math.max(
    failed.retryAfterMs ?? 0,
    Math.ceil(ceiling * (0.1 + 0.9 * failed.chance)),
  );
  return delayMs < failed.remainingMs ? delayMs : undefined;
}

/** Milliseconds of a `retry-after` header (whole seconds); undefined when it is none. Dates are not honoured. */
export function retryAfterMsOf(header: string | undefined): number | undefined {
  return header !== undefined && /^\d+$/.test(header) ? Number(header) * 1_000 : undefined;
}
