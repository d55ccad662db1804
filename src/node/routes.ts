/** What a node answers to people and to the original's clients. Source: REST contract, section 5. */
import type { FastifyInstance } from 'fastify';
import { z } from 'zod';
import { namePlace } from '../http/key-answer.ts';
import { userRoute } from '../http/user-route.ts';
import { ToruaError } from '../kernel/errors.ts';
import { LOG_LEVELS, type LogLevel } from '../kernel/logger.ts';
import {
  CONTROL_OPERATIONS,
  controlRequestSchema,
  nodeSelfInfoSchema,
  shardKeysSchema,
  shardStatsSchema,
} from '../protocol/rest-nodes.ts';
import type { Assignment } from './copy-set.ts';
import { primaryOf, shardOf } from './held-shard.ts';
import { directKeyRoutes } from './key-routes.ts';
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
  keysRoute(app, node);
  statsRoute(app, node);
  directKeyRoutes(app, node, parts.valueBytesMax);
  controlRoute(app, node, parts);
}

function infoRoute(app: FastifyInstance, node: NodeRuntime, parts: NodeRouteParts): void {
  const route = {
    method: 'GET',
    url: '/info',
    access: 'read',
    tag: TAG,
    operation: 'node_info',
    summary: 'This node and every copy it holds.',
    answers: { 200: nodeSelfInfoSchema },
  } as const;
  userRoute(app, route, async () => {
    const { assignments } = node.copies;
    const shards = await Promise.all(assignments.map((assignment) => shownCopy(node, assignment)));
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

async function shownCopy(node: NodeRuntime, { copyId, shardId, isPrimary }: Assignment) {
  const slot = node.copies.slot(copyId);
  const totals = (await slot?.copy?.totals()) ?? { keys: 0, bytes: 0 };
  return {
    ID: shardId,
    Primary: isPrimary,
    State: slot?.state === 'open' ? 'active' : (slot?.state ?? 'missing'),
    KeyCount: totals.keys,
    ByteSize: totals.bytes,
  };
}

function keysRoute(app: FastifyInstance, node: NodeRuntime): void {
  const route = {
    method: 'GET',
    url: '/shard/:id/store',
    access: 'read',
    tag: TAG,
    operation: 'shard_keys',
    summary: 'Keys of one shard, the first 10,000.',
    params: shardParams,
    answers: { 200: shardKeysSchema },
  } as const;
  userRoute(app, route, async (request, reply) => {
    const shardId = Number(request.params.id);
    const { copy } = primaryOf(node, shardOf(node, shardId));
    node.lease.check();
    const page = await copy.list({ limit: KEYS_SHOWN_MAX });
    const totals = await copy.totals();
    node.lease.check();
    namePlace(reply, { shardId, nodeId: node.settings.nodeId });
    return { keys: page.rows.map((row) => row.key), count: totals.keys };
  });
}

function statsRoute(app: FastifyInstance, node: NodeRuntime): void {
  const route = {
    method: 'GET',
    url: '/shard/:id/stats',
    access: 'read',
    tag: TAG,
    operation: 'shard_stats',
    summary: 'Operations and sums of one shard.',
    params: shardParams,
    answers: { 200: shardStatsSchema },
  } as const;
  userRoute(app, route, async (request) => {
    const { copy, assignment } = shardOf(node, Number(request.params.id));
    const { gets, puts, deletes } = copy.counts;
    return {
      shard_id: assignment.shardId,
      operations: { Gets: gets, Puts: puts, Deletes: deletes },
      storage: await copy.totals(),
    };
  });
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

function levelOf(params: Record<string, unknown> | undefined): LogLevel {
  const parsed = z.enum(LOG_LEVELS).safeParse(params?.level);
  if (parsed.success) return parsed.data;
  throw new ToruaError('invalid_request', `params.level must be one of ${LOG_LEVELS.join(', ')}.`);
}
