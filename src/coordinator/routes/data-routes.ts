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
    return placed(context, request, reply, (key) => {
      const body = bodyBytesOrStream(request);
      const isSmall = Buffer.isBuffer(body);
      const operation = userOperation(context, request, 'put', key, {
        value: isSmall ? body : undefined,
        contentType: storedType(request.sentContentType),
        ttlMs: given.query.ttl,
      });
      const routed = isSmall
        ? runtime.keys.execute(operation, request.deadline)
        : putLarge(context, { operation, request, body });
      return routed.then((found) => answer(reply, found));
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
    return placed(context, request, reply, (key) => {
      const anyCopy = given.query.consistency === 'any';
      const operation = userOperation(context, request, verb, key, { anyCopy });
      return runtime.keys.execute(operation, request.deadline).then((routed) => {
        const { status, value } = routed.answer;
        const isLarge = isGet && status === 200 && value === undefined;
        if (!isLarge) return answer(reply, routed);
        const streamed = getLarge(context, { operation, request, reply });
        return streamed.then((found) => answer(reply, found, found.body));
      });
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
    return placed(context, request, reply, (key) => {
      const operation = userOperation(context, request, 'delete', key, {});
      const routed = context.runtime.keys.execute(operation, request.deadline);
      return routed.then((found) => answer(reply, found));
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
function placed(
  context: CoordinatorApp,
  request: FastifyRequest,
  reply: FastifyReply,
  work: (key: string) => Promise<unknown>,
): Promise<unknown> {
  const key = keyOfTarget(request.raw.url ?? '', 1);
  const { shardId } = placeOfKey(context.runtime.keeper.routing, key);
  namePlace(reply, { shardId });
  return work(key).catch((reason: unknown) => {
    namePlace(reply, { nodeId: asToruaError(reason).fields.node_id });
    throw reason;
  });
}

/** Reads are repeatable as they are. */
const READ_IDENTITY = { opId: '', callerOpId: false };

function userOperation(
  context: CoordinatorApp,
  request: FastifyRequest,
  verb: KeyVerb,
  key: string,
  details: Pick<UserOperation, 'value' | 'contentType' | 'ttlMs' | 'anyCopy'>,
): UserOperation {
  const { headers } = request.raw;
  const isWrite = verb === 'put' || verb === 'delete';
  const identity = isWrite ? identityOf(headers, context.runtime.newOpId) : READ_IDENTITY;
  return {
    verb,
    key,
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
  namePlace(reply, { nodeId: routed.nodeId });
  return sendKeyAnswer(reply, routed.answer, body);
}

type RoutedBody = Parameters<typeof sendKeyAnswer>[2];
