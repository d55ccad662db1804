/**
 * What is kept of each request: metrics of all, log lines of one in a hundred, of every 5xx and of every slow one;
 * of all at level debug. Fastify's own request log costs more than half a request and is off.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { traceIdOf } from '../kernel/trace.ts';
import { settle, type Traffic } from './admission.ts';
import type { AppContext } from './app-options.ts';
import { instanceOf } from './problems.ts';
import { createRequestMeter } from './route-info.ts';

const LOG_EVERY = 100;
const SLOW_MS = 1_000;

/** Adds the hook that runs when an answer has left. */
export function registerRequestLog(
  app: FastifyInstance,
  context: AppContext,
  traffic: Traffic,
): void {
  const { logger, metrics, clock } = context;
  const every = context.logEvery ?? LOG_EVERY;
  const slowMs = context.slowMs ?? SLOW_MS;
  const unmatched = createRequestMeter(metrics, 'none');
  let counter = 0;
  app.addHook('onResponse', (request, reply, done) => {
    settle(request, traffic);
    const nowMs = clock.monotonicMs();
    // A request of a method that no router knows is answered without any hook before this one.
    const durationMs = request.startedAtMs === 0 ? 0 : nowMs - request.startedAtMs;
    (request.routeInfo?.meter ?? unmatched)(reply.statusCode);
    metrics.requestFinished(durationMs, nowMs);
    counter += 1;
    if (reply.statusCode >= 500) logger.warn(lineOf(request, reply, durationMs), 'request failed');
    else if (durationMs >= slowMs) logger.warn(lineOf(request, reply, durationMs), 'slow request');
    else if (counter % every === 0) logger.info(lineOf(request, reply, durationMs), 'request');
    else if (logger.debugEnabled()) logger.debug(lineOf(request, reply, durationMs), 'request');
    done();
  });
}

/** Fields that tie a log line to its request and trace. */
export function requestFields(request: FastifyRequest): { requestId: string; traceId?: string } {
  const { traceparent } = request;
  return traceparent === undefined
    ? { requestId: request.id }
    : { requestId: request.id, traceId: traceIdOf(traceparent) };
}

function lineOf(request: FastifyRequest, reply: FastifyReply, durationMs: number): object {
  return {
    ...requestFields(request),
    method: request.method,
    path: instanceOf(request.raw.url).slice(0, 256),
    operation: request.routeInfo?.operation ?? 'none',
    status: reply.statusCode,
    durationMs: Math.round(durationMs * 100) / 100,
  };
}
