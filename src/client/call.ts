/** One call as data: what is asked, what came back, and whether its body can be sent again. */
import type { Dispatcher } from 'undici';

/** A body that may be sent: whole, as a stream (sent once), or as a maker of streams (sent again on a retry). */
export type RequestBody =
  | string
  | Uint8Array
  | AsyncIterable<Uint8Array>
  | (() => AsyncIterable<Uint8Array>);

/** What every call may carry. */
export interface CallOptions {
  /** For the whole call with its retries; for streams the time without progress. */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /** The caller's own id, found again in the cluster's logs. */
  readonly requestId?: string | undefined;
}

/** One call. */
export interface Call extends CallOptions {
  readonly method: 'GET' | 'HEAD' | 'PUT' | 'POST' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: RequestBody | undefined;
  /** Time without progress while the answer's body is read; 0: none. Default: the call's timeout. */
  readonly idleMs?: number | undefined;
  /** Statuses that are answers and not failures, besides 2xx; `any`: all of them. */
  readonly accept?: readonly number[] | 'any' | undefined;
}

/** An answer whose body was not read yet. Contract: the caller reads or dumps the body. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Dispatcher.ResponseData['body'];
}

/** A body as attempts take it. */
export interface BodySource {
  next(): string | Uint8Array | AsyncIterable<Uint8Array> | undefined;
  repeatable(): boolean;
}

/** A stream counts as repeatable until its first byte was taken: a refused connection takes none. */
export function bodySource(body: RequestBody | undefined): BodySource {
  if (body === undefined || typeof body === 'string' || body instanceof Uint8Array) {
    return { next: () => body, repeatable: () => true };
  }
  if (typeof body === 'function') return { next: () => body(), repeatable: () => true };
  let touched = false;
  return {
    next: () => ({
      [Symbol.asyncIterator]: () => {
        touched = true;
        return body[Symbol.asyncIterator]();
      },
    }),
    repeatable: () => !touched,
  };
}
