/** Overload: while the event loop lags, users' requests are refused at the door and urgent ones still served. */
import underPressure from '@fastify/under-pressure';
import type { FastifyInstance } from 'fastify';
import { ToruaError } from '../kernel/errors.ts';
import type { AppContext } from './app-options.ts';

/** Registers the protection, unless its bound is 0. Routes with `config.urgent` are exempt. */
export async function registerOverload(app: FastifyInstance, context: AppContext): Promise<void> {
  const maxEventLoopDelay = context.bounds.eventLoopDelayMsMax;
  if (maxEventLoopDelay === 0) return;
  await app.register(underPressure, {
    maxEventLoopDelay,
    pressureHandler: (_request, _reply, _type, value) =>
      Promise.reject(
        new ToruaError(
          'overloaded',
          `The event loop is ${Math.round(value ?? 0)} ms late; the bound is ${maxEventLoopDelay} ms.`,
          { retryAfterMs: 1_000 },
        ),
      ),
  });
  const delay = context.metrics.gauge('torua_event_loop_delay_seconds', {});
  context.metrics.beforeScrape(() => delay.set(app.memoryUsage().eventLoopDelay / 1_000));
}
