/** Mounts routes between Torua's processes: hidden from the API document, fenced by token and protocol version. */
import type { FastifyInstance } from 'fastify';
import { INTERNAL_PATHS } from '../protocol/messages.ts';
import type { InternalRoute } from './internal-route.ts';
import { bodyBytes } from './route-info.ts';

/** Bytes of one internal message: a batch is at most 1 MiB and one value, a state of thousands of shards far less. */
export const INTERNAL_BODY_BYTES_MAX = 32 * 1024 * 1024;

/** Users' traffic in disguise: refused under overload like theirs. Registration, leases and state are not. */
const SHEDDABLE: ReadonlySet<string> = new Set([
  INTERNAL_PATHS.batch,
  INTERNAL_PATHS.list,
  INTERNAL_PATHS.deleteRange,
]);

/** Mounts them; their handlers get the deadline, id and trace of the request. */
export function mountInternal(app: FastifyInstance, routes: readonly InternalRoute[]): void {
  for (const route of routes) {
    app.route({
      method: route.method,
      url: route.path,
      exposeHeadRoute: false,
      config: {
        access: 'internal',
        operation: route.path.split('/').at(-1) ?? 'internal',
        body: 'bytes',
        bodyBytesMax: INTERNAL_BODY_BYTES_MAX,
        compress: false,
        urgent: !SHEDDABLE.has(route.path),
      },
      handler: async (request, reply) => {
        const answer = await route.handle(bodyBytes(request), {
          deadline: request.deadline,
          requestId: request.id,
          traceparent: request.traceparent,
        });
        return reply
          .code(answer.status)
          .header('content-type', answer.contentType)
          .send(answer.body);
      },
    });
  }
}
