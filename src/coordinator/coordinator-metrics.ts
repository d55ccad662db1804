/** Figures of a coordinator that are cheaper to ask for at a scrape than to follow. */
import { shardsOfNode } from '../cluster/summary.ts';
import type { Metrics } from '../kernel/metrics.ts';
import { NODE_STATUSES } from '../protocol/cluster-state.ts';
import type { Peers } from '../transport/peers.ts';
import type { CoordinatorRuntime } from './coordinator-runtime.ts';

/** Binds the gauges. */
export function bindCoordinatorMetrics(
  runtime: CoordinatorRuntime,
  metrics: Metrics,
  peers: Peers,
): void {
  metrics.beforeScrape(() => {
    const { state } = runtime.keeper;
    metrics.gauge('torua_cluster_state_version', {}).set(state.version);
    metrics.gauge('torua_circuits_open', {}).set(peers.circuitsOpen());
    metrics.gauge('torua_queue_depth_operations', { queue: 'lanes' }).set(runtime.keys.queued);
    metrics.replaceGauge(
      'torua_node_count',
      NODE_STATUSES.map((status) => ({
        labels: { status },
        value: state.nodes.filter((node) => node.status === status).length,
      })),
    );
    metrics.replaceGauge(
      'torua_shard_distribution',
      state.nodes.map((node) => ({
        labels: { node_id: node.id },
        value: shardsOfNode(state, node.id).length,
      })),
    );
  });
}
