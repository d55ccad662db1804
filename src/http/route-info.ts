/** What each route declares in its `config`, and what each request carries because of it. */
import type { Readable } from 'node:stream';
import { assert } from '../kernel/assert.ts';
import type { Deadline } from '../kernel/deadline.ts';
import type { CounterHandle, Metrics } from '../kernel/metrics.ts';
import type { Access, AppContext } from './app-options.ts';

/** How a route takes its body. `json`: parsed. `bytes`: a Buffer. `stream`: a Readable. `either`: a Buffer up to 64 KiB, else a Readable. */
export type BodyKind = 'json' | 'bytes' | 'stream' | 'either';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call it; a route without one makes the start fail. */
    access?: Access;
    /** Label in metrics and logs; from a bounded set. */
    operation?: string;
    /** Default `json`. */
    body?: BodyKind;
    /** Bytes of the body, unpacked; default the application's bound. */
    bodyBytesMax?: number;
    /** Default time of a request; default `REQUEST_TIMEOUT`. */
    timeoutMs?: number;
    /** False: answers leave as they are. */
    compress?: boolean;
    /** True: answered even when the process is overloaded or stopping. */
    urgent?: boolean;
    pressureHandler?: () => undefined;
  }
  interface FastifyInstance {
    torua: AppContext;
  }
  interface FastifyRequest {
    /** Monotonic time of its arrival. */
    startedAtMs: number;
    deadline: Deadline;
    /** The caller's, when valid. */
    traceparent: string | undefined;
    /** The content-type as it was sent, also one that is no content-type. */
    sentContentType: string | undefined;
    /** Undefined when no route was met. */
    routeInfo: RouteInfo | undefined;
    settled: boolean;
  }
}

/** A route's declaration, with its counters bound. */
export interface RouteInfo {
  readonly access: Access;
  readonly operation: string;
  readonly body: BodyKind;
  readonly bodyBytesMax: number;
  readonly timeoutMs: number;
  readonly compress: boolean;
  readonly urgent: boolean;
  readonly meter: RequestMeter;
}

/** Counts the answers of one operation by status. */
export type RequestMeter = (status: number) => void;

/** A meter whose counters are bound on first use, one per status. */
export function createRequestMeter(metrics: Metrics, operation: string): RequestMeter {
  const counters: (CounterHandle | undefined)[] = [];
  return (status) => {
    let counter = counters[status];
    if (counter === undefined) {
      counter = metrics.counter('torua_requests_total', { operation, status: String(status) });
      counters[status] = counter;
    }
    counter.add();
  };
}

const NO_BYTES = Buffer.alloc(0);

/** The whole body of a `bytes` route; empty when none was sent. */
export function bodyBytes(request: { readonly body: unknown }): Buffer {
  if (request.body === undefined || request.body === null) return NO_BYTES;
  assert(Buffer.isBuffer(request.body), 'a route that asks for bytes declares body: bytes');
  return request.body;
}

/** The body of an `either` route: bytes, or a stream when it is larger than fits into a batch. */
export function bodyBytesOrStream(request: { readonly body: unknown }): Buffer | Readable {
  return isReadable(request.body) ? request.body : bodyBytes(request);
}

/** The body of a `stream` route; undefined when none was sent. */
export function rawBody(request: { readonly body: unknown }): Readable | undefined {
  if (request.body === undefined || request.body === null) return undefined;
  assert(isReadable(request.body), 'a route that asks for a stream declares body: stream');
  return request.body;
}

function isReadable(value: unknown): value is Readable {
  return typeof value === 'object' && value !== null && 'pipe' in value;
}
