/** POST /data/_bulk: NDJSON, streamed in both directions. Source: REST contract, section 2. */
import { Readable } from 'node:stream';
import { rawBody } from '../../http/route-info.ts';
import { userRoute } from '../../http/user-route.ts';
import { bulkAnswers } from '../bulk.ts';
import type { CoordinatorApp } from '../coordinator-app.ts';
import { identityOf } from '../operation-identity.ts';

/** Bytes of one bulk request: streamed, so only a bound against mistakes of the counting kind. */
const BULK_BYTES_MAX = Number.MAX_SAFE_INTEGER;

/** Declares the route and its alias. */
export function bulkRoutes(context: CoordinatorApp): void {
  const { app, runtime, streams, valueBytesMax, bulkLineBytesMax } = context;
  userRoute(
    app,
    {
      method: 'POST',
      url: '/data/_bulk',
      aliases: ['/store/_bulk'],
      tag: 'data',
      access: 'write',
      operation: 'bulk',
      summary:
        'Many puts, gets and deletes as NDJSON lines; one answer line per line, in the same order.',
      bodyKind: 'stream',
      bodyBytesMax: BULK_BYTES_MAX,
      answers: { 200: 'NDJSON, one line per line.' },
    },
    (request, reply) => {
      const parts = {
        keys: runtime.keys,
        streams,
        clock: runtime.world.clock,
        identity: identityOf(request.raw.headers, runtime.newOpId),
        lineTimeoutMs: Math.max(1, request.deadline.remainingMs()),
        lineBytesMax: bulkLineBytesMax,
        valueBytesMax,
        requestId: request.id,
        traceparent: request.traceparent,
      };
      void reply.header('content-type', 'application/x-ndjson');
      return reply.send(
        Readable.from(bulkAnswers(parts, rawBody(request as never) ?? Readable.from([])), {
          objectMode: false,
        }),
      );
    },
  );
}
