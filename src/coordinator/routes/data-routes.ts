/** Keys and values: PUT, GET, HEAD, DELETE of one key. Source: REST contract, section 2. */
import type { Readable } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { keyOfTarget } from '../../http/key-path.ts';
import { bodyBytesOrStream } from '../../http/route-info.ts';
import { userRoute } from '../../http/user-route.ts';
import { parseDuration } from '../../kernel/config.ts';
import { type ErrorCode, isErrorCode, ToruaError } from '../../kernel/errors.ts';
import type { KeyAnswer, KeyVerb } from '../../protocol/key-operation.ts';
import { getQuerySchema, putQuerySchema } from '../../protocol/rest.ts';
import type { CoordinatorApp } from '../coordinator-app.ts';
import type { RoutedAnswer, UserOperation } from '../key-router.ts';

const TAG = 'data';
const DEFAULT_TYPE = 'application/octet-stream';
/** Longest time to live: a hundred years; longer ones are a slip of the pen. */
const TTL_MS_MAX = 100 * 365 * 86_400_000;
const IDEMPOTENCY_KEY_LENGTH_MAX = 256;

/** Declares the routes under /data and its alias /store. */
export function dataRoutes(context: CoordinatorApp): void {
  const { app, valueBytesMax } = context;
  const base = { url: '/data/*', aliases: ['/store/*'], tag: TAG, compress: true } as const;
  const body = { bodyKind: 'either', bodyBytesMax: valueBytesMax } as const;
  userRoute(
    app,
    {
      ...base,
      ...body,
      method: 'PUT',
      access: 'write',
      operation: 'put',
      summary: 'Stores any bytes under a key.',
      query: putQuerySchema,
      answers: { 204: 'Stored and durable; the etag header names the value.' },
    },
    (request, reply) =>
      put(context, {
        request: request as unknown as FastifyRequest,
        reply,
        ttl: request.query.ttl,
      }),
  );
  userRoute(
    app,
    {
      ...base,
      method: 'GET',
      head: false,
      access: 'read',
      operation: 'get',
      summary: 'The exact bytes of a key.',
      query: getQuerySchema,
      answers: { 200: 'The value, with its content-type and etag.' },
    },
    (request, reply) =>
      get(context, {
        request: request as unknown as FastifyRequest,
        reply,
        verb: 'get',
        anyCopy: request.query.consistency === 'any',
      }),
  );
  userRoute(
    app,
    {
      ...base,
      method: 'HEAD',
      access: 'read',
      operation: 'head',
      summary: 'As GET, without the value.',
      query: getQuerySchema,
    },
    (request, reply) =>
      get(context, {
        request: request as unknown as FastifyRequest,
        reply,
        verb: 'head',
        anyCopy: request.query.consistency === 'any',
      }),
  );
  userRoute(
    app,
    {
      ...base,
      method: 'DELETE',
      access: 'write',
      operation: 'delete',
      summary: 'Deletes a key, also one that does not exist.',
      answers: { 204: 'Gone.' },
    },
    (request, reply) => remove(context, request as unknown as FastifyRequest, reply),
  );
  const noKey = (): never => {
    throw new ToruaError(
      'invalid_key',
      'There is no key; PUT /data/{key} stores a value under one.',
    );
  };
  userRoute(
    app,
    {
      method: 'PUT',
      url: '/data',
      aliases: ['/store'],
      tag: TAG,
      access: 'write',
      operation: 'put_without_key',
      summary: 'Refused: a key is missing.',
      bodyKind: 'either',
      bodyBytesMax: valueBytesMax,
    },
    noKey,
  );
}

interface PutRequest {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly ttl: string | undefined;
}

async function put(context: CoordinatorApp, { request, reply, ttl }: PutRequest): Promise<unknown> {
  const value = bodyBytesOrStream(request);
  const operation: UserOperation = {
    ...userOperation(context, request, 'put'),
    contentType: contentTypeOf(request),
    ttlMs: ttl === undefined ? undefined : ttlOf(ttl),
  };
  const routed = Buffer.isBuffer(value)
    ? await context.runtime.keys.execute({ ...operation, value }, request.deadline)
    : await putStream(context, operation, request, value);
  return sendAnswer(reply, routed);
}

