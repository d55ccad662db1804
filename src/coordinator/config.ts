/** The coordinator's environment, read once. Source: REST contract, section 8. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import { checkConfig } from '../cluster/cluster-commands.ts';
import {
  booleanSetting,
  durationSetting,
  integerSetting,
  readEnvironment,
  sizeSetting,
} from '../kernel/config.ts';
import { ToruaError } from '../kernel/errors.ts';
import { LOG_LEVELS } from '../kernel/logger.ts';

/** Every variable with what it means; docs/reference/configuration.md is generated from it. */
export const coordinatorEnvironmentSchema = z.object({
  COORDINATOR_ADDR: z
    .string()
    .regex(/^[^/]*:\d{1,5}$/, 'must be host:port or :port')
    .default('127.0.0.1:8080')
    .describe('Address to listen on; `:8080` means all interfaces, port 0 any free one.'),
  COORDINATOR_ID: z
    .string()
    .min(1)
    .max(255)
    .default('coordinator-1')
    .describe('Name of this coordinator.'),
  COORDINATOR_URL: z
    .url()
    .optional()
    .describe('URL under which others reach it; default: the bound address.'),
  METADATA_URL: z
    .string()
    .regex(/^file:$/, 'must be file: (etcd:// comes with more than one coordinator)')
    .default('file:')
    .describe('Where the cluster state is kept; `file:` is DATA_DIR.'),
  DATA_DIR: z
    .string()
    .min(1)
    .default('./data/coordinator')
    .describe('Directory of the cluster state.'),
  CLUSTER_TOKEN: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Secret that coordinators and nodes share; without it only processes on this machine may join.',
    ),
  HEALTH_CHECK_INTERVAL: durationSetting(50, 60_000)
    .prefault('2s')
    .describe(
      'Time between two health checks of a node; its lease is twice as long. First start only.',
    ),
  DEAD_AFTER: durationSetting(500, 86_400_000)
    .prefault('30s')
    .describe('Silence after which a node counts as dead. First start only.'),
  DRAIN_TIMEOUT: durationSetting(0, 600_000)
    .prefault('30s')
    .describe('Longest a stopping process waits for requests and moves.'),
  REQUEST_TIMEOUT: durationSetting(1, 600_000)
    .prefault('10s')
    .describe('Time of a request that does not name its own.'),
  REPLICA_TIMEOUT: durationSetting(1, 600_000)
    .prefault('2s')
    .describe('Time a copy may take to acknowledge; used once there are replicas.'),
  LOCK_WAIT: durationSetting(1, 600_000)
    .prefault('2s')
    .describe('Time a statement waits for a lock; used by the graph.'),
  SLOW_QUERY: durationSetting(1, 600_000)
    .prefault('1s')
    .describe('Requests that take longer are logged.'),
  NUM_SHARDS: integerSetting(1, 4_096)
    .prefault('4')
    .describe('Number of shards. First start only.'),
  REPLICATION_FACTOR: integerSetting(1, 100)
    .prefault('1')
    .describe(
      'Copies of a shard including the primary; above 1 is not built yet. First start only.',
    ),
  AUTO_REBALANCE: booleanSetting
    .prefault('true')
    .describe('Whether shards are evened out when nodes join. First start only.'),
  MIN_NODES: integerSetting(1, 100_000)
    .prefault('1')
    .describe('Nodes the first assignment waits for. First start only.'),
  ASSIGNMENT_DELAY: durationSetting(0, 600_000)
    .prefault('1s')
    .describe('Time the first assignment waits for more nodes. First start only.'),
  MAX_VALUE_BYTES: sizeSetting(1, 2 ** 30)
    .prefault('16MiB')
    .describe('Largest value.'),
  MAX_BULK_LINE_BYTES: sizeSetting(1_024, 2 ** 30)
    .prefault('32MiB')
    .describe('Longest line of a bulk request.'),
  MAX_CONNECTIONS: integerSetting(1, 1_000_000)
    .prefault('10000')
    .describe('Connections open at once.'),
  MAX_REQUESTS: integerSetting(1, 1_000_000)
    .prefault('5000')
    .describe('Requests being answered at once; the next one is 503 overloaded.'),
  ALLOW_RESET: booleanSetting
    .prefault('false')
    .describe('Whether POST /cluster/reset may delete all data.'),
  LOG_LEVEL: z.enum(LOG_LEVELS).default('info').describe('Loudness of the log on stderr.'),
  TORUA_VERSION: z.string().min(1).optional().describe('Overrides the reported version.'),
});

/** The coordinator's configuration in the code's names; durations in milliseconds. */
export type CoordinatorConfig = ReturnType<typeof coordinatorConfig>;

/** Reads the process's environment. Errors: `config_invalid`. */
export function coordinatorConfig(
  environment: Readonly<Record<string, string | undefined>> = process.env,
) {
  const env = readEnvironment(coordinatorEnvironmentSchema, environment);
  const founding = {
    numShards: env.NUM_SHARDS,
    config: {
      healthCheckIntervalMs: env.HEALTH_CHECK_INTERVAL,
      deadAfterMs: env.DEAD_AFTER,
      replicationFactor: env.REPLICATION_FACTOR,
      autoRebalance: env.AUTO_REBALANCE,
      readOnly: false,
      maxShardsPerNode: 1_024,
      minInSync: 1,
      minNodes: env.MIN_NODES,
      assignmentDelayMs: env.ASSIGNMENT_DELAY,
    },
  };
  checkFounding(founding.config);
  return {
    listen: env.COORDINATOR_ADDR,
    id: env.COORDINATOR_ID,
    url: env.COORDINATOR_URL,
    directory: resolve(env.DATA_DIR),
    clusterToken: env.CLUSTER_TOKEN,
    drainTimeoutMs: env.DRAIN_TIMEOUT,
    requestTimeoutMs: env.REQUEST_TIMEOUT,
    slowMs: env.SLOW_QUERY,
    founding,
    valueBytesMax: env.MAX_VALUE_BYTES,
    bulkLineBytesMax: env.MAX_BULK_LINE_BYTES,
    connectionsMax: env.MAX_CONNECTIONS,
    requestsMax: env.MAX_REQUESTS,
    allowReset: env.ALLOW_RESET,
    logLevel: env.LOG_LEVEL,
    version: env.TORUA_VERSION ?? packageVersion(),
    isTty: process.stderr.isTTY === true,
  };
}

function checkFounding(config: Parameters<typeof checkConfig>[0]): void {
  try {
    checkConfig(config);
  } catch (reason) {
    const detail = reason instanceof ToruaError ? reason.detail : String(reason);
    const name =
      config.replicationFactor > 1
        ? `REPLICATION_FACTOR is "${config.replicationFactor}"`
        : 'DEAD_AFTER';
    throw new ToruaError('config_invalid', `${name}: ${detail}`);
  }
}

/** The package's own version; this file lies two folders below its package.json, three once it is compiled. */
function packageVersion(): string {
  const folders = import.meta.url.includes('/dist/esm/') ? '../../../' : '../../';
  const text = readFileSync(new URL(`${folders}package.json`, import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
