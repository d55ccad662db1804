/** What a coordinator's scrape shows. */
import { expect, test } from 'vitest';
import { CoordinatorWorld } from '../../test/rooms/coordinator-world.ts';
import { createMetrics } from '../kernel/metrics.ts';
import { createPeers } from '../transport/peers.ts';
import { bindCoordinatorMetrics } from './coordinator-metrics.ts';

// @req: http.metrics, metrics.nodes, metrics.state
test('a scrape shows nodes by status, shards by node, and the state’s version', async () => {
  const world = new CoordinatorWorld();
  const runtime = await world.open({ minNodes: 2 });
  for (const id of ['n1', 'n2']) await world.join(runtime, world.node(id));
  await world.clock.run({ forMs: 300 });
  await runtime.keeper.change({ kind: 'node_verdict', nodeId: 'n2', verdict: 'unhealthy' });
  const metrics = createMetrics({ processMetrics: false });
  const peers = createPeers();
  bindCoordinatorMetrics(runtime, metrics, peers);
  const { text } = await metrics.scrape();
  for (const line of [
    'torua_node_count{status="healthy"} 1',
    'torua_node_count{status="unhealthy"} 1',
    'torua_node_count{status="dead"} 0',
    'torua_shard_distribution{node_id="n1"} 2',
    'torua_shard_distribution{node_id="n2"} 2',
    `torua_cluster_state_version ${runtime.keeper.state.version}`,
    'torua_circuits_open 0',
  ]) {
    expect(text).toContain(line);
  }
  await peers.close();
});
