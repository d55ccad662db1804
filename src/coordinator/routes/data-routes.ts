/** Keys and values: PUT, GET, HEAD, DELETE of one key. Source: REST contract, section 2. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { placeOfKey } from '../../cluster/routing.ts';
import { namePlace, sendKeyAnswer, storedType } from '../../http/key-answer.ts';
import { keyOfTarget } from '../../http/key-path.ts';
import { bodyBytesOrStream } from '../../http/route-info.ts';
import { userRoute } from '../../http/user-route.ts';
import { asToruaError, ToruaError } from '../../kernel/errors.ts';
import type { KeyVerb } from '../../protocol/key-operation.ts';
import { getQuerySchema, putQuerySchema } from '../../protocol/rest.ts';
import type { CoordinatorApp } from '../coordinator-app.ts';
import type { RoutedAnswer, UserOperation } from '../key-router.ts';
import { identityOf } from '../operation-identity.ts';
import { getLarge, putLarge } from './large-values.ts';

/** What every route of one key declares. */
const base = { url: '/data/*', aliases: ['/store/*'], tag: 'data' } as const;

/** Declares the routes under /data and its alias /store. */
export function dataRoutes(context: CoordinatorApp): void {
  putRoute(context);
  readRoute(context, 'get');
  readRoute(context, 'head');
  deleteRoute(context);
  noKeyRoute(context);
}

function putRoute(context: CoordinatorApp): void {
  const { app, runtime, valueBytesMax } = context;
  const route = {
    ...base,
    method: 'PUT',
    access: 'write',
    operation: 'put',
    summary: 'Stores any bytes under a key.',
    query: putQuerySchema,
    bodyKind: 'either',
    bodyBytesMax: valueBytesMax,
    answers: { 204: 'Stored and durable; the etag header names the value.' },
  } as const;
  userRoute(app, route, (given, reply) => {
    const request = given as unknown as FastifyRequest;
    return placed(context, request, reply, async () => {
      const body = bodyBytesOrStream(request);
      const isSmall = Buffer.isBuffer(body);
      const operation = userOperation(context, request, 'put', {
        value: isSmall ? body : undefined,
        contentType: storedType(request.sentContentType),
        ttlMs: given.query.ttl,
      });
      const routed = isSmall
        ? await runtime.keys.execute(operation, request.deadline)
        : await putLarge(context, { operation, request, body });
      return answer(reply, routed);
    });
  });
}

function readRoute(context: CoordinatorApp, verb: 'get' | 'head'): void {
  const { app, runtime } = context;
  const isGet = verb === 'get';
  const route = {
    ...base,
    method: isGet ? 'GET' : 'HEAD',
    head: false,
    access: 'read',
    operation: verb,
    summary: isGet ? 'The exact bytes of a key.' : 'As GET, without the value.',
    query: getQuerySchema,
    answers: { 200: 'The value, with its content-type and etag.' },
  } as const;
  userRoute(app, route, (given, reply) => {
    const request = given as unknown as FastifyRequest;
    return placed(context, request, reply, async () => {
      const anyCopy = given.query.consistency === 'any';
      const operation = userOperation(context, request, verb, { anyCopy });
      const routed = await runtime.keys.execute(operation, request.deadline);
      const { status, value } = routed.answer;
      const isLarge = isGet && status === 200 && value === undefined;
      if (!isLarge) return answer(reply, routed);
      const { body, ...streamed } = await getLarge(context, { operation, request, reply });
      return answer(reply, streamed, body);
    });
  });
}

function deleteRoute(context: CoordinatorApp): void {
  const route = {
    ...base,
    method: 'DELETE',
    access: 'write',
    operation: 'delete',
    summary: 'Deletes a key, also one that does not exist.',
    answers: { 204: 'Gone.' },
  } as const;
  userRoute(context.app, route, (given, reply) => {
    const request = given as unknown as FastifyRequest;
    return placed(context, request, reply, async () => {
      const operation = userOperation(context, request, 'delete', {});
      return answer(reply, await context.runtime.keys.execute(operation, request.deadline));
    });
  });
}

function noKeyRoute({ app, valueBytesMax }: CoordinatorApp): void {
  const route = {
    method: 'PUT',
    url: '/data',
    aliases: ['/store'],
    tag: 'data',
    access: 'write',
    operation: 'put_without_key',
    summary: 'Refused: a key is missing.',
    bodyKind: 'either',
    bodyBytesMax: valueBytesMax,
  } as const;
  userRoute(app, route, () => {
    throw new ToruaError(
      'invalid_key',
      'There is no key; PUT /data/{key} stores a value under one.',
    );
  });
}

/** Runs the work with shard and node in the answer's headers, as far as they are known, also when it fails. */
async function placed(
  context: CoordinatorApp,
  request: FastifyRequest,
  reply: FastifyReply,
  work: () => Promise<unknown>,
): Promise<unknown> {
  const { shardId } = placeOfKey(context.runtime.keeper.routing, keyOf(request));
  namePlace(reply, { shardId });
  try {
    return await work();
  } catch (reason) {
    namePlace(reply, { nodeId: asToruaError(reason).fields.node_id });
    throw reason;
  }
}

/** Reads are repeatable as they are. */
const READ_IDENTITY = { opId: '', callerOpId: false };

const keyOf = (request: FastifyRequest): string => keyOfTarget(request.raw.url ?? '', 1);

function userOperation(
  context: CoordinatorApp,
  request: FastifyRequest,
  verb: KeyVerb,
  details: Pick<UserOperation, 'value' | 'contentType' | 'ttlMs' | 'anyCopy'>,
): UserOperation {
  const { headers } = request.raw;
  const isWrite = verb === 'put' || verb === 'delete';
  const identity = isWrite ? identityOf(headers, context.runtime.newOpId) : READ_IDENTITY;
  return {
    verb,
    key: keyOf(request),
    value: details.value,
    contentType: details.contentType,
    ttlMs: details.ttlMs,
    anyCopy: details.anyCopy,
    ifMatch: headers['if-match'],
    ifNoneMatch: headers['if-none-match'],
    opId: identity.opId,
    callerOpId: identity.callerOpId,
    requestId: request.id,
    traceparent: request.traceparent,
  };
}

function answer(reply: FastifyReply, routed: RoutedAnswer, body?: RoutedBody): unknown {
  namePlace(reply, routed);
  return sendKeyAnswer(reply, routed.answer, body);
}

type RoutedBody = Parameters<typeof sendKeyAnswer>[2];
