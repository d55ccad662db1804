/**
 * What happens to each request before its route: id, start, trace, deadline, who may call, and whether there is room.
 * Route-level work is bound once when a route is declared, so nothing is looked up per request.
 */
import type { FastifyInstance, FastifyReply, FastifyRequest, RouteOptions } from 'fastify';
import { deadlineIn } from '../kernel/deadline.ts';
import { ToruaError } from '../kernel/errors.ts';
import { saneTraceparent, TRACEPARENT_HEADER } from '../kernel/trace.ts';
import { CLUSTER_TOKEN_HEADER, PROTOCOL_HEADER } from '../protocol/version.ts';
import { refusalOf } from './access.ts';
import type { AppContext } from './app-options.ts';
import { keepContentType } from './bodies.ts';
import type { KnownPaths } from './known-paths.ts';
import { instanceOf } from './problems.ts';
import { requestBudgetMs } from './request-deadline.ts';
import { createRequestMeter, type RouteInfo } from './route-info.ts';

/** The application's state that admission reads and moves. */
export interface Traffic {
  inFlight: number;
  closing: boolean;
}

/** Routes of the documentation's page are a third party's and cannot declare their access themselves. */
const DOCUMENTATION = '/docs';

/** Adds the hooks. Contract: before any route is declared. */
export function registerAdmission(
  app: FastifyInstance,
  context: AppContext,
  traffic: Traffic,
  known: KnownPaths,
): void {
  app.decorateRequest('startedAtMs', 0);
  app.decorateRequest('deadline');
  app.decorateRequest('traceparent');
  app.decorateRequest('sentContentType');
  app.decorateRequest('routeInfo');
  app.decorateRequest('settled', false);
  app.addHook('onRoute', (route) => {
    known.add(route.method, route.url);
    const info = routeInfoOf(route, context);
    if (info.urgent) route.config = { ...route.config, pressureHandler: () => undefined };
    const own = route.onRequest === undefined ? [] : [route.onRequest].flat();
    route.onRequest = [admit(context, traffic, info), ...own];
  });
  app.addHook('onRequest', (request, reply, done) => {
    traffic.inFlight += 1;
    request.startedAtMs = context.clock.monotonicMs();
    request.traceparent = saneTraceparent(request.raw.headers[TRACEPARENT_HEADER]);
    void reply.header('x-request-id', request.id);
    reply.raw.once('close', () => settle(request, traffic));
    done();
  });
  app.addHook('preClose', (done) => {
    traffic.closing = true;
    done();
  });
  // A connection that was busy when the end began would stay open for another request, and the end wait for it.
  app.addHook('onResponse', (request, _reply, done) => {
    if (traffic.closing) request.raw.socket.end();
    done();
  });
}

/** The request is over, whichever way: answered, or its client is gone. Counts once. */
export function settle(request: FastifyRequest, traffic: Traffic): void {
  if (request.settled) return;
  request.settled = true;
  traffic.inFlight -= 1;
}

function routeInfoOf(route: RouteOptions, context: AppContext): RouteInfo {
  const config = route.config ?? {};
  const access = config.access ?? (route.url.startsWith(DOCUMENTATION) ? 'open' : undefined);
  if (access === undefined) {
    throw new ToruaError(
      'invariant_broken',
      `route ${String(route.method)} ${route.url} does not declare config.access`,
    );
  }
  const operation = config.operation ?? 'other';
  return {
    access,
    operation,
    body: config.body ?? 'json',
    bodyBytesMax: config.bodyBytesMax ?? context.bounds.bodyBytesMax,
    timeoutMs: config.timeoutMs ?? context.requestTimeoutMs,
    compress: config.compress ?? true,
    urgent: config.urgent ?? false,
    meter: createRequestMeter(context.metrics, operation),
  };
}

function admit(context: AppContext, traffic: Traffic, info: RouteInfo) {
  const takesAnything = info.body !== 'json';
  return (request: FastifyRequest, _reply: FastifyReply, done: (error?: Error) => void): void => {
    const { headers } = request.raw;
    request.routeInfo = info;
    keepContentType(request, takesAnything);
    try {
      request.deadline = deadlineIn(
        context.clock,
        requestBudgetMs(headers['x-torua-deadline-ms'], info.timeoutMs),
      );
    } catch (error) {
      done(error as Error);
      return;
    }
    done(
      refusalOf(info.access, () => callerOf(request), context.clusterToken) ??
        noRoom(context, traffic, info),
    );
  };
}

function noRoom(context: AppContext, traffic: Traffic, info: RouteInfo): ToruaError | undefined {
  if (info.urgent) return undefined;
  if (traffic.closing)
    return new ToruaError('shutting_down', 'This process is stopping.', { retryAfterMs: 1_000 });
  if (traffic.inFlight <= context.bounds.requestsMax) return undefined;
  return new ToruaError(
    'overloaded',
    `${context.bounds.requestsMax} requests are being answered already.`,
    { retryAfterMs: 1_000 },
  );
}

function callerOf(request: FastifyRequest) {
  const { headers } = request.raw;
  return {
    token: headers[CLUSTER_TOKEN_HEADER],
    protocol: headers[PROTOCOL_HEADER],
    remoteAddress: request.raw.socket.remoteAddress,
    path: instanceOf(request.raw.url),
  };
}
