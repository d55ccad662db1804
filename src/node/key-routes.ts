/** PUT, GET, HEAD and DELETE /shard/{id}/store/{key}: a key past the coordinator. Source: REST contract, section 5. */
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { callersKey, namePlace, sendKeyAnswer, storedType } from '../http/key-answer.ts';
import { keyOfTarget } from '../http/key-path.ts';
import { bodyBytesOrStream } from '../http/route-info.ts';
import { userRoute } from '../http/user-route.ts';
import type { KeyOperation, KeyVerb } from '../protocol/key-operation.ts';
import { getQuerySchema, putQuerySchema } from '../protocol/rest.ts';
import { type HeldShard, primaryOf, shardOf } from './held-shard.ts';
import type { NodeRuntime } from './node-runtime.ts';
import { leased, readValue, storeValue } from './value-handler.ts';

/** Segments of the path in front of the key. */
const SEGMENTS = 3;

/** What every one of these routes declares. */
const base = {
  url: '/shard/:id/store/*',
  tag: 'node',
  summary: 'One key of one shard, past the coordinator.',
} as const;

/** A request about one key of one shard. */
interface KeyRequest {
  readonly node: NodeRuntime;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly shard: HeldShard;
  readonly verb: KeyVerb;
}

/** Declares the four routes. */
export function directKeyRoutes(app: FastifyInstance, node: NodeRuntime, bytesMax: number): void {
  putRoute(app, node, bytesMax);
  readRoute(app, node, 'get');
  readRoute(app, node, 'head');
  const route = { ...base, method: 'DELETE', access: 'write', operation: 'direct_delete' } as const;
  userRoute(app, route, (given, reply) => {
    const request = given as unknown as FastifyRequest;
    const shard = placed(node, request, reply);
    return write({ node, request, reply, shard: primaryOf(node, shard), verb: 'delete' }, {});
  });
}

function putRoute(app: FastifyInstance, node: NodeRuntime, bodyBytesMax: number): void {
  const body = { bodyKind: 'either', bodyBytesMax } as const;
  const put = { method: 'PUT', access: 'write', operation: 'direct_put' } as const;
  userRoute(app, { ...base, ...body, ...put, query: putQuerySchema }, async (given, reply) => {
    const request = given as unknown as FastifyRequest;
    const shard = primaryOf(node, placed(node, request, reply));
    const value = bodyBytesOrStream(request);
    const put = { contentType: storedType(request.sentContentType) };
    const details = { ...put, ttlMs: given.query.ttl };
    const to: KeyRequest = { node, request, reply, shard, verb: 'put' };
    return value instanceof Readable
      ? upload(to, details, value)
      : write(to, { ...details, value });
  });
}

function readRoute(app: FastifyInstance, node: NodeRuntime, verb: 'get' | 'head'): void {
  const method = verb === 'get' ? 'GET' : 'HEAD';
  const route = { ...base, method, access: 'read', operation: `direct_${verb}` } as const;
  userRoute(app, { ...route, head: false, query: getQuerySchema }, async (given, reply) => {
    const request = given as unknown as FastifyRequest;
    const anyCopy = (given.query as z.output<typeof getQuerySchema>).consistency === 'any';
    const held = placed(node, request, reply);
    const shard = anyCopy ? held : primaryOf(node, held);
    const operation = operationOf({ node, request, reply, shard, verb }, { anyCopy });
    const { answer, body } = await leased(node, operation, () => readValue(node, operation));
    if (body) reply.raw.once('close', () => body.destroy());
    return sendKeyAnswer(reply, answer, body);
  });
}

/** The shard of the path, named in the answer's headers from here on. Errors: those of `shardOf`. */
function placed(node: NodeRuntime, request: FastifyRequest, reply: FastifyReply): HeldShard {
  const shardId = Number((request.params as { id: string }).id);
  namePlace(reply, { nodeId: node.settings.nodeId });
  const shard = shardOf(node, shardId);
  namePlace(reply, { shardId });
  return shard;
}

async function write(to: KeyRequest, details: Partial<KeyOperation>): Promise<unknown> {
  const operation = operationOf(to, details);
  return sendKeyAnswer(to.reply, await to.node.keys.execute(operation, to.request.deadline));
}

async function upload(
  to: KeyRequest,
  details: Partial<KeyOperation>,
  body: Readable,
): Promise<unknown> {
  const { node, reply } = to;
  const operation = operationOf(to, details);
  const { answer } = await leased(node, operation, async () => ({
    answer: await storeValue(node, operation, body),
  }));
  return sendKeyAnswer(reply, answer);
}

function operationOf(to: KeyRequest, details: Partial<KeyOperation>): KeyOperation {
  const { node, request, shard, verb } = to;
  const { headers } = request.raw;
  const isWrite = verb === 'put' || verb === 'delete';
  const callers = isWrite ? callersKey(headers['idempotency-key']) : undefined;
  return {
    verb,
    shardUid: shard.assignment.shardUid,
    copyId: shard.assignment.copyId,
    term: shard.copy.term,
    key: keyOfTarget(request.raw.url ?? '', SEGMENTS),
    ifMatch: headers['if-match'],
    ifNoneMatch: headers['if-none-match'],
    opId: isWrite ? (callers ?? node.world.random.hex(8)) : '',
    callerOpId: callers !== undefined,
    deadlineMs: request.deadline.remainingMs(),
    requestId: request.id,
    traceparent: request.traceparent,
    ...details,
  };
}
