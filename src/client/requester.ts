/**
 * One request to the cluster: attempts within a deadline, retries, problems as errors. Everything the SDK does goes
 * through here; what a request means is the business of keys.ts, bulk.ts, events.ts and cluster-calls.ts.
 */
import { Pool } from 'undici';
import { type Clock, pause } from '../kernel/clock.ts';
import { DEADLINE_MS_MAX, deadlineIn } from '../kernel/deadline.ts';
import type { Random } from '../kernel/random.ts';
import { HEADERS } from '../protocol/public.ts';
import { AttemptRunner } from './attempt.ts';
import { type Answer, bodySource, type Call } from './call.ts';
import { localError } from './request-error.ts';
import { type RetryPolicy, retryDelayMs } from './retry-policy.ts';

/** Sends calls to one cluster. */
export interface Requester {
  send(call: Call): Promise<Answer>;
  /** The answer's JSON as the wire has it; undefined for an empty body. */
  json(call: Call): Promise<unknown>;
  close(): Promise<void>;
}

/** What a requester needs. */
export interface RequesterOptions {
  readonly url: string;
  readonly token: string | undefined;
  readonly timeoutMs: number;
  readonly retry: RetryPolicy | undefined;
  readonly connections: number;
}

/** A requester over a pool of kept connections. Errors: `config_invalid` thrown for a URL that is none. */
export function createRequester(
  options: RequesterOptions,
  clock: Clock,
  random: Random,
): Requester {
  const base = baseOf(options.url);
  const pool = new Pool(base.origin, {
    connections: options.connections,
    headersTimeout: 0,
    bodyTimeout: options.timeoutMs,
    pipelining: 1,
  });
  const attempts = new AttemptRunner({ pool, prefix: base.prefix, token: options.token, clock });
  const send = (call: Call): Promise<Answer> =>
    sendWithRetries({ ...options, attempts, clock, random }, call);
  return {
    send,
    json: async (call) => jsonOf(await send(call), options.url),
    close: () => pool.close(),
  };
}

function baseOf(text: string): { origin: string; prefix: string } {
  let url: URL;
  try {
    url = new URL(text);
  } catch (cause) {
    throw localError(
      'config_invalid',
      `${JSON.stringify(text)} is not a URL; write http://host:port.`,
      cause,
    );
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw localError(
      'config_invalid',
      `${JSON.stringify(text)} is not a URL; write http://host:port.`,
    );
  }
  return { origin: url.origin, prefix: url.pathname.replace(/\/+$/, '') };
}

interface SendContext extends RequesterOptions {
  readonly attempts: AttemptRunner;
  readonly clock: Clock;
  readonly random: Random;
}

async function sendWithRetries(context: SendContext, asked: Call): Promise<Answer> {
  const { clock } = context;
  const call = withOperationId(asked, context.random);
  const budgetMs = Math.min(call.timeoutMs ?? context.timeoutMs, DEADLINE_MS_MAX);
  const startedAt = clock.monotonicMs();
  const deadline = deadlineIn(clock, budgetMs);
  const body = bodySource(call.body);
  for (let attempt = 0; ; attempt += 1) {
    const outcome = await context.attempts.run(call, body, deadline);
    if (outcome.kind === 'answer') return outcome.answer;
    call.signal?.throwIfAborted();
    const delayMs =
      context.retry === undefined
        ? undefined
        : retryDelayMs(context.retry, {
            attempt,
            status: outcome.status,
            retryable: outcome.problem?.retryable,
            retryAfterMs: outcome.retryAfterMs,
            repeatable: body.repeatable(),
            elapsedMs: clock.monotonicMs() - startedAt,
            remainingMs: deadline.remainingMs(),
            chance: context.random.float(),
          });
    if (delayMs === undefined) throw outcome.error;
    await pause(clock, delayMs, call.signal);
    call.signal?.throwIfAborted();
  }
}

/** Every write carries an id, made once per call, so that its repetitions are one write. */
function withOperationId(call: Call, random: Random): Call {
  if (call.method === 'GET' || call.method === 'HEAD' || call.headers?.[HEADERS.idempotencyKey])
    return call;
  return { ...call, headers: { ...call.headers, [HEADERS.operationId]: random.hex(8) } };
}

async function jsonOf(answer: Answer, url: string): Promise<unknown> {
  const text = await answer.body.text();
  if (text === '') return undefined;
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw localError('not_torua', `${url} answered something that is not JSON.`, cause);
  }
}
