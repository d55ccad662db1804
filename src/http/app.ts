/**
 * The base application every process starts from: ids, deadlines, access, bodies, errors, probes, metrics, API
 * document. It needs no process: tests build it and inject. The list in `createApp` is the table of contents.
 */
import { type FastifyInstance, fastify, LogController } from 'fastify';
import { ToruaError } from '../kernel/errors.ts';
import { registerAdmission, type Traffic } from './admission.ts';
import { type AppContext, type AppOptions, HTTP_LIMITS } from './app-options.ts';
import { registerBodies } from './bodies.ts';
import { registerCompression } from './compression.ts';
import { registerConnections } from './connections.ts';
import { createIdleWatch } from './idle-watch.ts';
import { createKnownPaths, type KnownPaths, noRoute } from './known-paths.ts';
import { answerMalformed, rawAnswer } from './malformed.ts';
import { registerOpenApi } from './openapi.ts';
import { registerOverload } from './overload.ts';
import { instanceOf, sendProblem, translated } from './problems.ts';
import { createRequestIds } from './request-id.ts';
import { registerRequestLog, requestFields } from './request-log.ts';
import { registerStandardRoutes } from './standard-routes.ts';

/** Longest segment of a path; a key may be longer, it stands behind a wildcard. */
const SEGMENT_LENGTH_MAX = 4_096;

/**
 * An application with everything but the process's own routes; add them, then `listen`.
 * Errors: a route without `config.access` makes its declaration throw `invariant_broken`.
 */
export async function createApp(options: AppOptions): Promise<FastifyInstance> {
  const context: AppContext = {
    ...options,
    bounds: { ...HTTP_LIMITS, ...options.limits },
    startedAtMs: options.clock.monotonicMs(),
  };
  const known = createKnownPaths();
  const traffic: Traffic = { inFlight: 0, closing: false };
  const requestId = createRequestIds(options.random);
  const app = createServer(context, known, requestId);
  const watch = createIdleWatch(context.clock, context.bounds.idleMs);
  app.decorate('torua', context);
  registerAdmission(app, context, traffic, known);
  registerErrors(app, context, known);
  await registerOverload(app, context);
  registerBodies(app, context, watch);
  registerCompression(app, context);
  registerConnections(app, context, watch);
  registerRequestLog(app, context, traffic);
  await registerOpenApi(app, context);
  registerStandardRoutes(app, context, traffic);
  return app;
}

function createServer(
  context: AppContext,
  known: KnownPaths,
  requestId: (callers: unknown) => string,
): FastifyInstance {
  const { bounds } = context;
  const app = fastify({
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: (request) => requestId(request.headers['x-request-id']),
    keepAliveTimeout: bounds.keepAliveMs,
    // Uploads may last for hours while they move: the idle watch bounds them, not a total.
    requestTimeout: 0,
    http: {
      maxHeaderSize: bounds.headerBytesMax,
      headersTimeout: bounds.headersMs,
      connectionsCheckingInterval: Math.min(5_000, bounds.headersMs),
    },
    return503OnClosing: false,
    forceCloseConnections: 'idle',
    routerOptions: { maxParamLength: SEGMENT_LENGTH_MAX },
    frameworkErrors: (error, request, reply) => {
      void reply.header('x-request-id', request.id);
      void sendProblem(reply, translated(error, request));
    },
    clientErrorHandler: (error, socket) =>
      answerMalformed(error, socket, { known, requestId: requestId(undefined) }),
  });
  app.server.maxConnections = bounds.connectionsMax;
  app.server.on('connect', (request, socket) => {
    const instance = instanceOf(request.url);
    socket.end(rawAnswer(noRoute(known, 'CONNECT', instance), instance, requestId(undefined)));
  });
  return app as unknown as FastifyInstance;
}

function registerErrors(app: FastifyInstance, context: AppContext, known: KnownPaths): void {
  const { logger, metrics } = context;
  app.setErrorHandler((thrown, request, reply) => {
    const error = isUnknownRoute(thrown)
      ? noRoute(known, request.method, instanceOf(request.raw.url))
      : translated(thrown, request);
    metrics.counter('torua_errors_total', { type: error.code }).add();
    if (error.code === 'internal_error' || error.code === 'invariant_broken') {
      logger.error(
        { ...requestFields(request), code: error.code, err: error.cause ?? error },
        'unexpected error',
      );
    }
    void reply.header('x-request-id', request.id);
    return sendProblem(reply, error);
  });
  app.setNotFoundHandler((request) => {
    throw noRoute(known, request.method, instanceOf(request.raw.url));
  });
}

/** Methods that Fastify's router does not know at all end in its own error, not in the handler for unknown routes. */
function isUnknownRoute(thrown: unknown): boolean {
  return (
    thrown instanceof Error &&
    !(thrown instanceof ToruaError) &&
    'code' in thrown &&
    thrown.code === 'FST_ERR_NOT_FOUND'
  );
}
