/** One attempt of a call: sent once, answered, refused or unanswered. Whether it is repeated is requester.ts's business. */
import type { Dispatcher, Pool } from 'undici';
import type { Clock } from '../kernel/clock.ts';
import type { Deadline } from '../kernel/deadline.ts';
import { decode } from '../protocol/case.ts';
import { HEADERS, MEDIA_TYPES } from '../protocol/public.ts';
import { type Problem, problemSchema } from '../protocol/rest.ts';
import type { Answer, BodySource, Call } from './call.ts';
import { localError, ToruaRequestError } from './request-error.ts';
import { retryAfterMsOf } from './retry-policy.ts';

/** What became of one attempt. */
export type Outcome =
  | { readonly kind: 'answer'; readonly answer: Answer }
  | {
      readonly kind: 'failed';
      readonly error: ToruaRequestError;
      readonly status: number | undefined;
      readonly problem: Problem | undefined;
      readonly retryAfterMs: number | undefined;
    };

/** Sends a call once, within its deadline. Never throws: failures are outcomes. */
export class AttemptRunner {
  readonly #pool: Pool;
  readonly #prefix: string;
  readonly #token: string | undefined;
  readonly #clock: Clock;

  constructor(options: { pool: Pool; prefix: string; token: string | undefined; clock: Clock }) {
    this.#pool = options.pool;
    this.#prefix = options.prefix;
    this.#token = options.token;
    this.#clock = options.clock;
  }

  async run(call: Call, body: BodySource, deadline: Deadline): Promise<Outcome> {
    const stop = new AbortController();
    const abort = (): void => stop.abort();
    const timer = this.#clock.after(deadline.remainingMs(), abort);
    call.signal?.addEventListener('abort', abort, { once: true });
    if (call.signal?.aborted) stop.abort();
    try {
      const response = await this.#pool.request({
        method: call.method,
        path: `${this.#prefix}${call.path}`,
        headers: this.#headers(call, deadline),
        body: (body.next() ?? null) as Dispatcher.DispatchOptions['body'] & null,
        signal: stop.signal,
        ...(call.idleMs === undefined && call.timeoutMs === undefined
          ? {}
          : { bodyTimeout: call.idleMs ?? call.timeoutMs ?? 0 }),
      });
      const headers = flatHeaders(response.headers);
      const answer = { status: response.statusCode, headers, body: response.body };
      const accepted = answer.status < 300 || isAccepted(call, answer.status);
      return accepted ? { kind: 'answer', answer } : await refused(answer);
    } catch (cause) {
      return unanswered(cause, { call, deadline });
    } finally {
      timer.cancel();
      call.signal?.removeEventListener('abort', abort);
    }
  }

  #headers(call: Call, deadline: Deadline): Record<string, string> {
    const headers: Record<string, string> = {
      [HEADERS.deadlineMs]: String(Math.max(1, Math.floor(deadline.remainingMs()))),
    };
    if (this.#token !== undefined) headers.authorization = `Bearer ${this.#token}`;
    if (call.requestId !== undefined) headers[HEADERS.requestId] = call.requestId;
    return { ...headers, ...call.headers };
  }
}

const isAccepted = ({ accept }: Call, status: number): boolean =>
  accept === 'any' || accept?.includes(status) === true;

function unanswered(cause: unknown, context: { call: Call; deadline: Deadline }): Outcome {
  const { method, path } = context.call;
  const what = `${method} ${path}`;
  const reason = cause instanceof Error ? cause.message : String(cause);
  const error = context.deadline.expired()
    ? localError(
        'deadline_exceeded',
        `${what} had no answer in its time; give it a longer timeout.`,
        cause,
      )
    : localError('cluster_unreachable', `${what} got no answer: ${reason}.`, cause);
  const outcomeUnknown = method !== 'GET' && method !== 'HEAD';
  const told = outcomeUnknown
    ? new ToruaRequestError({ ...factsOf(error), outcomeUnknown }, cause)
    : error;
  return {
    kind: 'failed',
    error: told,
    status: undefined,
    problem: undefined,
    retryAfterMs: undefined,
  };
}

const factsOf = (error: ToruaRequestError) => ({
  code: error.code,
  status: error.status,
  retryable: error.retryable,
  detail: error.detail,
});

async function refused(answer: Answer): Promise<Outcome> {
  const text = await answer.body.text();
  const requestId = answer.headers[HEADERS.requestId];
  const problem = problemOf(text, answer.headers['content-type']);
  const error = new ToruaRequestError({
    code: problem?.code ?? codeWithoutProblem(answer),
    status: answer.status,
    retryable: problem?.retryable ?? false,
    detail: problem?.detail ?? `The answer was ${answer.status} without an explanation.`,
    requestId: problem?.requestId ?? requestId,
    problem,
  });
  const retryAfterMs = problem?.retryAfterMs ?? retryAfterMsOf(answer.headers['retry-after']);
  return { kind: 'failed', error, status: answer.status, problem, retryAfterMs };
}

/** HEAD answers have no body; whoever sends no problem elsewhere is not Torua, or a proxy before it. */
function codeWithoutProblem(answer: Answer): string {
  if (answer.headers[HEADERS.requestId] !== undefined)
    return answer.status === 404 ? 'key_not_found' : 'internal_error';
  return 'not_torua';
}

function problemOf(text: string, contentType: string | undefined): Problem | undefined {
  if (!contentType?.startsWith(MEDIA_TYPES.problem)) return undefined;
  try {
    return decode(problemSchema, JSON.parse(text));
  } catch {
    // A problem that cannot be read is answered as one without explanation; its status still counts.
    return undefined;
  }
}

function flatHeaders(
  headers: Record<string, string | string[] | undefined>,
): Record<string, string> {
  const flat: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) flat[name] = Array.isArray(value) ? value.join(', ') : value;
  }
  return flat;
}
