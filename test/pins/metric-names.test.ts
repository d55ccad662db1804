/** Metric names, kinds and labels, as literals: dashboards and alarms name them. */
import { expect, test } from 'vitest';
import { METRICS } from '../../src/kernel/metric-table.ts';

const PINNED = {
  torua_node_count: 'gauge {status}',
  torua_shard_distribution: 'gauge {node_id}',
  torua_cluster_state_version: 'gauge {}',
  torua_requests_total: 'counter {operation,status}',
  torua_request_latency_seconds: 'histogram {}',
  torua_requests_in_flight: 'gauge {}',
  torua_errors_total: 'counter {type}',
  torua_heap_usage_bytes: 'gauge {component}',
  torua_network_traffic_bytes_total: 'counter {direction}',
  torua_connections_count: 'gauge {}',
  torua_event_loop_delay_seconds: 'gauge {}',
  torua_cache_requests_total: 'counter {cache,result}',
  torua_queue_depth_operations: 'gauge {queue}',
  torua_batch_operations: 'histogram {lane}',
  torua_batch_bytes: 'histogram {lane}',
  torua_retries_total: 'counter {operation}',
  torua_circuits_open: 'gauge {}',
  torua_log_fsync_seconds: 'histogram {}',
  torua_log_records_total: 'counter {}',
  torua_apply_backlog_rows: 'gauge {}',
  torua_applied_rows_total: 'counter {}',
  torua_apply_seconds: 'histogram {}',
  torua_maintenance_seconds: 'histogram {kind}',
  torua_records_kept_aside: 'gauge {shard_id}',
  torua_replication_lag_operations: 'gauge {shard_id,node_id}',
  torua_disk_bytes: 'gauge {kind}',
  torua_shard_rows: 'gauge {shard_id}',
};

// @req: house.pins
test('every metric keeps its name, its kind and its labels', () => {
  const found = Object.fromEntries(
    Object.entries(METRICS).map(([name, { kind, labels }]) => [name, `${kind} {${labels.join()}}`]),
  );
  expect(found).toEqual(PINNED);
});
