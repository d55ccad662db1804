/**
 * The one error class and the one table of codes. A code is defined here and nowhere else; on the wire an
 * error is RFC 9457 `application/problem+json`. Source: REST contract, section 1.
 */
import { ERROR_CODES, type ErrorDefinition } from './error-codes.ts';

/** A stable word that programs compare; text may change, codes do not. */
export type ErrorCode = keyof typeof ERROR_CODES;

/** What goes with an error besides its code and detail. */
export interface ErrorOptions {
  /** The code's own fields, already in wire form (`shard_id`, `missing_shards`). */
  readonly fields?: Readonly<Record<string, unknown>> | undefined;
  readonly cause?: unknown;
  /** When a retry makes sense; becomes `retry-after`. */
  readonly retryAfterMs?: number | undefined;
}

/** Every failure a user may see. `detail` names the value at fault and what to do next. */
export class ToruaError extends Error {
  readonly code: ErrorCode;
  readonly detail: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly retryAfterMs: number | undefined;

  constructor(code: ErrorCode, detail: string, options: ErrorOptions = {}) {
    super(`${code}: ${detail}`, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'ToruaError';
    this.code = code;
    this.detail = detail;
    this.fields = options.fields ?? {};
    this.retryAfterMs = options.retryAfterMs;
  }

  /** The table's row for this error. */
  get definition(): ErrorDefinition {
    return ERROR_CODES[this.code];
  }
}

/** Whether `value` is one of our codes; for codes read from the wire of a newer process. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(ERROR_CODES, value);
}

/** Any thrown value as a ToruaError; what is not ours becomes `internal_error` with the cause kept. */
export function asToruaError(thrown: unknown): ToruaError {
  if (thrown instanceof ToruaError) return thrown;
  return new ToruaError('internal_error', 'Something failed inside Torua; the log has the cause.', {
    cause: thrown,
  });
}

/** The body of `application/problem+json`. */
export function problemOf(
  error: ToruaError,
  request: { instance: string; requestId: string },
): object {
  const definition = error.definition;
  return {
    type: `/errors#${error.code}`,
    title: definition.title,
    status: definition.status,
    detail: error.detail,
    instance: request.instance,
    code: error.code,
    retryable: definition.retryable,
    request_id: request.requestId,
    ...(error.retryAfterMs === undefined ? {} : { retry_after_ms: error.retryAfterMs }),
    ...error.fields,
  };
}
