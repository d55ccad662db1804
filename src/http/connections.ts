/** The sockets behind the requests: how many, how many bytes, and answers that nobody takes. */
import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { AppContext } from './app-options.ts';
import type { IdleWatch, Watched } from './idle-watch.ts';

/** Answers up to this size leave in one write; longer ones are watched for a client that does not read. */
const WATCH_FROM_BYTES = 64 * 1024;

/** Counts connections and traffic, and gives up answers whose client stopped reading. */
export function registerConnections(
  app: FastifyInstance,
  context: AppContext,
  watch: IdleWatch,
): void {
  const open = new Set<Socket>();
  const closed = { sent: 0, received: 0 };
  app.server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => {
      open.delete(socket);
      closed.sent += socket.bytesWritten;
      closed.received += socket.bytesRead;
    });
  });
  countTraffic(context, open, closed);
  app.addHook('onSend', (_request, reply, payload, done) => {
    if (payload instanceof Readable || lengthOf(payload) > WATCH_FROM_BYTES)
      watchAnswer(reply, watch);
    done(null, payload);
  });
}

function countTraffic(
  context: AppContext,
  open: ReadonlySet<Socket>,
  closed: { sent: number; received: number },
): void {
  const sent = context.metrics.counter('torua_network_traffic_bytes_total', { direction: 'sent' });
  const received = context.metrics.counter('torua_network_traffic_bytes_total', {
    direction: 'received',
  });
  const connections = context.metrics.gauge('torua_connections_count', {});
  let reported = { sent: 0, received: 0 };
  context.metrics.beforeScrape(() => {
    const now = { ...closed };
    for (const socket of open) {
      now.sent += socket.bytesWritten;
      now.received += socket.bytesRead;
    }
    sent.add(now.sent - reported.sent);
    received.add(now.received - reported.received);
    reported = now;
    connections.set(open.size);
  });
}

function watchAnswer(reply: FastifyReply, watch: IdleWatch): void {
  const { raw } = reply;
  const socket = reply.request.raw.socket;
  const subject: Watched = {
    progress: () => socket.bytesWritten,
    waitsForClient: () => socket.writableLength > 0,
    giveUp: () => socket.destroy(),
  };
  watch.add(subject);
  raw.once('close', () => watch.remove(subject));
}

function lengthOf(payload: unknown): number {
  return typeof payload === 'string' || Buffer.isBuffer(payload) ? payload.length : 0;
}
