/** The node's process: configuration, wiring, web server, end. Started through dist/node/main.js (see scripts/entry.cjs). */
import { createApp } from '../http/app.ts';
import type { AppOptions } from '../http/app-options.ts';
import { mountInternal } from '../http/internal-routes.ts';
import { checkAddress, listen } from '../http/listen.ts';
import { installShutdown } from '../http/shutdown.ts';
import { trafficMeter } from '../http/traffic-meter.ts';
import { mountValueRoutes } from '../http/value-routes.ts';
import { pause, systemClock } from '../kernel/clock.ts';
import { asToruaError } from '../kernel/errors.ts';
import { createLogger, type Logger } from '../kernel/logger.ts';
import { createMetrics, type Metrics } from '../kernel/metrics.ts';
import { nodeDisk } from '../kernel/node-disk.ts';
import { systemRandom } from '../kernel/random.ts';
import { createKuzuStoreFactory } from '../shard/kuzu-store-open.ts';
import { createPeers, type Peers } from '../transport/peers.ts';
import { createUndiciWire } from '../transport/undici-wire.ts';
import { type NodeConfig, nodeConfig } from './config.ts';
import { nodeInternalRoutes } from './internal-routes.ts';
import { divideMemory, type MemoryPlan } from './memory-plan.ts';
import { bindNodeMetrics } from './node-metrics.ts';
import { NodeRuntime } from './node-runtime.ts';
import { readinessOf } from './readiness.ts';
import { nodeRoutes } from './routes.ts';
import { valueHandler } from './value-handler.ts';

/** The log or the disk under it failed; the supervisor starts the process again and it replays. */
const EXIT_STORAGE_FAILED = 74;
/** Bad configuration, a taken port, a locked directory: starting again would not help. */
const EXIT_CONFIG = 78;
/** A stopping node is through well within the supervisor's patience, milliseconds. */
const DRAIN_MS_MAX = 4_000;
/** Requests that are still being answered after this are cut off, milliseconds. */
const REQUESTS_MS_MAX = 1_500;
/** Whatever is still open then is given up: a stopping process is gone within 10 s. */
const SHUTDOWN_MS_MAX = 9_000;

async function main(config: NodeConfig): Promise<void> {
  await checkAddress({ address: config.listen, variable: 'NODE_LISTEN' });
  const logger = createLogger({ level: config.logLevel, name: config.id, isTty: config.isTty });
  const metrics = createMetrics({ processMetrics: true });
  const peers = createPeers();
  const memory = divideMemory(config.memoryBytes, config.valueCache === 'auto');
  const node = await openNode(config, { logger, metrics, peers, memory });
  const app = await createApp(appOptions(config, { logger, metrics, node }));
  const shutdown = installShutdown({
    logger,
    graceMs: SHUTDOWN_MS_MAX,
    close: async () => {
      // Shards leave while requests are still answered: both their release and their last reads come in here.
      await node.leave();
      await Promise.race([app.close(), pause(systemClock, REQUESTS_MS_MAX)]);
      await node.stop();
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

/** What every part of the process shares. */
interface ProcessParts {
  readonly logger: Logger;
  readonly metrics: Metrics;
}

function openNode(
  config: NodeConfig,
  parts: ProcessParts & { readonly peers: Peers; readonly memory: MemoryPlan },
): Promise<NodeRuntime> {
  const { logger, metrics, peers, memory } = parts;
  const clock = systemClock;
  const disk = nodeDisk();
  const onTraffic = trafficMeter(metrics);
  return NodeRuntime.open(
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
      clock,
      random: systemRandom,
      disk,
      wire: createUndiciWire({ clock, peers, token: config.clusterToken, onTraffic }),
      stores: createKuzuStoreFactory({ disk, clock, logger, poolBytes: memory.pool }),
      logger,
      metrics,
      onFatal: (reason) => {
        logger.error({ err: reason }, 'the log died; the process ends so that it is replayed');
        process.exit(EXIT_STORAGE_FAILED);
      },
    },
  );
}

function appOptions(config: NodeConfig, parts: ProcessParts & { node: NodeRuntime }): AppOptions {
  const { logger, metrics, node } = parts;
  return {
    name: 'node',
    version: config.version,
    clock: systemClock,
    random: systemRandom,
    logger,
    metrics,
    probes: { readiness: () => readinessOf(node), health: () => healthOf(node) },
    clusterToken: config.clusterToken,
    requestTimeoutMs: config.requestTimeoutMs,
    slowMs: config.slowMs,
    limits: { connectionsMax: config.connectionsMax, requestsMax: config.requestsMax },
  };
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
