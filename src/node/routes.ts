/** What a node answers to people and to the original's clients: /info, /shard/{id}/..., /control. Source: contract, section 5. */
import type { FastifyInstance, FastifyReply } from 'fastify';
import { z } from 'zod';
import { keyOfTarget } from '../http/key-path.ts';
import { bodyBytes } from '../http/route-info.ts';
import { userRoute } from '../http/user-route.ts';
import { type ErrorCode, isErrorCode, ToruaError } from '../kernel/errors.ts';
import { term as asTerm } from '../kernel/ids.ts';
import { LOG_LEVELS } from '../kernel/logger.ts';
import type { KeyAnswer, KeyOperation, KeyVerb } from '../protocol/key-operation.ts';
import {
  CONTROL_OPERATIONS,
  controlRequestSchema,
  nodeSelfInfoSchema,
  shardKeysSchema,
  shardStatsSchema,
} from '../protocol/rest-nodes.ts';
import type { ShardCopy } from '../shard/shard-copy.ts';
import type { Assignment } from './copy-set.ts';
import { servingCopy } from './key-service.ts';
import type { NodeRuntime } from './node-runtime.ts';

const TAG = 'node';
const shardParams = z.strictObject({ id: z.string().regex(/^\d{1,9}$/, 'must be a shard number') });
/** Keys that GET /shard/{id}/store shows at most; listings with pages are the coordinator's. */
const KEYS_SHOWN_MAX = 10_000;

/** What the routes need besides the node. */
export interface NodeRouteParts {
  readonly valueBytesMax: number;
  readonly memory: () => Record<string, number>;
  /** POST /control {"op":"shutdown"}. */
  readonly shutdown: () => void;
}

/** Declares them. */
export function nodeRoutes(app: FastifyInstance, node: NodeRuntime, parts: NodeRouteParts): void {
  infoRoute(app, node, parts);
  shardRoutes(app, node);
  keyRoutes(app, node, parts);
  controlRoute(app, node, parts);
}

function infoRoute(app: FastifyInstance, node: NodeRuntime, parts: NodeRouteParts): void {
  const answers = { 200: nodeSelfInfoSchema };
  const route = {
    method: 'GET',
    url: '/info',
    access: 'read',
    tag: TAG,
    operation: 'node_info',
    summary: 'This node and every copy it holds.',
    answers,
  } as const;
  userRoute(app, route, async () => {
    const shards = await Promise.all(
      node.copies.assignments.map(async (assignment) => {
        const slot = node.copies.slot(assignment.copyId);
        const totals = (await slot?.copy?.totals()) ?? { keys: 0, bytes: 0 };
        return {
          ID: assignment.shardId,
          Primary: assignment.isPrimary,
          State: slot?.state === 'open' ? 'active' : (slot?.state ?? 'missing'),
          KeyCount: totals.keys,
          ByteSize: totals.bytes,
        };
      }),
    );
    const { url, connected, failovers } = node.link.status;
    return {
      node_id: node.settings.nodeId,
      shard_count: shards.length,
      shards,
      version: node.settings.version,
      config_version: node.stored.current?.configVersion ?? 0,
      coordinator: { url, connected, failovers },
      memory: parts.memory(),
    };
  });
}

function shardRoutes(app: FastifyInstance, node: NodeRuntime): void {
  const read = { method: 'GET', access: 'read', tag: TAG, params: shardParams } as const;
  userRoute(
    app,
    {
      ...read,
      url: '/shard/:id/store',
      operation: 'shard_keys',
      summary: 'Keys of one shard, the first 10,000.',
      answers: { 200: shardKeysSchema },
    },
    async (request) => {
      node.lease.check();
      const { copy } = copyOf(node, request.params.id);
      const page = await copy.list({ limit: KEYS_SHOWN_MAX });
      const totals = await copy.totals();
      return { keys: page.rows.map((row) => row.key), count: totals.keys };
    },
  );
  userRoute(
    app,
    {
      ...read,
      url: '/shard/:id/stats',
      operation: 'shard_stats',
      summary: 'Operations and sums of one shard.',
      answers: { 200: shardStatsSchema },
    },
    async (request) => {
      const { copy, assignment } = copyOf(node, request.params.id);
      const { gets, puts, deletes } = copy.counts;
      return {
        shard_id: assignment.shardId,
        operations: { Gets: gets, Puts: puts, Deletes: deletes },
        storage: await copy.totals(),
      };
    },
  );
}

