/**
 * The users' JSON surface of nodes and shards, on the coordinator and on the node itself. Requests are strict,
 * answers tolerant. Source: REST contract, sections 3 and 5; PascalCase names are the contract's.
 */
import { z } from 'zod';
import type { Decoded } from './case.ts';
import { NODE_STATUSES } from './cluster-state.ts';
import { flagSchema } from './rest.ts';

/** One entry of GET /nodes. Times are ISO 8601; null before the first health check. */
export const nodeViewSchema = z.object({
  id: z.string(),
  addr: z.string(),
  status: z.enum(NODE_STATUSES),
  last_health_check: z.string().nullable(),
  reachable: z.boolean(),
  registered_at: z.string(),
  version: z.string(),
});

/** Answer to GET /nodes. */
export const nodesAnswerSchema = z.object({ nodes: z.array(nodeViewSchema) });

/** Answer to GET and PATCH /nodes/{id}. `uptime` in seconds; null: no limit, or no heartbeat yet. */
export const nodeInfoSchema = z.object({
  node_id: z.string(),
  address: z.string(),
  status: z.enum(NODE_STATUSES),
  shard_count: z.number().int(),
  last_heartbeat: z.string().nullable(),
  uptime: z.number(),
  available_capacity: z.number().int().nullable(),
  max_shards: z.number().int().nullable(),
  version: z.string(),
});

/** PATCH /nodes/{id}. */
export const nodePatchSchema = z.strictObject({
  max_shards: z.number().int().min(0).max(1_000_000),
});

/** Query of DELETE /nodes/{id}. */
export const forgetNodeQuerySchema = z.strictObject({
  accept_data_loss: flagSchema.optional(),
  pretty: flagSchema.optional(),
});

/** One entry of GET /shards. `NodeID` is the primary's holder, empty when the shard has none. */
export const shardViewSchema = z.object({
  ShardID: z.number().int(),
  NodeID: z.string(),
  IsPrimary: z.literal(true),
  replicas: z.array(z.string()),
  in_sync: z.array(z.string()),
  term: z.number().int(),
  state: z.enum(['active', 'moving', 'recovering', 'unassigned']),
});

/** Answer to GET /shards: one entry a shard, ascending. */
export const shardsAnswerSchema = z.object({
  num_shards: z.number().int(),
  shards: z.array(shardViewSchema),
});

/** POST /shards/assign. */
export const assignRequestSchema = z.strictObject({
  shard_id: z.number().int().min(0),
  node_id: z.string().min(1).optional(),
  is_primary: z.boolean(),
  accept_data_loss: z.boolean().optional(),
});

/** Answer to POST /shards/assign. */
export const assignAnswerSchema = z.object({
  shard_id: z.number().int(),
  node_id: z.string(),
  is_primary: z.boolean(),
  term: z.number().int().optional(),
});

/** POST /shards/{id}/skip. */
export const skipRequestSchema = z.strictObject({
  seq: z.number().int().min(1),
  accept_data_loss: z.literal(true),
});

/** Answer to POST /shards/{id}/skip. */
export const skipAnswerSchema = z.object({ shard_id: z.number().int(), seq: z.number().int() });

/** POST /broadcast: the only path a broadcast reaches is /control. */
export const broadcastRequestSchema = z.strictObject({
  path: z.literal('/control'),
  payload: z.record(z.string(), z.unknown()),
});

/** Answer to POST /broadcast. */
export const broadcastAnswerSchema = z.object({
  sent_to: z.number().int(),
  results: z.array(z.object({ node_id: z.string(), err: z.string().optional() })),
});

/** What a node may be told at POST /control. */
export const CONTROL_OPERATIONS = ['ping', 'compact', 'log_level', 'shutdown'] as const;

/** POST /control on a node. */
export const controlRequestSchema = z.object({
  op: z.enum(CONTROL_OPERATIONS),
  params: z.record(z.string(), z.unknown()).optional(),
});

/** Answer to GET /info on a node: every copy it holds, also empty ones. */
export const nodeSelfInfoSchema = z.object({
  node_id: z.string(),
  shard_count: z.number().int(),
  shards: z.array(
    z.object({
      ID: z.number().int(),
      Primary: z.boolean(),
      State: z.string(),
      KeyCount: z.number().int(),
      ByteSize: z.number().int(),
    }),
  ),
  version: z.string(),
  config_version: z.number().int(),
  coordinator: z.object({ url: z.string(), connected: z.boolean(), failovers: z.number().int() }),
  /** The process's memory budget and its parts, in bytes; more names may come. */
  memory: z.record(z.string(), z.number()).optional(),
});

/** Answer to GET /shard/{id}/store on a node. */
export const shardKeysSchema = z.object({ keys: z.array(z.string()), count: z.number().int() });

/** Answer to GET /shard/{id}/stats on a node. */
export const shardStatsSchema = z.object({
  shard_id: z.number().int(),
  operations: z.object({
    Gets: z.number().int(),
    Puts: z.number().int(),
    Deletes: z.number().int(),
  }),
  storage: z.object({ keys: z.number().int(), bytes: z.number().int() }),
});

/** A node as GET /nodes shows it. */
export type NodeView = Decoded<typeof nodeViewSchema>;
/** A node as GET /nodes/{id}/info shows it. */
export type NodeInfo = Decoded<typeof nodeInfoSchema>;
/** Answer to an assignment. */
export type AssignAnswer = Decoded<typeof assignAnswerSchema>;
/** Answer to a broadcast. */
export type BroadcastAnswer = Decoded<typeof broadcastAnswerSchema>;

/** A shard as GET /shards shows it, in the code's names. */
export interface ShardView {
  readonly shardId: number;
  /** The primary's holder, empty when the shard has none. */
  readonly nodeId: string;
  readonly replicas: readonly string[];
  readonly inSync: readonly string[];
  readonly term: number;
  readonly state: 'active' | 'moving' | 'recovering' | 'unassigned';
}

/** The wire's entry in the code's names; PascalCase is not `decode`'s business. */
export function shardViewOf(wire: z.output<typeof shardViewSchema>): ShardView {
  return {
    shardId: wire.ShardID,
    nodeId: wire.NodeID,
    replicas: wire.replicas,
    inSync: wire.in_sync,
    term: wire.term,
    state: wire.state,
  };
}
