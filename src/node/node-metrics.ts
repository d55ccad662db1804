/** Figures of a node that are cheaper to ask for at a scrape than to follow. */

import type { Logger } from '../kernel/logger.ts';
import type { Metrics } from '../kernel/metrics.ts';
import type { NodeRuntime } from './node-runtime.ts';

/** Binds the gauges; sizes on disk are refreshed behind a scrape and shown by the next one. */
export function bindNodeMetrics(node: NodeRuntime, metrics: Metrics, logger: Logger): void {
  const backlog = metrics.gauge('torua_apply_backlog_rows', {});
  const version = metrics.gauge('torua_cluster_state_version', {});
  const hits = metrics.counter('torua_cache_requests_total', { cache: 'value', result: 'hit' });
  const misses = metrics.counter('torua_cache_requests_total', { cache: 'value', result: 'miss' });
  const records = metrics.counter('torua_log_records_total', {});
  const seen = { hits: 0, misses: 0, records: 0 };
  metrics.beforeScrape(() => {
    const copies = node.copies.open;
    backlog.set(sum(copies.map((copy) => copy.backlog.rows)));
    version.set(node.stored.current?.version ?? 0);
    const now = {
      hits: sum(copies.map((copy) => copy.cacheResults.hits)),
      misses: sum(copies.map((copy) => copy.cacheResults.misses)),
      records: node.log.stats.records,
    };
    hits.add(Math.max(0, now.hits - seen.hits));
    misses.add(Math.max(0, now.misses - seen.misses));
    records.add(Math.max(0, now.records - seen.records));
    Object.assign(seen, now);
    metrics.gauge('torua_heap_usage_bytes', { component: 'value_cache' }).set(node.cache.bytes);
    metrics
      .gauge('torua_heap_usage_bytes', { component: 'memtables' })
      .set(sum(copies.map((copy) => copy.backlog.bytes)));
    shardRows(node, metrics);
    refreshSizes(node, metrics).catch((reason: unknown) => {
      logger.warn({ err: reason }, 'sizes on disk are not known');
    });
  });
}

function shardRows(node: NodeRuntime, metrics: Metrics): void {
  const rows = node.copies.assignments.flatMap((assignment) => {
    const copy = node.copies.slot(assignment.copyId)?.copy;
    const labels = { shard_id: String(assignment.shardId) };
    return copy ? [{ labels, value: copy.storedTotals.keys, aside: copy.keptAside.length }] : [];
  });
  metrics.replaceGauge('torua_shard_rows', rows);
  // A shard has one copy for now, which is its primary and never behind itself.
  const { nodeId } = node.settings;
  metrics.replaceGauge(
    'torua_replication_lag_operations',
    rows.map(({ labels }) => ({ labels: { ...labels, node_id: nodeId }, value: 0 })),
  );
  metrics.replaceGauge(
    'torua_records_kept_aside',
    rows.map(({ labels, aside }) => ({ labels, value: aside })),
  );
}

async function refreshSizes(node: NodeRuntime, metrics: Metrics): Promise<void> {
  const sizes = await Promise.all(node.copies.open.map((copy) => copy.sizes()));
  const blobs = await Promise.all(node.copies.open.map((copy) => copy.blobs.size()));
  const free = await node.world.disk.freeBytes(node.settings.directory);
  metrics.replaceGauge('torua_disk_bytes', [
    { labels: { kind: 'log' }, value: node.log.retainedBytes() },
    { labels: { kind: 'database' }, value: sum(sizes.map((size) => size.live + size.base)) },
    { labels: { kind: 'blobs' }, value: sum(blobs) },
    { labels: { kind: 'free' }, value: free },
  ]);
}

const sum = (values: readonly number[]): number =>
  values.reduce((total, value) => total + value, 0);
