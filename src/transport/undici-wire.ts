/**
 * The wire over HTTP: undici's `dispatch` with a raw handler, the cheapest of the ways that were measured. Requests
 * carry the token, the protocol version and what remains of the deadline; nothing is retried here.
 */
import type { Dispatcher } from 'undici';
import type { Clock } from '../kernel/clock.ts';
import { DEADLINE_HEADER, type Deadline } from '../kernel/deadline.ts';
import { ToruaError } from '../kernel/errors.ts';
import { TRACEPARENT_HEADER } from '../kernel/trace.ts';
import { CLUSTER_TOKEN_HEADER, PROTOCOL_HEADER, PROTOCOL_VERSION } from '../protocol/version.ts';
import type { Peer } from './peer.ts';
import type { Peers } from './peers.ts';
import type { Wire, WireAnswer, WireRequest } from './wire.ts';
import { overdue, wireError } from './wire-error.ts';

/** What the wire is made of. */
export interface UndiciWireOptions {
  readonly clock: Clock;
  readonly peers: Peers;
  /** `CLUSTER_TOKEN`; sent with each request when set. */
  readonly token?: string | undefined;
  /** Told of bodies sent and received, in bytes. */
  readonly onTraffic?: ((sentBytes: number, receivedBytes: number) => void) | undefined;
}

/**
 * A wire whose pools are those of `peers`.
 * Errors: `node_unreachable` and `deadline_exceeded` with `sent` among their fields (whether the peer may have acted),
 * `bad_node_answer` for what is not HTTP or too long, `overloaded` when too many requests wait for one address.
 */
export function createUndiciWire(options: UndiciWireOptions): Wire {
  return {
    send: async (request, deadline) => {
      const peer = options.peers.at(request.address);
      if (peer.inFlight >= options.peers.limits.requestsMax) {
        throw new ToruaError(
          'overloaded',
          `${peer.inFlight} requests to ${request.address} wait already.`,
          { retryAfterMs: 1_000 },
        );
      }
      peer.inFlight += 1;
      try {
        return await peer.guarded(() => exchange(options, peer, request, deadline));
      } finally {
        peer.inFlight -= 1;
      }
    },
  };
}

function exchange(
  options: UndiciWireOptions,
  peer: Peer,
  request: WireRequest,
  deadline: Deadline,
): Promise<WireAnswer> {
  const remainingMs = deadline.remainingMs();
  if (remainingMs <= 0) return Promise.reject(overdue(peer.address, { sent: false }));
  return new Promise((resolve, reject) => {
    const handler = new AnswerCollector({
      address: peer.address,
      bytesMax: options.peers.limits.answerBytesMax,
      resolve,
      reject,
    });
    const timer = options.clock.after(remainingMs, () => handler.giveUp());
    handler.onSettled = (receivedBytes) => {
      timer.cancel();
      options.onTraffic?.(request.body?.length ?? 0, receivedBytes);
    };
    try {
      peer.requests.dispatch(
        {
          method: request.method,
          path: request.path,
          headers: headersOf(request, options.token, remainingMs),
          body: request.body ?? null,
        },
        handler,
      );
    } catch (error) {
      handler.onResponseError(undefined, error as Error);
    }
  });
}

/** Headers of a request between processes, as undici's flat list. */
export function headersOf(
  request: Omit<WireRequest, 'address' | 'method' | 'path'>,
  token: string | undefined,
  remainingMs: number,
): string[] {
  const headers = [
    PROTOCOL_HEADER,
    String(PROTOCOL_VERSION),
    DEADLINE_HEADER,
    String(Math.max(1, Math.ceil(remainingMs))),
  ];
  if (request.body !== undefined)
    headers.push('content-type', request.contentType ?? 'application/json');
  if (token !== undefined) headers.push(CLUSTER_TOKEN_HEADER, token);
  if (request.requestId !== undefined) headers.push('x-request-id', request.requestId);
  if (request.traceparent !== undefined) headers.push(TRACEPARENT_HEADER, request.traceparent);
  return headers;
}

interface CollectorOptions {
  readonly address: string;
  readonly bytesMax: number;
  readonly resolve: (answer: WireAnswer) => void;
  readonly reject: (error: ToruaError) => void;
}

/** Collects one answer; settles exactly once, whatever undici still reports afterwards. */
class AnswerCollector implements Dispatcher.DispatchHandler {
  onSettled: (receivedBytes: number) => void = () => {};
  readonly #options: CollectorOptions;
  readonly #chunks: Buffer[] = [];
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #length = 0;
  #settled = false;

  constructor(options: CollectorOptions) {
    this.#options = options;
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    // Given up while it waited for a connection: it must not reach the peer any more.
    if (this.#settled) controller.abort(new Error('given up'));
  }

  onResponseStart(_controller: Dispatcher.DispatchController, statusCode: number): void {
    this.#status = statusCode;
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#length += chunk.length;
    if (this.#length <= this.#options.bytesMax) {
      this.#chunks.push(chunk);
      return;
    }
    this.#fail(
      new ToruaError(
        'bad_node_answer',
        `The answer of ${this.#options.address} is over ${this.#options.bytesMax} bytes.`,
        { fields: { sent: true } },
      ),
    );
    controller.abort(new Error('answer too long'));
  }

  onResponseEnd(): void {
    if (this.#settled) return;
    this.#settle();
    const body =
      this.#chunks.length === 1
        ? (this.#chunks[0] as Buffer)
        : Buffer.concat(this.#chunks, this.#length);
    this.#options.resolve({ status: this.#status, body });
  }

  onResponseError(_controller: Dispatcher.DispatchController | undefined, error: Error): void {
    this.#fail(wireError(error, this.#options.address, { sent: this.#controller !== undefined }));
  }

  /** The deadline has come. */
  giveUp(): void {
    this.#fail(overdue(this.#options.address, { sent: this.#controller !== undefined }));
    this.#controller?.abort(new Error('deadline'));
  }

  #fail(error: ToruaError): void {
    if (this.#settled) return;
    this.#settle();
    this.#options.reject(error);
  }

  #settle(): void {
    this.#settled = true;
    this.onSettled(this.#length);
  }
}
