/** Values over 64 KiB between a user and a node: streamed past the batcher with back-pressure, never collected. */
import type { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { CoordinatorApp } from '../coordinator-app.ts';
import type { RoutedAnswer, UserOperation } from '../key-router.ts';

/** One value on its way in. */
export interface LargePut {
  readonly operation: UserOperation;
  readonly request: FastifyRequest;
  readonly body: Readable;
}

/**
 * Stores the value. Its bytes can be had only once, so nothing is repeated after they were offered to a node; before
 * that the way is tried with a look at the key, which waits for a shard that moves or a node that starts again.
 */
export async function putLarge(
  { runtime, streams }: CoordinatorApp,
  { operation, request, body }: LargePut,
): Promise<RoutedAnswer> {
  const { deadline } = request;
  const lengthBytes = announcedLength(request);
  let offered = false;
  try {
    await runtime.keys.check(operation, deadline);
    return await runtime.keys.stream(
      operation,
      deadline,
      (address, batch) => {
        offered = true;
        const idleMs = Math.max(1, deadline.remainingMs());
        return streams.put({ address, batch, idleMs }, body, lengthBytes);
      },
      () => !offered,
    );
  } finally {
    // What nobody took is dropped, so that the client gets to read the answer.
    if (!body.readableEnded) body.resume();
  }
}

/** Bytes of the value when the client said so; a packed body's length says nothing about the value. */
function announcedLength({ headers }: FastifyRequest): number | undefined {
  if (headers['content-encoding'] !== undefined) return undefined;
  const length = Number(headers['content-length']);
  return Number.isFinite(length) ? length : undefined;
}

/** Fetches the value; `body` is given up when the client goes. */
export async function getLarge(
  { runtime, streams }: CoordinatorApp,
  given: {
    readonly operation: UserOperation;
    readonly request: FastifyRequest;
    readonly reply: FastifyReply;
  },
): Promise<RoutedAnswer & { readonly body: Readable | undefined }> {
  const { operation, request, reply } = given;
  const { deadline } = request;
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort());
  let body: Readable | undefined;
  const routed = await runtime.keys.stream(operation, deadline, async (address, batch) => {
    const idleMs = Math.max(1, deadline.remainingMs());
    const got = await streams.get({ address, batch, idleMs, signal: gone.signal });
    body = got.body;
    return got.answer;
  });
  return { ...routed, body };
}
