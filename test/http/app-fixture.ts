/** The base application with a few routes of each kind, for the tests of the `http` room. */
import { gzipSync } from 'node:zlib';
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { createApp } from '../../src/http/app.ts';
import type { AppOptions } from '../../src/http/app-options.ts';
import type { InternalRoute } from '../../src/http/internal-route.ts';
import { mountInternal } from '../../src/http/internal-routes.ts';
import { bodyBytes } from '../../src/http/route-info.ts';
import { userRoute } from '../../src/http/user-route.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { ToruaError } from '../../src/kernel/errors.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { createMetrics } from '../../src/kernel/metrics.ts';

/** A valid trace of a caller. */
export const TRACEPARENT = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** The body of an answer that is a problem. */
export const problemOf = (answer: { json(): unknown }): Record<string, unknown> =>
  answer.json() as Record<string, unknown>;

/** Options of a quiet application that checks its answers; `more` replaces what a test is about. */
export function optionsOf(more: Partial<AppOptions> = {}): AppOptions {
  return {
    name: 'test',
    version: '1.2.3',
    clock: systemClock,
    random: { float: () => 0, hex: () => 'abcd' },
    logger: silentLogger,
    metrics: createMetrics({ processMetrics: false }),
    requestTimeoutMs: 10_000,
    checkAnswers: true,
    probes: {
      readiness: () => undefined,
      health: () => ({
        cluster: { nodes: 1, shards: 4, replicas: 0, state: 'green' },
        reasons: [],
      }),
    },
    ...more,
    limits: { eventLoopDelayMsMax: 0, ...more.limits },
  };
}

/** An application with a few routes of each kind. */
export async function appOf(more: Partial<AppOptions> = {}): Promise<FastifyInstance> {
  const app = await createApp(optionsOf(more));
  checkedRoutes(app);
  answerRoutes(app);
  failingRoutes(app);
  mountInternal(app, internalRoutes);
  return app;
}

const common = { access: 'admin', tag: 'things', summary: 'A thing.' } as const;

function checkedRoutes(app: FastifyInstance): void {
  userRoute(
    app,
    {
      ...common,
      method: 'POST',
      url: '/things/:id',
      aliases: ['/stuff/:id'],
      operation: 'thing',
      params: z.object({ id: z.coerce.number() }),
      query: z.object({ deep: z.string().optional() }),
      body: z.object({
        name: z.string(),
        inner: z.array(z.strictObject({ size: z.number() })).optional(),
      }),
      answers: { 200: z.object({ id: z.number(), name: z.string() }) },
    },
    (request) => ({ id: request.params.id, name: request.body.name }),
  );
  userRoute(
    app,
    {
      ...common,
      method: 'PUT',
      url: '/bytes/*',
      operation: 'bytes',
      bodyKind: 'bytes',
      bodyBytesMax: 1_000,
    },
    (request, reply) =>
      reply
        .header('content-type', 'application/octet-stream')
        .header('x-type', request.sentContentType ?? 'none')
        .send(bodyBytes(request)),
  );
}

function answerRoutes(app: FastifyInstance): void {
  userRoute(app, { ...common, method: 'GET', url: '/text', operation: 'text' }, (_request, reply) =>
    reply.type('text/plain').send('x'.repeat(10_000)),
  );
  userRoute(
    app,
    { ...common, method: 'GET', url: '/packed', operation: 'packed' },
    (_request, reply) =>
      reply.type('application/octet-stream').send(
        gzipSync(Buffer.from(Array.from({ length: 30_000 }, (_, i) => (i * 7919) % 251)), {
          level: 0,
        }),
      ),
  );
  userRoute(
    app,
    { ...common, method: 'GET', url: '/image', operation: 'image' },
    (_request, reply) => reply.type('image/png').send(Buffer.alloc(10_000)),
  );
  userRoute(
    app,
    { ...common, method: 'GET', url: '/raw', operation: 'raw', compress: false },
    (_request, reply) => reply.type('text/plain').send('x'.repeat(10_000)),
  );
}

function failingRoutes(app: FastifyInstance): void {
  userRoute(
    app,
    {
      ...common,
      method: 'GET',
      url: '/fail/:how',
      operation: 'fail',
      params: z.object({ how: z.string() }),
    },
    (request) => {
      if (request.params.how === 'bug') throw new TypeError('secret internals');
      throw new ToruaError(request.params.how as 'overloaded', 'Named.', {
        fields: { shard_id: 3 },
        retryAfterMs: 1_500,
      });
    },
  );
  userRoute(
    app,
    { ...common, method: 'GET', url: '/context', operation: 'context' },
    (request) => ({
      id: request.id,
      trace: request.traceparent,
      remaining: Math.ceil(request.deadline.remainingMs() / 1_000),
    }),
  );
  userRoute(
    app,
    {
      ...common,
      method: 'GET',
      url: '/lie',
      operation: 'lie',
      answers: { 200: z.object({ a: z.number() }) },
    },
    () => ({ a: 'text' }),
  );
}

const internalRoutes: InternalRoute[] = [
  {
    method: 'POST',
    path: '/internal/v1/echo',
    handle: async (body) => ({ status: 200, body, contentType: 'text/plain' }),
  },
  {
    method: 'POST',
    path: '/register',
    handle: async (body) => ({
      status: 200,
      body: Buffer.from(JSON.stringify(JSON.parse(body.toString()))),
      contentType: 'application/json',
    }),
  },
];