function keyRoutes(app: FastifyInstance, node: NodeRuntime, parts: NodeRouteParts): void {
  const verbs = {
    GET: 'get',
    HEAD: 'head',
    PUT: 'put',
    DELETE: 'delete',
  } as const satisfies Record<string, KeyVerb>;
  for (const [method, verb] of Object.entries(verbs)) {
    const access = verb === 'put' || verb === 'delete' ? 'write' : 'read';
    const route = {
      method: method as 'GET',
      url: '/shard/:id/store/*',
      access,
      tag: TAG,
      operation: `direct_${verb}`,
      summary: 'One key of one shard, past the coordinator.',
      bodyKind: 'bytes',
      bodyBytesMax: parts.valueBytesMax,
      compress: false,
      head: false,
    } as const;
    userRoute(app, route, async (request, reply) => {
      const id = (request.params as { id: string }).id;
      const { assignment, copy } = copyOf(node, id);
      const key = keyOfTarget(request.raw.url ?? '', 3);
      const { headers } = request.raw;
      const callers = headers['idempotency-key'];
      const operation: KeyOperation = {
        verb,
        shardUid: assignment.shardUid,
        copyId: assignment.copyId,
        term: copy.term,
        key,
        ...(verb === 'put'
          ? { value: bodyBytes(request), contentType: request.sentContentType }
          : {}),
        ifMatch: headers['if-match'],
        ifNoneMatch: headers['if-none-match'],
        opId:
          access === 'read' ? '' : typeof callers === 'string' ? callers : node.world.random.hex(8),
        callerOpId: typeof callers === 'string',
        deadlineMs: request.deadline.remainingMs(),
        requestId: request.id,
        traceparent: request.traceparent,
      };
      const answer = await node.keys.execute(operation, request.deadline);
      return sendAnswer(reply, answer);
    });
  }
}

function sendAnswer(reply: FastifyReply, answer: KeyAnswer): unknown {
  const code: ErrorCode | undefined = isErrorCode(answer.code) ? answer.code : undefined;
  if (code) throw new ToruaError(code, answer.detail ?? '');
  if (answer.etag !== undefined) void reply.header('etag', `"${answer.etag}"`);
  if (answer.contentType !== undefined) void reply.header('content-type', answer.contentType);
  if (answer.status === 200 && answer.value === undefined && answer.bytes !== undefined) {
    void reply.header('content-length', String(answer.bytes));
  }
  return reply.code(answer.status).send(answer.value);
}

function controlRoute(app: FastifyInstance, node: NodeRuntime, parts: NodeRouteParts): void {
  const route = {
    method: 'POST',
    url: '/control',
    access: 'admin',
    tag: TAG,
    operation: 'control',
    summary: `Tells this node something: ${CONTROL_OPERATIONS.join(', ')}.`,
    body: controlRequestSchema,
    answers: { 204: 'Done.' },
  } as const;
  userRoute(app, route, async (request, reply) => {
    const { op, params } = request.body;
    if (op === 'compact') await Promise.all(node.copies.open.map((copy) => copy.compact()));
    if (op === 'log_level') node.world.logger.setLevel(levelOf(params));
    if (op === 'shutdown') parts.shutdown();
    return reply.code(204).send();
  });
}

function levelOf(params: Record<string, unknown> | undefined) {
  const parsed = z.enum(LOG_LEVELS).safeParse(params?.['level']);
  if (parsed.success) return parsed.data;
  throw new ToruaError('invalid_request', `params.level must be one of ${LOG_LEVELS.join(', ')}.`);
}

/** The open copy of the shard with this number. Errors: `shard_not_found`, `shard_opening`, `shard_in_doubt`. */
function copyOf(node: NodeRuntime, id: string): { copy: ShardCopy; assignment: Assignment } {
  const assignment = node.copies.assignmentByNumber(Number(id));
  if (!assignment) throw new ToruaError('shard_not_found', `This node does not hold shard ${id}.`);
  const { shardUid } = assignment;
  const copy = servingCopy(
    node.copies,
    { shardUid, term: asTerm(0), anyCopy: true },
    node.numShards,
  );
  return { copy, assignment };
}
