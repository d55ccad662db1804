/** A route between Torua's processes, independent of the web server, so that the simulation can call it directly. */
import type { z } from 'zod';
import type { Deadline } from '../kernel/deadline.ts';
import { type Decoded, decode, encode } from '../protocol/case.ts';

/** What a handler learns about the request besides its body. */
export interface InternalContext {
  readonly deadline: Deadline;
  readonly requestId: string;
  readonly traceparent: string | undefined;
}

/** An answer; errors are thrown as ToruaError. */
export interface InternalAnswer {
  readonly status: number;
  readonly body: Buffer;
  readonly contentType: string;
}

/** One internal route. */
export interface InternalRoute {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  handle(body: Buffer, context: InternalContext): Promise<InternalAnswer>;
}

/** An internal route that speaks JSON in both directions, checked by schemas, in the code's names. */
export function jsonRoute<Request extends z.ZodType, Answer extends z.ZodType>(
  definition: { method: 'GET' | 'POST'; path: string; request: Request; answer: Answer },
  handler: (request: Decoded<Request>, context: InternalContext) => Promise<Decoded<Answer>>,
): InternalRoute {
  return {
    method: definition.method,
    path: definition.path,
    handle: async (body, context) => {
      const wire: unknown = body.length === 0 ? {} : JSON.parse(body.toString('utf8'));
      const answer = await handler(decode(definition.request, wire), context);
      return {
        status: 200,
        body: Buffer.from(JSON.stringify(encode(definition.answer, answer))),
        contentType: 'application/json; charset=utf-8',
      };
    },
  };
}
