import { expect, test } from 'vitest';
import { METRICS } from './metric-table.ts';
import { createMetrics } from './metrics.ts';

test('every metric of the table is in the scrape, with its kind', async () => {
  const { text, contentType } = await createMetrics({ processMetrics: true }).scrape();
  expect(contentType).toContain('text/plain');
  for (const [name, { kind }] of Object.entries(METRICS))
    expect(text).toContain(`# TYPE ${name} ${kind}\n`);
  expect(text).toContain('process_cpu_seconds_total');
});

test('names follow the house: torua_, counters end in _total', () => {
  for (const [name, { kind }] of Object.entries(METRICS)) {
    expect(name).toMatch(/^torua_[a-z_]+$/);
    expect(name.endsWith('_total'), name).toBe(kind === 'counter');
  }
});

test('two handles for the same labels count together, and two registries do not', async () => {
  const metrics = createMetrics({ processMetrics: false });
  const other = createMetrics({ processMetrics: false });
  metrics.counter('torua_requests_total', { operation: 'put', status: '204' }).add();
  metrics.counter('torua_requests_total', { operation: 'put', status: '204' }).add(2);
  expect((await metrics.scrape()).text).toContain(
    'torua_requests_total{operation="put",status="204"} 3',
  );
  expect((await metrics.scrape()).text).toContain(
    'torua_requests_total{operation="put",status="204"} 3',
  );
  expect((await other.scrape()).text).not.toContain('operation="put"');
});

test('a gauge that is replaced forgets labels that are gone', async () => {
  const metrics = createMetrics({ processMetrics: false });
  metrics.replaceGauge('torua_shard_distribution', [
    { labels: { node_id: 'n1' }, value: 2 },
    { labels: { node_id: 'n2' }, value: 2 },
  ]);
  metrics.replaceGauge('torua_shard_distribution', [{ labels: { node_id: 'n2' }, value: 4 }]);
  const { text } = await metrics.scrape();
  expect(text).toContain('torua_shard_distribution{node_id="n2"} 4');
  expect(text).not.toContain('n1');
});

test('a histogram is written in the cumulative form with sum and count', async () => {
  const metrics = createMetrics({ processMetrics: false });
  metrics.requestFinished(0.2, 1_000);
  metrics.requestFinished(30, 1_000);
  metrics.requestFinished(120_000, 1_000);
  const { text } = await metrics.scrape();
  expect(text).toContain('torua_request_latency_seconds_bucket{le="0.0001"} 0');
  expect(text).toContain('torua_request_latency_seconds_bucket{le="0.00025"} 1');
  expect(text).toContain('torua_request_latency_seconds_bucket{le="0.03"} 2');
  expect(text).toContain('torua_request_latency_seconds_bucket{le="+Inf"} 3');
  expect(text).toContain('torua_request_latency_seconds_count 3');
});

test('figures are asked for before each scrape', async () => {
  const metrics = createMetrics({ processMetrics: false });
  const depth = metrics.gauge('torua_queue_depth_operations', { queue: 'read' });
  metrics.beforeScrape(() => depth.set(7));
  expect((await metrics.scrape()).text).toContain('torua_queue_depth_operations{queue="read"} 7');
});

test('recent figures cover the last ten seconds and forget what is older', () => {
  const metrics = createMetrics({ processMetrics: false });
  for (let second = 0; second < 30; second += 1) {
    for (let request = 0; request < 100; request += 1)
      metrics.requestFinished(request === 0 ? 90 : 0.9, second * 1_000);
  }
  expect(metrics.recent(29_500)).toEqual({ qps: 100, latencyMsP99: 1, cacheHitRate: 0 });
  expect(metrics.recent(34_000).qps).toBe(50);
  expect(metrics.recent(60_000)).toEqual({ qps: 0, latencyMsP99: 0, cacheHitRate: 0 });
});

test('the hit rate is hits per look-up over all caches', () => {
  const metrics = createMetrics({ processMetrics: false });
  metrics.counter('torua_cache_requests_total', { cache: 'value', result: 'hit' }).add(3);
  metrics.counter('torua_cache_requests_total', { cache: 'value', result: 'miss' }).add(1);
  expect(metrics.recent(0).cacheHitRate).toBe(0.75);
});
