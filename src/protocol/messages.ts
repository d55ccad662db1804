/**
 * Messages between coordinator and nodes, all JSON. Unknown fields are ignored and the protocol version decides.
 * Large or hot traffic has its own forms: frame.ts (batches), value-stream.ts (values over 64 KiB).
 */
import { z } from 'zod';
import type { Decoded } from './case.ts';
import { clusterConfigSchema, clusterStateSchema, idSchema } from './cluster-state.ts';

/**
 * A node's id stands in paths, in the header `x-node-id` and in the name of a directory: visible ASCII without a
 * slash, and neither `.` nor `..`.
 */
export const NODE_ID_PATTERN = /^(?!\.{1,2}$)[!-.0-~]+$/;
/** The pattern in words, for refusals. */
export const NODE_ID_RULE = 'must be visible ASCII characters without a slash';

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
  /** Seqs of records that its store refused and that wait for an operator; absent: none. */
  kept_aside: z.array(z.number().int().min(1)).optional(),
});

/** POST /register. Without the last four fields: a node without data, as the original's clients send it. */
export const registerRequestSchema = z.object({
  node: z.object({
    id: z.string().min(1).max(255).regex(NODE_ID_PATTERN, NODE_ID_RULE),
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

/** How far the cluster is from its first assignment; absent once it was made. */
const formationSchema = z
  .object({ nodes: z.number().int().min(0), min_nodes: z.number().int().min(1) })
  .optional();

/** Answer to POST /register: the whole state, which the node stores before it acts on it. */
export const registerAnswerSchema = z.object({
  node_id: z.string(),
  cluster_id: z.string(),
  shards: z.array(
    z.object({
      shard_id: z.number().int(),
      shard_uid: idSchema,
      copy_id: idSchema,
      term: z.number().int(),
      is_primary: z.boolean(),
    }),
  ),
  config: clusterConfigSchema,
  lease_ms: z.number(),
  formation: formationSchema,
  /** Absent while the coordinator waits for its first assignment: nothing to act on yet. */
  state: clusterStateSchema.optional(),
});

/** POST /heartbeat: asks for a lease; its span counts from the moment the node sent it. */
export const heartbeatRequestSchema = z.object({
  node_id: z.string(),
  incarnation: z.string(),
  copies: z.array(heldCopySchema),
  load: z
    .object({
      requests_per_second: z.number(),
      shards: z.array(z.object({ shard_uid: idSchema, requests_per_second: z.number() })),
    })
    .optional(),
});

/** Answer to POST /heartbeat. `lease_ms` 0: no lease granted. */
export const heartbeatAnswerSchema = z.object({
  state_version: z.number().int(),
  config_version: z.number().int(),
  leader_epoch: z.number().int(),
  lease_ms: z.number(),
  formation: formationSchema,
});

/** POST /internal/v1/state on a node: a committed state. */
export const pushStateSchema = z.object({ state: clusterStateSchema });

/** Answer: what the node holds after it acted on the state. */
export const pushStateAnswerSchema = z.object({
  state_version: z.number().int(),
  copies: z.array(heldCopySchema),
});

/** POST /internal/v1/release on a node: give an empty copy back. Refused when a write came first. */
export const releaseRequestSchema = z.object({
  leader_epoch: z.number().int(),
  copy_id: idSchema,
  shard_uid: idSchema,
  term: z.number().int(),
});

/** Answer: `released` false means the copy holds a record and stays. */
export const releaseAnswerSchema = z.object({ released: z.boolean() });

/** GET /internal/v1/state on a node: what a coordinator without a disk rebuilds from. */
export const storedStateSchema = z.object({ state: clusterStateSchema.optional() });

/** POST /internal/v1/leaving on the coordinator: the node is about to stop. */
export const leavingRequestSchema = z.object({ node_id: z.string(), incarnation: z.string() });

/** Answer: what becomes of the node's shards. `keep`: they stay its own; `drained`: it holds none any more. */
export const leavingAnswerSchema = z.object({ state: z.enum(['draining', 'drained', 'keep']) });

/** POST /internal/v1/list on a node: one page of one shard. */
export const listRequestSchema = z.object({
  shard_uid: idSchema,
  copy_id: idSchema,
  term: z.number().int(),
  any_copy: z.boolean().optional(),
  start: z.string().optional(),
  start_exclusive: z.boolean().optional(),
  end: z.string().optional(),
  limit: z.number().int().min(1),
  values: z.boolean().optional(),
});

/** One row: `value_base64` only when asked for and at most 64 KiB long. */
export const listRowSchema = z.object({
  key: z.string(),
  etag: z.string(),
  bytes: z.number(),
  content_type: z.string(),
  value_base64: z.string().optional(),
});

/** Answer: rows ascending by UTF-8 bytes; `next` names the last key looked at when there may be more. */
export const listAnswerSchema = z.object({
  rows: z.array(listRowSchema),
  next: z.string().optional(),
});

/** POST /internal/v1/delete-range on a node: one page; repeatable under its `op_id`. */
export const deleteRangeRequestSchema = z.object({
  shard_uid: idSchema,
  copy_id: idSchema,
  term: z.number().int(),
  start: z.string().optional(),
  start_exclusive: z.boolean().optional(),
  end: z.string().optional(),
  op_id: z.string(),
  caller_op_id: z.boolean(),
});

/** Answer: how many keys went, and where the next page begins. */
export const deleteRangeAnswerSchema = z.object({
  deleted: z.number().int(),
  next: z.string().nullable(),
});

/** POST /internal/v1/skip on a node: give a record up that was kept aside. */
export const skipRequestSchema = z.object({
  shard_uid: idSchema,
  copy_id: idSchema,
  term: z.number().int(),
  seq: z.number().int(),
});

/** POST /internal/v1/accept-damage on a node: open a damaged copy with what its base and log still give. */
export const acceptDamageRequestSchema = z.object({
  leader_epoch: z.number().int(),
  copy_id: idSchema,
  shard_uid: idSchema,
  term: z.number().int(),
});

/** An answer that says nothing but "done". */
export const doneSchema = z.object({ done: z.boolean() });

/** The code's names for each message. */
export type HeldCopy = Decoded<typeof heldCopySchema>;
export type RegisterRequest = Decoded<typeof registerRequestSchema>;
export type RegisterAnswer = Decoded<typeof registerAnswerSchema>;
export type HeartbeatRequest = Decoded<typeof heartbeatRequestSchema>;
export type HeartbeatAnswer = Decoded<typeof heartbeatAnswerSchema>;

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
  skip: '/internal/v1/skip',
  acceptDamage: '/internal/v1/accept-damage',
  value: '/internal/v1/value',
} as const;
