/**
 * The users' JSON surface of the whole cluster: info, health, config, events, explanations, repairs, and what both
 * kinds of processes answer about themselves. Requests are strict, answers tolerant.
 * Source: REST contract, sections 1 and 4.
 */
import { z } from 'zod';
import { durationSetting } from '../kernel/config.ts';
import type { Decoded } from './case.ts';
import { CLUSTER_COLOURS } from './public.ts';
import { flagSchema, wholeNumberSchema } from './rest.ts';

const colourSchema = z.enum(CLUSTER_COLOURS);

/** Answer to GET /cluster/info. `uptime` in seconds. */
export const clusterInfoSchema = z.object({
  cluster_id: z.string(),
  coordinator_version: z.string(),
  total_nodes: z.number().int(),
  healthy_nodes: z.number().int(),
  total_shards: z.number().int(),
  assigned_shards: z.number().int(),
  cluster_state: colourSchema,
  uptime: z.number(),
  state_version: z.number().int(),
});

/** Query of GET /cluster/health. */
export const healthQuerySchema = z.strictObject({
  wait_for_status: colourSchema.optional(),
  wait_for_nodes: wholeNumberSchema(0, 100_000).optional(),
  timeout: durationSetting(0, 600_000).optional(),
  pretty: flagSchema.optional(),
});

/** Answer to GET /cluster/health. With 408 the same body plus a problem's fields. */
export const clusterHealthSchema = z.object({
  cluster_id: z.string(),
  status: colourSchema,
  timed_out: z.boolean(),
  number_of_nodes: z.number().int(),
  healthy_nodes: z.number().int(),
  active_primaries: z.number().int(),
  active_replicas: z.number().int(),
  unassigned_shards: z.number().int(),
  /** Things an operator should look at, in plain words; empty when there are none. */
  warnings: z.array(z.string()),
});

/** GET /cluster/config and answers to PUT: durations as strings. */
export const configViewSchema = z.object({
  health_check_interval: z.string(),
  dead_after: z.string(),
  replication_factor: z.number().int(),
  auto_rebalance: z.boolean(),
  read_only: z.boolean(),
  max_shards_per_node: z.number().int(),
  min_in_sync: z.number().int(),
  min_nodes: z.number().int(),
  assignment_delay: z.string(),
});

/** PUT /cluster/config: any part; durations such as "500ms" become numbers of milliseconds. */
export const configPatchSchema = z.strictObject({
  health_check_interval: durationSetting(50, 60_000).optional(),
  dead_after: durationSetting(500, 86_400_000).optional(),
  replication_factor: z.number().int().min(1).max(100).optional(),
  auto_rebalance: z.boolean().optional(),
  read_only: z.boolean().optional(),
  max_shards_per_node: z.number().int().min(1).max(1_000_000).optional(),
  min_in_sync: z.number().int().min(1).max(100).optional(),
  min_nodes: z.number().int().min(1).max(100_000).optional(),
  assignment_delay: durationSetting(0, 600_000).optional(),
});

/** Answer to GET /cluster/config. */
export const configAnswerSchema = z.object({ version: z.number().int(), config: configViewSchema });

/** Answer to PUT /cluster/config, once every live node confirmed. */
export const configChangedSchema = configAnswerSchema.extend({
  acknowledged: z.boolean(),
  nodes: z.array(z.object({ node_id: z.string(), acknowledged: z.boolean() })),
});

/** One event. Fields besides these three depend on `type`: `EVENT_FIELDS` in public.ts. */
export const eventSchema = z.looseObject({
  seq: z.number().int(),
  time: z.string(),
  type: z.string(),
});

/** Query of GET /cluster/events. */
export const eventsQuerySchema = z.strictObject({
  since: wholeNumberSchema(0, Number.MAX_SAFE_INTEGER).optional(),
  pretty: flagSchema.optional(),
});

/** Answer to GET /cluster/events, oldest first. `next` is the `since` of the next request. */
export const eventsAnswerSchema = z.object({
  events: z.array(eventSchema),
  next: z.number().int(),
});

/** Query of GET /cluster/allocation/explain. Without a shard: the first one that is not where it should be. */
export const explainQuerySchema = z.strictObject({
  shard_id: wholeNumberSchema(0, 1_000_000).optional(),
  pretty: flagSchema.optional(),
});

/** Answer to GET /cluster/allocation/explain. */
export const explainAnswerSchema = z.object({
  shard_id: z.number().int(),
  state: z.string(),
  /** One sentence in plain words. */
  explanation: z.string(),
  copies: z.array(
    z.object({ node_id: z.string(), role: z.string(), state: z.string(), explanation: z.string() }),
  ),
  nodes: z.array(
    z.object({
      node_id: z.string(),
      verdict: z.enum(['yes', 'no']),
      deciders: z.array(
        z.object({ decider: z.string(), verdict: z.enum(['yes', 'no']), explanation: z.string() }),
      ),
    }),
  ),
  /** The next request to send, such as `POST /shards/assign {...}`; null when there is nothing to do. */
  next: z.string().nullable(),
});

/** POST /cluster/recover. */
export const recoverRequestSchema = z.strictObject({ accept_missing: z.literal(true) });

/** Answer to POST /cluster/recover. */
export const recoverAnswerSchema = z.object({
  accepted: z.boolean(),
  missing_nodes: z.array(z.string()),
});

/** POST /cluster/reset: `confirm` is the cluster's id. */
export const resetRequestSchema = z.strictObject({ confirm: z.string() });

/** Answer to GET /cluster/coordinators. */
export const coordinatorsAnswerSchema = z.object({
  leader: z.object({ id: z.string(), url: z.string() }),
  members: z.array(
    z.object({ id: z.string(), url: z.string(), role: z.enum(['leader', 'follower']) }),
  ),
});

/** Answers in the code's names. */
export type ClusterInfo = Decoded<typeof clusterInfoSchema>;
/** GET /cluster/health. */
export type ClusterHealth = Decoded<typeof clusterHealthSchema>;
/** GET /cluster/config. */
export type ConfigAnswer = Decoded<typeof configAnswerSchema>;
/** PUT /cluster/config. */
export type ConfigChanged = Decoded<typeof configChangedSchema>;
/** One event; fields that depend on its type are `unknown`. */
export type ClusterEvent = Decoded<typeof eventSchema>;
/** One page of events. */
export type EventsAnswer = Decoded<typeof eventsAnswerSchema>;
/** GET /cluster/allocation/explain. */
export type Explanation = Decoded<typeof explainAnswerSchema>;
/** GET /cluster/coordinators. */
export type CoordinatorsAnswer = Decoded<typeof coordinatorsAnswerSchema>;
/** POST /cluster/recover. */
export type RecoverAnswer = Decoded<typeof recoverAnswerSchema>;
