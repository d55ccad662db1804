/** GET /cluster/events: a page, or followed live as server-sent events. Source: REST contract, section 4. */
import { PassThrough } from 'node:stream';
import { userRoute } from '../../http/user-route.ts';
import type { Clock } from '../../kernel/clock.ts';
import { MEDIA_TYPES } from '../../protocol/public.ts';
import { eventsAnswerSchema, eventsQuerySchema } from '../../protocol/rest-cluster.ts';
import type { CoordinatorApp } from '../coordinator-app.ts';
import type { EventLog, LoggedEvent } from '../event-log.ts';

/** Bytes a follower may be behind before it is cut off: a slow client must not grow our memory. */
const FOLLOWER_BYTES_MAX = 8 * 2 ** 20;
/** A comment is sent after this much silence, so that both ends notice a dead connection. Milliseconds. */
const KEEP_ALIVE_MS = 10_000;

/** Declares the route. */
export function eventRoutes({ app, runtime }: CoordinatorApp): void {
  const route = {
    method: 'GET',
    url: '/cluster/events',
    access: 'read',
    tag: 'cluster',
    operation: 'events',
    summary: 'What the cluster did, oldest first; accept: text/event-stream follows it.',
    query: eventsQuerySchema,
    compress: false,
    answers: { 200: eventsAnswerSchema },
  } as const;
  const followers = new Set<PassThrough>();
  // They never end by themselves, and a process that stops does not wait for them.
  app.addHook('preClose', (done) => {
    for (const stream of followers) stream.end();
    done();
  });
  userRoute(app, route, (request, reply) => {
    const since = request.query.since ?? 0;
    const { accept, 'last-event-id': lastEventId } = request.raw.headers;
    if (!accept?.includes(MEDIA_TYPES.eventStream)) return runtime.events.since(since);
    const resumed = Number(lastEventId ?? since);
    const from = Number.isSafeInteger(resumed) && resumed >= 0 ? resumed : 0;
    const stream = follow(runtime.events, runtime.world.clock, from);
    followers.add(stream);
    stream.once('close', () => followers.delete(stream));
    reply.raw.once('close', () => stream.destroy());
    void reply.header('content-type', MEDIA_TYPES.eventStream).header('cache-control', 'no-store');
    return reply.send(stream);
  });
}

/** What happened since, then what happens, as server-sent events until the stream is closed. */
function follow(events: EventLog, clock: Clock, since: number): PassThrough {
  const stream = new PassThrough();
  const write = (text: string): void => {
    if (stream.writableEnded || stream.destroyed) return;
    stream.write(text);
    if (stream.writableLength + stream.readableLength > FOLLOWER_BYTES_MAX) stream.destroy();
  };
  const send = (event: LoggedEvent): void =>
    write(`id: ${event.seq}\nevent: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  const keepAlive = (): void => {
    if (stream.destroyed) return;
    write(': still here\n\n');
    clock.after(KEEP_ALIVE_MS, keepAlive);
  };
  write(': following\n\n');
  for (const event of events.since(since).events) send(event);
  stream.once('close', events.follow(send));
  clock.after(KEEP_ALIVE_MS, keepAlive);
  return stream;
}
