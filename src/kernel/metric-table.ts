/**
 * Every metric Torua exposes, as data: docs/reference/metrics.md is generated from it and test/pins holds the names.
 * Label values come from bounded sets, never from keys or query text. Source: REST contract, section 4.
 */

/** One metric. `buckets` only for histograms: upper bounds in the metric's unit, ascending. */
export interface MetricDefinition {
  readonly kind: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  /** Which process fills it; both list it. */
  readonly process: 'coordinator' | 'node' | 'both';
  readonly buckets?: readonly number[] | undefined;
}

/** Bounds for anything a user waits for, in seconds. */
export const LATENCY_BOUNDS_SECONDS = [
  0.0001, 0.00025, 0.0005, 0.00075, 0.001, 0.0015, 0.002, 0.003, 0.004, 0.005, 0.0075, 0.01, 0.015,
  0.02, 0.03, 0.04, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1, 2, 5, 10, 30, 60,
] as const;

const COUNTS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024] as const;
const BYTES = [
  256, 1_024, 4_096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864,
] as const;

/** Name → definition. Renaming one breaks dashboards. */
export const METRICS = {
  torua_node_count: {
    kind: 'gauge',
    labels: ['status'],
    process: 'coordinator',
    help: 'Nodes known, by status.',
  },
  torua_shard_distribution: {
    kind: 'gauge',
    labels: ['node_id'],
    process: 'coordinator',
    help: 'Shard copies placed on each node.',
  },
  torua_cluster_state_version: {
    kind: 'gauge',
    labels: [],
    process: 'both',
    help: 'Version of the newest cluster state committed (coordinator) or stored (node).',
  },
  torua_requests_total: {
    kind: 'counter',
    labels: ['operation', 'status'],
    process: 'both',
    help: 'Requests answered, by operation and HTTP status.',
  },
  torua_request_latency_seconds: {
    kind: 'histogram',
    labels: [],
    process: 'both',
    buckets: LATENCY_BOUNDS_SECONDS,
    help: 'Time from the arrival of a request to the end of its answer.',
  },
  torua_requests_in_flight: {
    kind: 'gauge',
    labels: [],
    process: 'both',
    help: 'Requests being answered now.',
  },
  torua_errors_total: {
    kind: 'counter',
    labels: ['type'],
    process: 'both',
    help: 'Errors answered, by code.',
  },
  torua_heap_usage_bytes: {
    kind: 'gauge',
    labels: ['component'],
    process: 'both',
    help: 'Memory in use: resident, heap, external, array_buffers, and named pools of the process.',
  },
  torua_network_traffic_bytes_total: {
    kind: 'counter',
    labels: ['direction'],
    process: 'both',
    help: 'Bytes on connections accepted, plus bodies exchanged with other processes.',
  },
  torua_connections_count: {
    kind: 'gauge',
    labels: [],
    process: 'both',
    help: 'HTTP connections open now.',
  },
  torua_event_loop_delay_seconds: {
    kind: 'gauge',
    labels: [],
    process: 'both',
    help: 'Mean delay of the event loop over the last second; overload protection reads it.',
  },
  torua_cache_requests_total: {
    kind: 'counter',
    labels: ['cache', 'result'],
    process: 'both',
    help: 'Look-ups in a cache, by result (hit or miss).',
  },
  torua_queue_depth_operations: {
    kind: 'gauge',
    labels: ['queue'],
    process: 'both',
    help: 'Operations waiting in a bounded queue.',
  },
  torua_batch_operations: {
    kind: 'histogram',
    labels: ['lane'],
    process: 'both',
    buckets: COUNTS,
    help: 'Operations in one batch to or at a node.',
  },
  torua_batch_bytes: {
    kind: 'histogram',
    labels: ['lane'],
    process: 'both',
    buckets: BYTES,
    help: 'Bytes of one batch to or at a node.',
  },
  torua_retries_total: {
    kind: 'counter',
    labels: ['operation'],
    process: 'both',
    help: 'Repeated attempts between processes, by operation.',
  },
  torua_circuits_open: {
    kind: 'gauge',
    labels: [],
    process: 'both',
    help: 'Addresses to which the circuit breaker is open.',
  },
  torua_log_fsync_seconds: {
    kind: 'histogram',
    labels: [],
    process: 'node',
    buckets: LATENCY_BOUNDS_SECONDS,
    help: 'Time to write and sync one batch of the log.',
  },
  torua_log_records_total: {
    kind: 'counter',
    labels: [],
    process: 'node',
    help: 'Records appended to the log.',
  },
  torua_apply_backlog_rows: {
    kind: 'gauge',
    labels: [],
    process: 'node',
    help: 'Committed rows that the databases do not contain yet.',
  },
  torua_applied_rows_total: {
    kind: 'counter',
    labels: [],
    process: 'node',
    help: 'Rows applied to the databases.',
  },
  torua_apply_seconds: {
    kind: 'histogram',
    labels: [],
    process: 'node',
    buckets: LATENCY_BOUNDS_SECONDS,
    help: 'Duration of one apply transaction.',
  },
  torua_maintenance_seconds: {
    kind: 'histogram',
    labels: ['kind'],
    process: 'node',
    buckets: LATENCY_BOUNDS_SECONDS,
    help: 'Duration of a checkpoint or rewrite of a database.',
  },
  torua_records_kept_aside: {
    kind: 'gauge',
    labels: ['shard_id'],
    process: 'node',
    help: 'Records that could not be applied and wait for an operator.',
  },
  torua_replication_lag_operations: {
    kind: 'gauge',
    labels: ['shard_id', 'node_id'],
    process: 'node',
    help: 'Operations a copy is behind its primary.',
  },
  torua_disk_bytes: {
    kind: 'gauge',
    labels: ['kind'],
    process: 'both',
    help: 'Bytes on disk: log, database, blobs; free: what may still be written.',
  },
  torua_shard_rows: {
    kind: 'gauge',
    labels: ['shard_id'],
    process: 'node',
    help: 'Keys in a shard.',
  },
} as const satisfies Record<string, MetricDefinition>;

/** Name of a metric. */
export type MetricName = keyof typeof METRICS;
/** Names of the metrics of one kind. */
export type NameOf<Kind extends MetricDefinition['kind']> = {
  [Name in MetricName]: (typeof METRICS)[Name]['kind'] extends Kind ? Name : never;
}[MetricName];
/** The labels one metric wants, each with a value. */
export type LabelsOf<Name extends MetricName> = {
  readonly [Label in (typeof METRICS)[Name]['labels'][number]]: string;
};
