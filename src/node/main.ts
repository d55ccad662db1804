/** The node's process: configuration, wiring, web server, end. Started through dist/node/main.js (see scripts/entry.cjs). */
import { createApp } from '../http/app.ts';
import { mountInternal } from '../http/internal-routes.ts';
import { listen } from '../http/listen.ts';
import { installShutdown } from '../http/shutdown.ts';
import { trafficMeter } from '../http/traffic-meter.ts';
import { mountValueRoutes } from '../http/value-routes.ts';
import { systemClock } from '../kernel/clock.ts';
import { asToruaError, ToruaError } from '../kernel/errors.ts';
import { createLogger } from '../kernel/logger.ts';
import { createMetrics } from '../kernel/metrics.ts';
import { nodeDisk } from '../kernel/node-disk.ts';
import { systemRandom } from '../kernel/random.ts';
import { createKuzuStoreFactory } from '../shard/kuzu-store-open.ts';
import { createPeers } from '../transport/peers.ts';
import { createUndiciWire } from '../transport/undici-wire.ts';
import { type NodeConfig, nodeConfig } from './config.ts';
import { nodeInternalRoutes } from './internal-routes.ts';
import { divideMemory } from './memory-plan.ts';
import { bindNodeMetrics } from './node-metrics.ts';
import { NodeRuntime } from './node-runtime.ts';
import { nodeRoutes } from './routes.ts';
import { valueHandler } from './value-handler.ts';

/** The log or the disk under it failed; the supervisor starts the process again and it replays. */
const EXIT_STORAGE_FAILED = 74;
/** Bad configuration, a taken port, a locked directory: starting again would not help. */
const EXIT_CONFIG = 78;
/** A stopping node is through well within the supervisor's patience, milliseconds. */
const DRAIN_MS_MAX = 5_000;
/** Whatever is still open then is given up: a stopping process is gone within 10 s. */
const SHUTDOWN_MS_MAX = 8_000;

async function main(config: NodeConfig): Promise<void> {
  const logger = createLogger({ level: config.logLevel, name: config.id, isTty: config.isTty });
  const metrics = createMetrics({ processMetrics: true });
  const peers = createPeers();
  const memory = divideMemory(config.memoryBytes, config.valueCache === 'auto');
  const disk = nodeDisk();
  const node = await NodeRuntime.open(
    {
      nodeId: config.id,
      directory: config.directory,
      coordinators: config.coordinators,
      healthIntervalMs: config.healthIntervalMs,
      maxShards: config.maxShards,
      zone: config.zone,
      version: config.version,
      valueCacheBytes: memory.valueCache,
      memtableBytes: memory.memtable,
      drainTimeoutMs: Math.min(config.drainTimeoutMs, DRAIN_MS_MAX),
    },
    {
      clock: systemClock,
      random: systemRandom,
      disk,
      wire: createUndiciWire({
        clock: systemClock,
        peers,
        token: config.clusterToken,
        onTraffic: trafficMeter(metrics),
      }),
      stores: createKuzuStoreFactory({ disk, clock: systemClock, logger, poolBytes: memory.pool }),
      logger,
      metrics,
      onFatal: (reason) => {
        logger.error({ err: reason }, 'the log died; the process ends so that it is replayed');
        process.exit(EXIT_STORAGE_FAILED);
      },
    },
  );
  const app = await createApp({
    name: 'node',
    version: config.version,
    clock: systemClock,
    random: systemRandom,
    logger,
    metrics,
    probes: { readiness: () => readiness(node), health: () => healthOf(node) },
    clusterToken: config.clusterToken,
    requestTimeoutMs: config.requestTimeoutMs,
    slowMs: config.slowMs,
    limits: { connectionsMax: config.connectionsMax, requestsMax: config.requestsMax },
  });
  const shutdown = installShutdown({
    logger,
    graceMs: SHUTDOWN_MS_MAX,
    close: async () => {
      // Requests end and shards leave at the same time: both need the other's patience.
      await Promise.all([node.stop(), app.close()]);
      await peers.close();
    },
  });
  mountInternal(app, nodeInternalRoutes(node));
  mountValueRoutes(app, valueHandler(node, config.valueBytesMax));
  nodeRoutes(app, node, {
    valueBytesMax: config.valueBytesMax,
    memory: () => ({ budget: config.memoryBytes, ...memory, value_cache_used: node.cache.bytes }),
    shutdown: () => shutdown.close(),
  });
  bindNodeMetrics(node, metrics, logger);
  const listening = await listen(app, {
    address: config.listen,
    variable: 'NODE_LISTEN',
    print: (line) => process.stdout.write(`${line}\n`),
  });
  if (listening.reachable && config.clusterToken === undefined) {
    logger.warn({ address: config.listen }, 'listening beyond this machine without CLUSTER_TOKEN');
  }
  node.start(config.addr ?? listening.url);
}

function readiness(node: NodeRuntime): ToruaError | undefined {
  const { connected, problem } = node.link.status;
  if (!connected) return new ToruaError('waiting_for_assignment', `Not registered: ${problem}`);
  const state = node.stored.current;
  if (!state)
    return new ToruaError('waiting_for_assignment', 'The first assignment has not been made.');
  if (node.copies.ready) return undefined;
  return new ToruaError('shard_opening', 'A copy assigned to this node is not open yet.');
}

function healthOf(node: NodeRuntime) {
  const state = node.stored.current;
  return {
    cluster: {
      nodes: state?.nodes.length ?? 0,
      shards: state?.databases[0]?.routing.numShards ?? 0,
      replicas: state?.config.replicationFactor ?? 1,
      state: node.lease.held ? 'connected' : 'no_lease',
    },
    reasons: [],
  };
}

/** One line that names the variable and what is allowed, then the end. */
function failStart(reason: unknown): never {
  const error = asToruaError(reason);
  process.stderr.write(
    `torua node: ${error.detail}${error.code === 'internal_error' ? ` ${String(error.cause)}` : ''}\n`,
  );
  process.exit(EXIT_CONFIG);
}

try {
  await main(nodeConfig());
} catch (reason) {
  failStart(reason);
}
