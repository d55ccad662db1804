/** What a node's scrape shows. */
import { expect, test } from 'vitest';
import { NodeWorld } from '../../test/rooms/node-world.ts';
import { silentLogger } from '../kernel/logger.ts';
import { createMetrics } from '../kernel/metrics.ts';
import { bindNodeMetrics } from './node-metrics.ts';

// @req: http.metrics, metrics.lag, metrics.disk, metrics.cache, metrics.log, metrics.memory
test('a scrape shows rows, backlog, caches, disk and state of the copies held', async () => {
  const world = new NodeWorld();
  const node = await world.serving();
  const metrics = createMetrics({ processMetrics: false });
  bindNodeMetrics(node, metrics, silentLogger);
  await world.execute(node, { verb: 'put', key: 'a', value: Buffer.from('v') });
  await world.execute(node, { verb: 'get', key: 'a' });
  await world.clock.run({ forMs: 1_000 });
  // Sizes on disk are measured behind a scrape and shown by the next one.
  await metrics.scrape();
  await world.clock.run({ forMs: 10 });
  const { text, contentType } = await metrics.scrape();
  expect(contentType).toContain('text/plain');
  const { version } = world.leader.state;
  for (const line of [
    'torua_shard_rows{shard_id="0"} 1',
    'torua_shard_rows{shard_id="1"} 0',
    'torua_records_kept_aside{shard_id="0"} 0',
    'torua_apply_backlog_rows 0',
    `torua_cluster_state_version ${version}`,
    'torua_disk_bytes{kind="free"}',
    'torua_disk_bytes{kind="log"}',
    'torua_disk_bytes{kind="blobs"} 0',
    'torua_cache_requests_total{cache="value",result="hit"}',
    'torua_heap_usage_bytes{component="value_cache"}',
    '# TYPE torua_log_fsync_seconds histogram',
    '# TYPE torua_replication_lag_operations gauge',
  ]) {
    expect(text).toContain(line);
  }
});
