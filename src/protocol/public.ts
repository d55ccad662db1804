/**
 * Names of the HTTP contract that programs outside Torua compare with: headers, media types, colours, event types.
 * The package exports this file as `torua/protocol`; it is data only and imports nothing, so that it stays small.
 * Source: REST contract, sections 1 to 4.
 */

/** Header names, all lower-case. */
export const HEADERS = {
  /** The caller's request id, or a new one; on every answer. */
  requestId: 'x-request-id',
  /** Makes a write repeatable: the same key within 10 minutes gets the recorded outcome. */
  idempotencyKey: 'idempotency-key',
  /** As `idempotency-key`, for the retries of one call: 16 hex digits, remembered for 60 s only. Set by the SDK. */
  operationId: 'x-torua-operation-id',
  /** Remaining milliseconds of the request, 1 to 600,000. */
  deadlineMs: 'x-torua-deadline-ms',
  /** The shard that a data answer came from. */
  shardId: 'x-shard-id',
  /** The node that a data answer came from. */
  nodeId: 'x-node-id',
} as const;

/** Media types with a meaning of their own. */
export const MEDIA_TYPES = {
  json: 'application/json',
  problem: 'application/problem+json',
  ndjson: 'application/x-ndjson',
  eventStream: 'text/event-stream',
  /** What a value is when its writer did not say. */
  anyBytes: 'application/octet-stream',
} as const;

/** State of the cluster. `green`: all copies live; `yellow`: all primaries live; `red`: a shard has none. */
export const CLUSTER_COLOURS = ['green', 'yellow', 'red'] as const;
/** One of `CLUSTER_COLOURS`. */
export type ClusterColour = (typeof CLUSTER_COLOURS)[number];

/** Event type → the fields it carries besides `seq`, `time` and `type`. A name that ends in `?` may be absent. */
export const EVENT_FIELDS = {
  node_joined: ['node_id'],
  node_rejoined: ['node_id'],
  node_unhealthy: ['node_id'],
  node_recovered: ['node_id'],
  node_dead: ['node_id'],
  node_leaving: ['node_id'],
  node_drained: ['node_id'],
  node_left: ['node_id'],
  node_maintenance: ['node_id'],
  node_evacuating: ['node_id'],
  rebalance_evaluated: ['reason', 'node_id?', 'imbalanced'],
  imbalance_detected: ['min', 'max'],
  load_imbalance_detected: ['node_id'],
  hot_shards_identified: ['node_id', 'shard_ids'],
  shard_moved: ['shard_id', 'from', 'to', 'reason'],
  replica_promoted: ['shard_id', 'node_id', 'term'],
  config_changed: ['version'],
  leader_changed: ['coordinator_id'],
} as const;
/** An event type of the contract; a newer cluster may send others. */
export type EventType = keyof typeof EVENT_FIELDS;
