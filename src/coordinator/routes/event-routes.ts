/** GET /cluster/events: a page, or followed live as server-sent events. Source: REST contract, section 4. */
import { PassThrough } from 'node:stream';
import { userRoute } from '../../http/user-route.ts';
import { eventsAnswerSchema, eventsQuerySchema } from '../../protocol/rest-cluster.ts';
import type { CoordinatorApp } from '../coordinator-app.ts';
import type { LoggedEvent } from '../event-log.ts';

/** Bytes a follower may be behind before it is cut off: a slow client must not grow our memory. */
const FOLLOWER_BYTES_MAX = 1 << 20;
/** A comment is sent after this much silence, so that both ends notice a dead connection. Milliseconds. */
const KEEP_ALIVE_MS = 10_000;

/** Declares the route. */
export function eventRoutes({ app, runtime }: CoordinatorApp): void {
  userRoute(
    app,
    {
      method: 'GET',
      url: '/cluster/events',
      access: 'read',
      tag: 'cluster',
      operation: 'events',
      summary: 'What the cluster did, oldest first; accept: text/event-stream follows it.',
      query: eventsQuerySchema,
      compress: false,
      answers: { 200: eventsAnswerSchema },
    },
    (request, reply) => {
      const since = request.query.since ?? 0;
      if (!request.raw.headers.accept?.includes('text/event-stream'))
        return runtime.events.since(since);
      const resumed = Number(request.raw.headers['last-event-id'] ?? since);
      const stream = new PassThrough({ highWaterMark: FOLLOWER_BYTES_MAX });
      const send = (event: LoggedEvent): void => {
        const line = `id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`;
        if (!stream.write(line)) stream.destroy();
      };
      const { clock } = runtime.world;
      const keepAlive = (): void => {
        if (stream.destroyed) return;
        stream.write(': still here\n\n');
        clock.after(KEEP_ALIVE_MS, keepAlive);
      };
      stream.write(': following\n\n');
      for (const event of runtime.events.since(Number.isSafeInteger(resumed) ? resumed : 0).events)
        send(event);
      const unfollow = runtime.events.follow(send);
      clock.after(KEEP_ALIVE_MS, keepAlive);
      stream.once('close', unfollow);
      request.raw.once('close', () => stream.destroy());
      void reply.header('content-type', 'text/event-stream').header('cache-control', 'no-store');
      return reply.send(stream);
    },
  );
}
