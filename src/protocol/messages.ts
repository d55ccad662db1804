/**
 * Messages between coordinator and nodes, all JSON. Unknown fields are ignored and the protocol version decides.
 * Large or hot traffic has its own forms: frame.ts (batches), value-stream.ts (values over 64 KiB).
 */
import { z } from 'zod';
import type { Decoded } from './case.ts';
import { clusterConfigSchema, clusterStateSchema, idSchema } from './cluster-state.ts';

/** What is really on a node's disk of one copy. `fence`: terms below it are refused for ever. */
export const heldCopySchema = z.object({
  copy_id: idSchema,
  shard_uid: idSchema,
  term: z.number().int().min(0),
  last_seq: z.number().int().min(0),
  fence: z.number().int().min(0).optional(),
  /** Whether it holds any user record; an empty copy may be given to another node. */
  empty: z.boolean().optional(),
  /** `open`: serves; `opening`; `in_doubt`: damaged beyond its own log, waits for an operator or a peer. */
  state: z.enum(['open', 'opening', 'in_doubt']).optional(),
  keys: z.number().int().min(0).optional(),
  bytes: z.number().int().min(0).optional(),
});

/** POST /register. Without the last four fields: a node without data, as the original's clients send it. */
export const registerRequestSchema = z.object({
  node: z.object({
    id: z.string().min(1).max(255),
    addr: z.string().min(1).max(2_048),
    max_shards: z.number().int().min(0).optional(),
    zone: z.string().optional(),
    version: z.string().optional(),
    directory_id: z.string().optional(),
    incarnation: z.string().optional(),
    protocol_version: z.number().int().optional(),
    copies: z.array(heldCopySchema).optional(),
    /** Cluster and state version stored in its data directory; what a coordinator without a disk starts from. */
    cluster_id: z.string().optional(),
    state_version: z.number().int().optional(),
    leader_epoch: z.number().int().optional(),
  }),
});

/** Answer to POST /register: the whole state, which the node stores before it acts on it. */
export const registerAnswerSchema = z.object({
  node_id: z.string(),
  cluster_id: z.string(),
  shards: z.array(z.object({ shard_id: z.number().int(), shard_uid: idSchema, copy_id: idSchema, term: z.number().int(), is_primary: z.boolean() })),
  config: clusterConfigSchema,
  lease_ms: z.number(),
  /** Absent while the coordinator waits for its first assignment or recovers: nothing to act on yet. */
  state: clusterStateSchema.optional(),
});

/** POST /heartbeat: asks for a lease; its span counts from the moment the node sent it. */
export const heartbeatRequestSchema = z.object({
  node_id: z.string(),
  incarnation: z.string(),
  copies: z.array(heldCopySchema),
  load: z.object({ requests_per_second: z.number(), shards: z.array(z.object({ shard_uid: idSchema, requests_per_second: z.number() })) }).optional(),
});

/** Answer to POST /heartbeat. `lease_ms` 0: no lease granted. */
export const heartbeatAnswerSchema = z.object({
  state_version: z.number().int(),
  config_version: z.number().int(),
  leader_epoch: z.number().int(),
  lease_ms: z.number(),
});

/** POST /internal/v1/state on a node: a committed state. */
export const pushStateSchema = z.object({ state: clusterStateSchema });

/** Answer: what the node holds after it acted on the state. */
export const pushStateAnswerSchema = z.object({ state_version: z.number().int(), copies: z.array(heldCopySchema) });

/** POST /internal/v1/release on a node: give an empty copy back. Refused when a write came first. */
export const releaseRequestSchema = z.object({ leader_epoch: z.number().int(), copy_id: idSchema, shard_uid: idSchema, term: z.number().int() });

/** Answer: `released` false means the copy holds a record and stays. */
export const releaseAnswerSchema = z.object({ released: z.boolean() });

/** GET /internal/v1/state on a node: what a coordinator without a disk rebuilds from. */
export const storedStateSchema = z.object({ state: clusterStateSchema.optional() });

/** POST /internal/v1/leaving on the coordinator: the node is about to stop. */
export const leavingRequestSchema = z.object({ node_id: z.string(), incarnation: z.string() });

/** The code's names for each message. */
export type HeldCopy = Decoded<typeof heldCopySchema>;
export type RegisterRequest = Decoded<typeof registerRequestSchema>;
export type RegisterAnswer = Decoded<typeof registerAnswerSchema>;
export type HeartbeatRequest = Decoded<typeof heartbeatRequestSchema>;
export type HeartbeatAnswer = Decoded<typeof heartbeatAnswerSchema>;
export type ReleaseRequest = Decoded<typeof releaseRequestSchema>;
export type PushStateAnswer = Decoded<typeof pushStateAnswerSchema>;

/** Paths between Torua's processes; no part of the users' contract. */
export const INTERNAL_PATHS = {
  register: '/register',
  heartbeat: '/heartbeat',
  leaving: '/internal/v1/leaving',
  state: '/internal/v1/state',
  release: '/internal/v1/release',
  batch: '/internal/v1/batch',
  list: '/internal/v1/list',
  deleteRange: '/internal/v1/delete-range',
  reset: '/internal/v1/reset',
  skip: '/internal/v1/skip',
  value: '/internal/v1/value',
} as const;
