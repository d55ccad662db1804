/** The coordinator's process: configuration, wiring, web server, end. Started through dist/coordinator/main.js. */
import { createApp } from '../http/app.ts';
import { mountInternal } from '../http/internal-routes.ts';
import { checkAddress, listen } from '../http/listen.ts';
import { installShutdown } from '../http/shutdown.ts';
import { trafficMeter } from '../http/traffic-meter.ts';
import { pause, systemClock } from '../kernel/clock.ts';
import { asToruaError, type ToruaError } from '../kernel/errors.ts';
import { createLogger, type Logger } from '../kernel/logger.ts';
import { createMetrics, type Metrics } from '../kernel/metrics.ts';
import { nodeDisk } from '../kernel/node-disk.ts';
import { systemRandom } from '../kernel/random.ts';
import { createPeers, type Peers } from '../transport/peers.ts';
import { createUndiciWire } from '../transport/undici-wire.ts';
import { createValueStreams } from '../transport/value-stream.ts';
import { summaryOf } from './cluster-view.ts';
import { type CoordinatorConfig, coordinatorConfig } from './config.ts';
import type { CoordinatorApp } from './coordinator-app.ts';
import { bindCoordinatorMetrics } from './coordinator-metrics.ts';
import { CoordinatorRuntime } from './coordinator-runtime.ts';
import { coordinatorInternalRoutes } from './internal-routes.ts';
import { bulkRoutes } from './routes/bulk-routes.ts';
import { catRoutes } from './routes/cat-routes.ts';
import { configRoutes } from './routes/config-routes.ts';
import { dataRoutes } from './routes/data-routes.ts';
import { eventRoutes } from './routes/event-routes.ts';
import { nodeRoutes } from './routes/node-routes.ts';
import { notBuiltRoutes } from './routes/not-built-routes.ts';
import { operatorRoutes } from './routes/operator-routes.ts';
import { rangeRoutes } from './routes/range-routes.ts';
import { shardRoutes } from './routes/shard-routes.ts';
import { statusRoutes } from './routes/status-routes.ts';

/** The state cannot be committed any more; the supervisor starts the process again. */
const EXIT_STORAGE_FAILED = 74;
/** Bad configuration, a taken port, a locked directory: starting again would not help. */
const EXIT_CONFIG = 78;
/** Whatever is still open then is given up: a stopping process is gone within 10 s. */
const SHUTDOWN_MS_MAX = 9_000;
/** Requests that are still being answered after this are cut off, milliseconds. */
const REQUESTS_MS_MAX = 4_000;

async function main(config: CoordinatorConfig): Promise<void> {
  await checkAddress({ address: config.listen, variable: 'COORDINATOR_ADDR' });
  const logger = createLogger({ level: config.logLevel, name: config.id, isTty: config.isTty });
  const metrics = createMetrics({ processMetrics: true });
  const peers = createPeers();
  const runtime = await openRuntime(config, { logger, metrics, peers });
  const app = await createApp({
    name: 'coordinator',
    version: config.version,
    clock: systemClock,
    random: systemRandom,
    logger,
    metrics,
    probes: { readiness: () => readiness(runtime), health: () => healthOf(runtime) },
    clusterToken: config.clusterToken,
    requestTimeoutMs: config.requestTimeoutMs,
    slowMs: config.slowMs,
    limits: { connectionsMax: config.connectionsMax, requestsMax: config.requestsMax },
  });
  installShutdown({
    logger,
    graceMs: SHUTDOWN_MS_MAX,
    close: async () => {
      runtime.prepareToStop();
      await Promise.race([app.close(), pause(systemClock, REQUESTS_MS_MAX)]);
      await runtime.stop();
      await peers.close();
    },
  });
  const reached = { url: '', isOpen: false };
  const streams = createValueStreams({ clock: systemClock, peers, token: config.clusterToken });
  mountInternal(app, coordinatorInternalRoutes(runtime));
  mountRoutes({
    app,
    runtime,
    streams,
    valueBytesMax: config.valueBytesMax,
    bulkLineBytesMax: config.bulkLineBytesMax,
    allowReset: config.allowReset,
    url: () => reached.url,
    warnings: () =>
      reached.isOpen ? ['The coordinator listens beyond this machine without authentication.'] : [],
  });
  bindCoordinatorMetrics(runtime, metrics, peers);
  // Nodes come back under other addresses; the connections to those they had are closed.
  runtime.keeper.onCommit(({ state }) => peers.keepOnly(new Set(state.nodes.map(addressOf))));
  const print = (line: string): boolean => process.stdout.write(`${line}\n`);
  const listening = await listen(app, {
    address: config.listen,
    variable: 'COORDINATOR_ADDR',
    print,
  });
  reached.url = config.url ?? listening.url;
  reached.isOpen = listening.reachable;
  if (reached.isOpen)
    logger.warn({ address: config.listen }, 'listening beyond this machine without authentication');
  runtime.start();
}

const addressOf = (node: { readonly addr: string }): string => node.addr;

function openRuntime(
  config: CoordinatorConfig,
  parts: { logger: Logger; metrics: Metrics; peers: Peers },
): Promise<CoordinatorRuntime> {
  const { logger, metrics, peers } = parts;
  return CoordinatorRuntime.open(
    {
      coordinatorId: config.id,
      directory: config.directory,
      version: config.version,
      founding: config.founding,
    },
    {
      clock: systemClock,
      random: systemRandom,
      disk: nodeDisk(),
      wire: createUndiciWire({
        clock: systemClock,
        peers,
        token: config.clusterToken,
        onTraffic: trafficMeter(metrics),
      }),
      logger,
      metrics,
      onFatal: (reason) => {
        logger.error({ err: reason }, 'the coordinator cannot go on; the process ends');
        process.exit(EXIT_STORAGE_FAILED);
      },
    },
  );
}

/** The table of contents of the users' surface. */
function mountRoutes(context: CoordinatorApp): void {
  const mounts: readonly ((context: CoordinatorApp) => void)[] = [
    dataRoutes,
    rangeRoutes,
    bulkRoutes,
    nodeRoutes,
    shardRoutes,
    statusRoutes,
    configRoutes,
    operatorRoutes,
    eventRoutes,
    catRoutes,
    notBuiltRoutes,
  ];
  for (const mount of mounts) mount(context);
}

function readiness(runtime: CoordinatorRuntime): ToruaError | undefined {
  try {
    runtime.recovery.check();
    return undefined;
  } catch (reason) {
    return asToruaError(reason);
  }
}

function healthOf(runtime: CoordinatorRuntime) {
  const summary = summaryOf(runtime);
  const { replicationFactor } = runtime.keeper.state.config;
  const unavailable = summary.unavailableShards;
  return {
    cluster: {
      nodes: summary.totalNodes,
      shards: summary.totalShards,
      replicas: replicationFactor,
      state: summary.colour,
    },
    reasons: unavailable.length > 0 ? [`Shards ${unavailable.join(', ')} have no live copy.`] : [],
  };
}

/** One line that names the variable and what is allowed, then the end. */
function failStart(reason: unknown): never {
  const error = asToruaError(reason);
  const cause = error.code === 'internal_error' ? ` ${String(error.cause)}` : '';
  process.stderr.write(`torua coordinator: ${error.detail}${cause}\n`);
  process.exit(EXIT_CONFIG);
}

try {
  await main(coordinatorConfig());
} catch (reason) {
  failStart(reason);
}
