/** The node's end of large values: PUT and GET of one value as a stream, described by a frame in a header. */
import { Readable } from 'node:stream';
import type { FastifyInstance } from 'fastify';
import type { KeyAnswer, KeyBatch } from '../protocol/key-operation.ts';
import { INTERNAL_PATHS } from '../protocol/messages.ts';
import {
  ANSWER_HEADER,
  decodeOperationHeader,
  encodeAnswerHeader,
  OPERATION_HEADER,
} from '../protocol/value-stream-form.ts';
import type { InternalContext } from './internal-route.ts';
import { rawBody } from './route-info.ts';

/** What the node does with large values. A refusal is an answer with its status and code; a throw becomes a problem. */
export interface ValueHandler {
  /** Bytes of the largest value. */
  readonly valueBytesMax: number;
  /** Stores the value; `body` fails when the sender goes away or the limit is passed, and then nothing is stored. */
  put(batch: KeyBatch, body: Readable, context: InternalContext): Promise<KeyAnswer>;
  /** The answer; on a 200 with the value's bytes, which are destroyed when the reader goes away. */
  get(
    batch: KeyBatch,
    context: InternalContext,
  ): Promise<{ readonly answer: KeyAnswer; readonly body?: Readable | undefined }>;
}

/** Mounts both. The deadline of the request is the time without progress. */
export function mountValueRoutes(app: FastifyInstance, values: ValueHandler): void {
  const config = {
    access: 'internal',
    operation: 'value',
    body: 'stream',
    bodyBytesMax: values.valueBytesMax,
    compress: false,
  } as const;
  app.route({
    method: 'PUT',
    url: INTERNAL_PATHS.value,
    config,
    handler: async (request, reply) => {
      const batch = decodeOperationHeader(request.raw.headers[OPERATION_HEADER]);
      const answer = await values.put(
        batch,
        rawBody(request) ?? Readable.from([]),
        contextOf(request),
      );
      return reply.code(200).header(ANSWER_HEADER, encodeAnswerHeader(answer)).send();
    },
  });
  app.route({
    method: 'GET',
    url: INTERNAL_PATHS.value,
    exposeHeadRoute: false,
    config,
    handler: async (request, reply) => {
      const batch = decodeOperationHeader(request.raw.headers[OPERATION_HEADER]);
      const { answer, body } = await values.get(batch, contextOf(request));
      void reply.code(200).header(ANSWER_HEADER, encodeAnswerHeader(answer));
      if (body === undefined) return reply.send();
      if (answer.bytes !== undefined) void reply.header('content-length', String(answer.bytes));
      return reply.header('content-type', 'application/octet-stream').send(body);
    },
  });
}

function contextOf(request: {
  deadline: InternalContext['deadline'];
  id: string;
  traceparent: string | undefined;
}): InternalContext {
  return { deadline: request.deadline, requestId: request.id, traceparent: request.traceparent };
}
