/**
 * Large values, streamed to a node and back with back-pressure, past the batcher. The deadline means time without
 * progress here: a value may take as long as it needs while bytes move.
 */
import { type Readable, Transform } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { Clock, Timer } from '../kernel/clock.ts';
import { asToruaError, ToruaError } from '../kernel/errors.ts';
import type { KeyAnswer, KeyBatch } from '../protocol/key-operation.ts';
import { INTERNAL_PATHS } from '../protocol/messages.ts';
import {
  ANSWER_HEADER,
  decodeAnswerHeader,
  encodeOperationHeader,
  OPERATION_HEADER,
} from '../protocol/value-stream-form.ts';
import type { Peer } from './peer.ts';
import type { Peers } from './peers.ts';
import { problemFromAnswer } from './problem-answer.ts';
import { headersOf } from './undici-wire.ts';
import { wireError } from './wire-error.ts';

/** Bytes of an answer to a streamed write, or of an error, that are read. */
const SMALL_ANSWER_BYTES_MAX = 1024 * 1024;

/** One large value on its way. */
export interface ValueRequest {
  /** The node's base URL. */
  readonly address: string;
  /** Exactly one operation, without its value. */
  readonly batch: KeyBatch;
  /** Longest time without progress, in milliseconds. */
  readonly idleMs: number;
  /** Gives the exchange up: the client is gone. */
  readonly signal?: AbortSignal | undefined;
}

/** Streams of large values to and from nodes. */
export interface ValueStreams {
  /**
   * Sends the value; the answer comes when the node made it durable. `lengthBytes`, when known, is announced.
   * Errors: those of `body` unchanged, else `node_unreachable`, `deadline_exceeded`, `bad_node_answer`, the node's own.
   */
  put(request: ValueRequest, body: Readable, lengthBytes?: number): Promise<KeyAnswer>;
  /** The answer, and on a 200 the value as a stream that the caller reads to its end or destroys. */
  get(
    request: ValueRequest,
  ): Promise<{ readonly answer: KeyAnswer; readonly body: Readable | undefined }>;
}

/** Value streams over the stream pools of `peers`. */
export function createValueStreams(options: {
  clock: Clock;
  peers: Peers;
  token?: string | undefined;
}): ValueStreams {
  const headers = (request: ValueRequest): string[] => [
    ...headersOf(
      { requestId: operationOf(request).requestId, traceparent: operationOf(request).traceparent },
      options.token,
      request.idleMs,
    ),
    OPERATION_HEADER,
    encodeOperationHeader(request.batch),
  ];
  return {
    put: (request, body, lengthBytes) => {
      const peer = options.peers.at(request.address);
      const length = lengthBytes === undefined ? [] : ['content-length', String(lengthBytes)];
      return peer.guarded(() =>
        put(options.clock, peer, {
          request,
          body,
          headers: [...headers(request), 'content-type', 'application/octet-stream', ...length],
        }),
      );
    },
    get: (request) => {
      const peer = options.peers.at(request.address);
      return peer.guarded(() => get(options.clock, peer, request, headers(request)));
    },
  };
}

interface Upload {
  readonly request: ValueRequest;
  readonly body: Readable;
  readonly headers: string[];
}

async function put(clock: Clock, peer: Peer, upload: Upload): Promise<KeyAnswer> {
  const watch = watchProgress(clock, upload.request, peer.address);
  const metered = new Transform({
    transform: (chunk: Buffer, _encoding, done) => {
      watch.progress();
      done(null, chunk);
    },
  });
  let bodyError: Error | undefined;
  upload.body.once('error', (error) => {
    bodyError = error;
    watch.abort(error);
  });
  upload.body.pipe(metered);
  try {
    const response = await peer.streams.request({
      method: 'PUT',
      path: INTERNAL_PATHS.value,
      headers: upload.headers,
      body: metered,
      signal: watch.signal,
    });
    return await answerOf(response, peer.address);
  } catch (error) {
    throw bodyError ?? watch.reason() ?? wireError(error, peer.address, { sent: true });
  } finally {
    watch.end();
    upload.body.unpipe(metered);
    metered.destroy();
  }
}

async function get(
  clock: Clock,
  peer: Peer,
  request: ValueRequest,
  headers: string[],
): Promise<{ answer: KeyAnswer; body: Readable | undefined }> {
  const watch = watchProgress(clock, request, peer.address);
  try {
    const response = await peer.streams.request({
      method: 'GET',
      path: INTERNAL_PATHS.value,
      headers,
      bodyTimeout: request.idleMs,
      signal: watch.signal,
    });
    const answer = await headerAnswer(response, peer.address);
    if (answer.status === 200) return { answer, body: response.body };
    await response.body.dump();
    return { answer, body: undefined };
  } catch (error) {
    throw watch.reason() ?? wireError(error, peer.address, { sent: true });
  } finally {
    watch.headersArrived();
  }
}

async function answerOf(response: Dispatcher.ResponseData, address: string): Promise<KeyAnswer> {
  const answer = await headerAnswer(response, address);
  await response.body.dump();
  return answer;
}

async function headerAnswer(
  response: Dispatcher.ResponseData,
  address: string,
): Promise<KeyAnswer> {
  if (response.statusCode === 200) return decodeAnswerHeader(response.headers[ANSWER_HEADER]);
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response.body as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > SMALL_ANSWER_BYTES_MAX) break;
    chunks.push(chunk);
  }
  throw problemFromAnswer({ status: response.statusCode, body: Buffer.concat(chunks) }, address);
}

interface ProgressWatch {
  readonly signal: AbortSignal;
  progress(): void;
  abort(error: Error): void;
  /** Why it was given up, when it was. */
  reason(): ToruaError | undefined;
  /** Stops watching but still gives up when the client goes. */
  headersArrived(): void;
  end(): void;
}

function watchProgress(clock: Clock, request: ValueRequest, address: string): ProgressWatch {
  const controller = new AbortController();
  let reason: ToruaError | undefined;
  let lastMs = clock.monotonicMs();
  let timer: Timer;
  const look = (): void => {
    const leftMs = lastMs + request.idleMs - clock.monotonicMs();
    if (leftMs > 0) {
      timer = clock.after(leftMs, look);
      return;
    }
    reason = new ToruaError(
      'deadline_exceeded',
      `No byte moved to or from ${address} for ${request.idleMs} ms.`,
      { fields: { sent: true } },
    );
    controller.abort(reason);
  };
  timer = clock.after(request.idleMs, look);
  const hungUp = (): void => {
    // Not the peer's fault, so not a code that the breaker counts.
    reason ??= new ToruaError('invalid_request', 'The client went away.', {
      fields: { sent: true },
    });
    controller.abort(reason);
  };
  if (request.signal?.aborted === true) hungUp();
  request.signal?.addEventListener('abort', hungUp, { once: true });
  return {
    signal: controller.signal,
    progress: () => {
      lastMs = clock.monotonicMs();
    },
    abort: (error) => {
      reason ??= asToruaError(error);
      controller.abort(error);
    },
    reason: () => reason,
    headersArrived: () => timer.cancel(),
    end: () => {
      timer.cancel();
      request.signal?.removeEventListener('abort', hungUp);
    },
  };
}

function operationOf(request: ValueRequest): KeyBatch['operations'][number] {
  const [operation] = request.batch.operations;
  if (operation === undefined || request.batch.operations.length !== 1) {
    throw new ToruaError('invariant_broken', 'a value stream carries exactly one operation');
  }
  return operation;
}