/** A large value: its bytes can be read only once, so nothing is repeated after the first of them was sent. */
async function putStream(
  context: CoordinatorApp,
  operation: UserOperation,
  request: FastifyRequest,
  body: Readable,
): Promise<RoutedAnswer> {
  const { runtime, streams } = context;
  const length =
    request.headers['content-encoding'] === undefined
      ? Number(request.headers['content-length'])
      : Number.NaN;
  let sent = false;
  try {
    return await runtime.keys.stream(
      operation,
      request.deadline,
      (address, batch) => {
        sent = true;
        const idleMs = Math.max(1, request.deadline.remainingMs());
        const lengthBytes = Number.isFinite(length) ? length : undefined;
        return streams.put({ address, batch, idleMs }, body, lengthBytes);
      },
      () => !sent,
    );
  } finally {
    if (!body.readableEnded) body.resume();
  }
}

interface GetRequest {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly verb: KeyVerb;
  readonly anyCopy: boolean;
}

async function get(
  context: CoordinatorApp,
  { request, reply, verb, anyCopy }: GetRequest,
): Promise<unknown> {
  const { runtime, streams } = context;
  const operation: UserOperation = {
    ...userOperation(context, request, verb),
    opId: '',
    callerOpId: false,
    anyCopy,
  };
  const routed = await runtime.keys.execute(operation, request.deadline);
  const { answer } = routed;
  if (verb === 'head' || answer.status !== 200 || answer.value !== undefined)
    return sendAnswer(reply, routed);
  const gone = new AbortController();
  request.raw.once('close', () => gone.abort());
  let stream: Readable | undefined;
  const streamed = await runtime.keys.stream(
    operation,
    request.deadline,
    async (address, batch) => {
      const got = await streams.get({
        address,
        batch,
        idleMs: Math.max(1, request.deadline.remainingMs()),
        signal: gone.signal,
      });
      stream = got.body;
      return got.answer;
    },
  );
  return sendAnswer(reply, streamed, stream);
}

async function remove(
  context: CoordinatorApp,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  const operation = userOperation(context, request, 'delete');
  return sendAnswer(reply, await context.runtime.keys.execute(operation, request.deadline));
}

function userOperation(
  context: CoordinatorApp,
  request: FastifyRequest,
  verb: KeyVerb,
): UserOperation {
  const { headers } = request.raw;
  const callers = callersKey(headers['idempotency-key']);
  return {
    verb,
    key: keyOfTarget(request.raw.url ?? '', 1),
    ifMatch: headers['if-match'],
    ifNoneMatch: headers['if-none-match'],
    opId: callers ?? context.runtime.newOpId(),
    callerOpId: callers !== undefined,
    requestId: request.id,
    traceparent: request.traceparent,
  };
}

/** The caller's `idempotency-key`. Errors: `invalid_request` for an empty or very long one. */
export function callersKey(header: string | string[] | undefined): string | undefined {
  if (header === undefined) return undefined;
  if (
    typeof header === 'string' &&
    header.length > 0 &&
    header.length <= IDEMPOTENCY_KEY_LENGTH_MAX
  )
    return header;
  throw new ToruaError(
    'invalid_request',
    `idempotency-key must have 1 to ${IDEMPOTENCY_KEY_LENGTH_MAX} characters.`,
  );
}

function contentTypeOf(request: FastifyRequest): string {
  return request.sentContentType ?? DEFAULT_TYPE;
}

function ttlOf(text: string): number {
  const value = parseDuration(text);
  if (value !== undefined && value > 0 && value <= TTL_MS_MAX) return value;
  throw new ToruaError(
    'invalid_request',
    `ttl is ${JSON.stringify(text)}: it must be a duration such as "30s" or "5m".`,
  );
}

function sendAnswer(reply: FastifyReply, routed: RoutedAnswer, stream?: Readable): unknown {
  const { answer } = routed;
  void reply.header('x-shard-id', String(routed.shardId));
  void reply.header('x-node-id', routed.nodeId);
  const refusal = refusalOf(answer);
  if (refusal) throw refusal;
  if (answer.etag !== undefined) void reply.header('etag', `"${answer.etag}"`);
  void reply.code(answer.status);
  if (answer.status !== 200) return reply.send();
  void reply.header('content-type', answer.contentType ?? DEFAULT_TYPE);
  if (stream === undefined && answer.value !== undefined) return reply.send(answer.value);
  if (answer.bytes !== undefined) void reply.header('content-length', String(answer.bytes));
  return reply.send(stream);
}

function refusalOf(answer: KeyAnswer): ToruaError | undefined {
  if (answer.code === undefined) return undefined;
  const code: ErrorCode = isErrorCode(answer.code) ? answer.code : 'bad_node_answer';
  return new ToruaError(
    code,
    answer.detail ?? '',
    answer.etag === undefined ? {} : { fields: { etag: answer.etag } },
  );
}
