/** The SDK's one error: what the cluster answered, or why it gave no answer. */
import { ERROR_CODES } from '../kernel/error-codes.ts';
import type { ErrorCode } from '../kernel/errors.ts';
import type { Problem } from '../protocol/rest.ts';

/**
 * A request that failed for good: the cluster refused it, or the time for it was over.
 * `code` is one of the cluster's stable words (`GET /errors`), or `cluster_unreachable`, `deadline_exceeded`,
 * `not_torua`, `invalid_key` when no answer was involved.
 */
export class ToruaRequestError extends Error {
  readonly code: string;
  /** HTTP status; for failures without an answer the status of the code's row. */
  readonly status: number;
  /** Whether the same request may succeed later without change. */
  readonly retryable: boolean;
  readonly detail: string;
  /** Correlates with the cluster's logs; undefined when no answer came. */
  readonly requestId: string | undefined;
  /** The whole problem as answered, with the code's own fields; undefined when no answer came. */
  readonly problem: Problem | undefined;
  /** True when a write failed without a clear outcome; repeating it with its idempotency-key is safe. */
  readonly outcomeUnknown: boolean;

  constructor(
    facts: {
      code: string;
      status: number;
      retryable: boolean;
      detail: string;
      requestId?: string | undefined;
      problem?: Problem | undefined;
      outcomeUnknown?: boolean | undefined;
    },
    cause?: unknown,
  ) {
    super(`${facts.code}: ${facts.detail}`, cause === undefined ? undefined : { cause });
    this.name = 'ToruaRequestError';
    this.code = facts.code;
    this.status = facts.status;
    this.retryable = facts.retryable;
    this.detail = facts.detail;
    this.requestId = facts.requestId;
    this.problem = facts.problem;
    this.outcomeUnknown = facts.outcomeUnknown ?? facts.problem?.outcome === 'unknown';
  }
}

/** An error of the SDK's own making: no answer is behind it. */
export function localError(code: ErrorCode, detail: string, cause?: unknown): ToruaRequestError {
  const { status, retryable } = ERROR_CODES[code];
  return new ToruaRequestError({ code, status, retryable, detail }, cause);
}
