/** Routes that both processes answer: probes, version, health, metrics and the table of errors. Contract, section 1. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { ERROR_CODES } from '../kernel/error-codes.ts';
import { MIN_SUPPORTED_PROTOCOL, PROTOCOL_VERSION } from '../protocol/version.ts';
import type { Traffic } from './admission.ts';
import type { AppContext } from './app-options.ts';
import { userRoute } from './user-route.ts';

const open = { method: 'GET', access: 'open', tag: 'process', urgent: true } as const;

const healthSchema = z.object({
  status: z.enum(['healthy', 'unhealthy']),
  version: z.string(),
  uptime: z.number().describe('Seconds since the process started.'),
  cluster: z.object({
    nodes: z.number(),
    shards: z.number(),
    replicas: z.number(),
    state: z.string(),
  }),
  metrics: z.object({ qps: z.number(), latency_p99_ms: z.number(), cache_hit_rate: z.number() }),
  reasons: z.array(z.string()),
});

const errorsSchema = z.object({
  errors: z.array(
    z.object({
      code: z.string(),
      title: z.string(),
      status: z.number(),
      retryable: z.boolean(),
      remedy: z.string(),
    }),
  ),
});

/** Declares them; all are answered under overload too. */
export function registerStandardRoutes(
  app: FastifyInstance,
  context: AppContext,
  traffic: Traffic,
): void {
  registerProbes(app, context);
  registerHealth(app, context);
  registerTables(app, context);
  registerMetrics(app, context, traffic);
}

function registerProbes(app: FastifyInstance, context: AppContext): void {
  userRoute(
    app,
    {
      ...open,
      url: '/livez',
      operation: 'livez',
      summary: 'Whether the process runs.',
      answers: { 200: z.object({ status: z.literal('alive') }) },
    },
    () => ({ status: 'alive' }),
  );
  userRoute(
    app,
    {
      ...open,
      url: '/readyz',
      operation: 'readyz',
      summary: 'Whether the process does its work; a 503 says why not.',
      answers: { 200: z.object({ status: z.literal('ready') }) },
    },
    () => {
      const refusal = context.probes.readiness();
      if (refusal !== undefined) throw refusal;
      return { status: 'ready' };
    },
  );
}

function registerHealth(app: FastifyInstance, context: AppContext): void {
  userRoute(
    app,
    {
      ...open,
      url: '/health',
      operation: 'health',
      summary: 'Health with the figures of the last ten seconds.',
      answers: { 200: healthSchema, 503: healthSchema },
    },
    (_request, reply) => {
      const answer = healthOf(context);
      return reply.code(answer.status === 'healthy' ? 200 : 503).send(answer);
    },
  );
}

function registerTables(app: FastifyInstance, context: AppContext): void {
  userRoute(
    app,
    { ...open, url: '/version', operation: 'version', summary: 'What runs here.' },
    () => ({
      version: context.version,
      process: context.name,
      protocol_version: PROTOCOL_VERSION,
      min_supported_protocol: MIN_SUPPORTED_PROTOCOL,
    }),
  );
  userRoute(
    app,
    {
      ...open,
      url: '/errors',
      operation: 'errors',
      summary: 'Every error code and what to do about it.',
      answers: { 200: errorsSchema },
    },
    () => ({
      errors: Object.entries(ERROR_CODES).map(([code, { title, status, retryable, remedy }]) => ({
        code,
        title,
        status,
        retryable,
        remedy,
      })),
    }),
  );
}

function healthOf(context: AppContext): z.output<typeof healthSchema> {
  const refusal = context.probes.readiness();
  const report = context.probes.health();
  const nowMs = context.clock.monotonicMs();
  const recent = context.metrics.recent(nowMs);
  return {
    status: refusal === undefined ? 'healthy' : 'unhealthy',
    version: context.version,
    uptime: Math.floor((nowMs - context.startedAtMs) / 1_000),
    cluster: report.cluster,
    metrics: {
      qps: recent.qps,
      latency_p99_ms: recent.latencyMsP99,
      cache_hit_rate: recent.cacheHitRate,
    },
    reasons: [...(refusal === undefined ? [] : [refusal.detail]), ...report.reasons],
  };
}

function registerMetrics(app: FastifyInstance, context: AppContext, traffic: Traffic): void {
  const { metrics } = context;
  const inFlight = metrics.gauge('torua_requests_in_flight', {});
  const memory = (['resident', 'heap', 'external', 'array_buffers'] as const).map((component) =>
    metrics.gauge('torua_heap_usage_bytes', { component }),
  );
  metrics.beforeScrape(() => {
    inFlight.set(traffic.inFlight);
    const usage = process.memoryUsage();
    [usage.rss, usage.heapUsed, usage.external, usage.arrayBuffers].forEach((bytes, place) => {
      memory[place]?.set(bytes);
    });
  });
  userRoute(
    app,
    {
      ...open,
      url: '/metrics',
      operation: 'metrics',
      summary: 'Metrics in the Prometheus text form.',
    },
    async (_request, reply) => {
      const { contentType, text } = await metrics.scrape();
      return reply.header('content-type', contentType).send(text);
    },
  );
}
