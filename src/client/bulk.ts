/**
 * Many operations: a stream of lines in, their answers in the same order out. The stream is cut into chunks, each one
 * request, one after the other: so operations on one key keep their order, memory is bounded on both sides, and a
 * chunk can be repeated, which an endless request could not.
 */
import { type Clock, pause, type Timer } from '../kernel/clock.ts';
import { deadlineIn } from '../kernel/deadline.ts';
import type { Random } from '../kernel/random.ts';
import { encode } from '../protocol/case.ts';
import { MEDIA_TYPES } from '../protocol/public.ts';
import {
  type BulkAnswer,
  type BulkLine,
  bulkAnswerSchema,
  bulkLineSchema,
} from '../protocol/rest.ts';
import { decodeAnswer } from './answers.ts';
import type { CallOptions } from './call.ts';
import { linesOf } from './lines.ts';
import { localError } from './request-error.ts';
import type { Requester } from './requester.ts';
import { type RetryPolicy, retryDelayMs } from './retry-policy.ts';

/** Operations in one request at most. */
export const BULK_CHUNK_LINES_MAX = 500;
/** Bytes of one request at most, unless a single line is longer. */
export const BULK_CHUNK_BYTES_MAX = 1024 * 1024;
/** A chunk that is not full is sent when the source gave nothing for this long, in milliseconds. */
const LINGER_MS = 5;

/** One operation of a bulk: `value` for text, `valueBase64` for any bytes. */
export type BulkOperation = BulkLine;

/** What a bulk needs besides the requester. */
export interface BulkContext {
  readonly requester: Requester;
  readonly clock: Clock;
  readonly random: Random;
  readonly timeoutMs: number;
  readonly retry: RetryPolicy | undefined;
}

interface Chunk {
  readonly operations: readonly BulkOperation[];
  readonly lines: readonly string[];
}

/**
 * One answer per operation, in order; a failed operation is an answer with its status and code, never an exception.
 * Operations that failed for now (429, 502, 503, 504) are repeated within the deadline of their chunk.
 * Errors: those of a request, when a chunk as a whole got no answer. Contract: one consumer.
 */
export async function* bulk(
  context: BulkContext,
  operations: AsyncIterable<BulkOperation> | Iterable<BulkOperation>,
  options: CallOptions = {},
): AsyncGenerator<BulkAnswer> {
  const chunks = chunksOf(operations, context.clock);
  let next = chunks.next();
  try {
    for (let chunk = await next; !chunk.done; chunk = await next) {
      const sent = sendChunk(context, chunk.value, options);
      // The next chunk is collected while this one is under way. Its failure is thrown when its turn comes.
      next = chunks.next();
      next.catch(() => {});
      yield* await sent;
    }
  } finally {
    await next.catch(() => {});
    await chunks.return(undefined);
  }
}

async function* chunksOf(
  source: AsyncIterable<BulkOperation> | Iterable<BulkOperation>,
  clock: Clock,
): AsyncGenerator<Chunk> {
  const iterator =
    Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
  let operations: BulkOperation[] = [];
  let lines: string[] = [];
  let bytes = 0;
  let pending = Promise.resolve(iterator.next());
  const flush = (): Chunk => {
    const chunk = { operations, lines };
    operations = [];
    lines = [];
    bytes = 0;
    return chunk;
  };
  try {
    for (;;) {
      if (lines.length > 0 && !(await settlesSoon(pending, clock))) yield flush();
      const item = await pending;
      if (item.done) break;
      const line = JSON.stringify(encode(bulkLineSchema, item.value));
      const lineBytes = Buffer.byteLength(line) + 1;
      if (lines.length > 0 && bytes + lineBytes > BULK_CHUNK_BYTES_MAX) yield flush();
      operations.push(item.value);
      lines.push(line);
      bytes += lineBytes;
      if (lines.length >= BULK_CHUNK_LINES_MAX) yield flush();
      pending = Promise.resolve(iterator.next());
    }
    if (lines.length > 0) yield flush();
  } finally {
    await iterator.return?.();
  }
}

/** Whether the promise settles within the linger time; a source that waits for answers must not wait for ever. */
function settlesSoon(promise: Promise<unknown>, clock: Clock): Promise<boolean> {
  return new Promise((resolve) => {
    let timer: Timer | undefined;
    const settled = (): void => {
      timer?.cancel();
      resolve(true);
    };
    promise.then(settled, settled);
    timer = clock.after(LINGER_MS, () => resolve(false));
  });
}

async function sendChunk(
  context: BulkContext,
  chunk: Chunk,
  options: CallOptions,
): Promise<readonly BulkAnswer[]> {
  const { clock, random, retry } = context;
  const startedAt = clock.monotonicMs();
  const deadline = deadlineIn(clock, options.timeoutMs ?? context.timeoutMs);
  const answers = await sendLines(context, chunk.lines, options);
  for (let attempt = 0; retry !== undefined; attempt += 1) {
    const places = placesToRepeat(chunk.operations, answers);
    const delayMs = retryDelayMs(retry, {
      attempt,
      status: places.length === 0 ? 200 : 503,
      retryable: undefined,
      retryAfterMs: undefined,
      repeatable: true,
      elapsedMs: clock.monotonicMs() - startedAt,
      remainingMs: deadline.remainingMs(),
      chance: random.float(),
    });
    if (delayMs === undefined) break;
    await pause(clock, delayMs, options.signal);
    options.signal?.throwIfAborted();
    const lines = places.map((place) => chunk.lines[place] ?? '');
    const again = await sendLines(context, lines, options);
    places.forEach((place, index) => {
      const answer = again[index];
      if (answer) answers[place] = answer;
    });
  }
  return answers;
}

/**
 * Places of the operations that failed for now, and of all later ones on their keys: repeating an older write alone
 * would let it win over a newer one. Ascending.
 */
export function placesToRepeat(
  operations: readonly BulkOperation[],
  answers: readonly BulkAnswer[],
): number[] {
  const keys = new Set<string>();
  const places: number[] = [];
  operations.forEach((operation, place) => {
    const status = answers[place]?.status ?? 0;
    if ([429, 502, 503, 504].includes(status) || keys.has(operation.key)) {
      keys.add(operation.key);
      places.push(place);
    }
  });
  return places;
}

async function sendLines(
  context: BulkContext,
  lines: readonly string[],
  options: CallOptions,
): Promise<BulkAnswer[]> {
  const answer = await context.requester.send({
    ...options,
    method: 'POST',
    path: '/data/_bulk',
    headers: {
      'content-type': MEDIA_TYPES.ndjson,
    },
    body: `${lines.join('\n')}\n`,
  });
  const answers: BulkAnswer[] = [];
  for await (const line of linesOf(answer.body)) {
    if (line.length > 0)
      answers.push(decodeAnswer(bulkAnswerSchema, JSON.parse(line.toString('utf8'))));
  }
  if (answers.length !== lines.length) {
    throw localError('not_torua', `A bulk of ${lines.length} lines got ${answers.length} answers.`);
  }
  return answers;
}
