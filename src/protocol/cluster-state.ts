/**
 * The cluster state on the wire and on disk: one versioned document, owned by the leader, pushed to every node.
 * Lists instead of maps, so that names never become data. Source: design, section 3.
 */
import { z } from 'zod';
import type { Decoded } from './case.ts';

/** A shard's or copy's identity: 64 bits as hex digits. */
export const idSchema = z.string().regex(/^[0-9a-f]{16}$/);

/** What a node is, as the leader sees it. `leaving`, `maintenance` and `evacuating` are wishes, the rest verdicts. */
export const NODE_STATUSES = [
  'unknown',
  'healthy',
  'unhealthy',
  'dead',
  'leaving',
  'maintenance',
  'evacuating',
] as const;

/** One node of the cluster; it stays listed after it failed. */
export const nodeSchema = z.object({
  id: z.string().min(1).max(255),
  addr: z.string().min(1),
  status: z.enum(NODE_STATUSES),
  zone: z.string().optional(),
  max_shards: z.number().int().min(0).optional(),
  /** Identity of its data directory; absent for clients that registered as the original's did. */
  directory_id: z.string().optional(),
  incarnation: z.string().optional(),
  version: z.string(),
  registered_at: z.number(),
});

/**
 * One copy. `initializing`: assigned, the node may create it; `active`: its holder confirmed it, from now on a
 * missing one is lost and never created again; `lost`: its holder came back without it.
 */
export const copySchema = z.object({
  copy_id: idSchema,
  node_id: z.string(),
  state: z.enum(['initializing', 'active', 'lost']),
});

/** One shard: its place in the list is the number in URLs. */
export const shardSchema = z.object({
  shard_uid: idSchema,
  /** 0 before the first assignment. */
  term: z.number().int().min(0),
  copies: z.array(copySchema),
  primary: idSchema.nullable(),
  in_sync: z.array(idSchema),
});

/** Settings that a running cluster can change with PUT /cluster/config; durations in milliseconds here. */
export const clusterConfigSchema = z.object({
  health_check_interval_ms: z.number().int().min(50).max(60_000),
  dead_after_ms: z.number().int().min(500),
  replication_factor: z.number().int().min(1),
  auto_rebalance: z.boolean(),
  read_only: z.boolean(),
  max_shards_per_node: z.number().int().min(1),
  min_in_sync: z.number().int().min(1),
  min_nodes: z.number().int().min(1),
  assignment_delay_ms: z.number().int().min(0),
});

/** The whole document. */
export const clusterStateSchema = z.object({
  format: z.literal(1),
  cluster_id: z.string(),
  /** Grows by one with each committed change. */
  version: z.number().int().min(0),
  leader_epoch: z.number().int().min(0),
  config_version: z.number().int().min(1),
  config: clusterConfigSchema,
  nodes: z.array(nodeSchema),
  databases: z.array(
    z.object({
      name: z.string(),
      routing: z.object({
        routing_version: z.number().int().min(1),
        num_shards: z.number().int().min(1),
      }),
      shards: z.array(shardSchema),
    }),
  ),
  schema: z.object({ version: z.number().int().min(0), statements: z.array(z.string()) }),
});

/** The cluster state in the code's names. Immutable. */
export type ClusterState = Decoded<typeof clusterStateSchema>;
/** A node of the state. */
export type NodeEntry = ClusterState['nodes'][number];
/** What a node is. */
export type NodeStatus = NodeEntry['status'];
/** A shard of the state. */
export type ShardEntry = ClusterState['databases'][number]['shards'][number];
/** A copy of a shard. */
export type CopyEntry = ShardEntry['copies'][number];
/** The cluster's settings. */
export type ClusterConfig = ClusterState['config'];
/** Name of the only database there is for now. */
export const DEFAULT_DATABASE = 'default';
