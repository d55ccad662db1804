/**
 * The wire between Torua's processes as the rooms see it: one small request, one answer. Production sends it with
 * undici; the simulation delivers, delays, cuts and loses it. Streams of large values do not pass here.
 */
import type { Deadline } from '../kernel/deadline.ts';

/** One request to one process. */
export interface WireRequest {
  /** Base URL of the process, `http://host:port`. */
  readonly address: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: Buffer | undefined;
  /** Default `application/json`. */
  readonly contentType?: string | undefined;
  readonly requestId?: string | undefined;
  readonly traceparent?: string | undefined;
}

/** Any HTTP answer, also one that reports an error. */
export interface WireAnswer {
  readonly status: number;
  readonly body: Buffer;
}

/**
 * Sends requests. Errors: `node_unreachable` (no answer; the peer may or may not have acted), `deadline_exceeded`,
 * `overloaded` (too many requests to one address). An open breaker is `node_unreachable`. Contract: nothing is retried here; whoever knows what is repeatable does.
 */
export interface Wire {
  send(request: WireRequest, deadline: Deadline): Promise<WireAnswer>;
}
