/** A node's environment, read once. Source: REST contract, section 8. */
import { existsSync, readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { resolve } from 'node:path';
import { z } from 'zod';
import { baseUrlOf } from '../kernel/address.ts';
import { durationSetting, integerSetting, readEnvironment, sizeSetting } from '../kernel/config.ts';
import { LOG_LEVELS } from '../kernel/logger.ts';
import { NODE_ID_PATTERN, NODE_ID_RULE } from '../protocol/messages.ts';

const URL_RULE = 'a URL such as http://host:port, or host:port';
const urlSetting = z.string().transform((text, context) => {
  const url = baseUrlOf(text);
  if (url !== undefined) return url;
  context.addIssue({ code: 'custom', message: `must be ${URL_RULE}` });
  return z.NEVER;
});

/** Every variable with what it means; docs/reference/configuration.md is generated from it. */
export const nodeEnvironmentSchema = z.object({
  NODE_ID: z
    .string()
    .min(1)
    .max(255)
    .regex(NODE_ID_PATTERN, NODE_ID_RULE)
    .describe('Name of this node, unique in the cluster.'),
  NODE_LISTEN: z
    .string()
    .regex(/^[^/]*:\d{1,5}$/, 'must be host:port or :port')
    .default('127.0.0.1:8081')
    .describe('Address to listen on; `:8081` means all interfaces, port 0 any free one.'),
  NODE_ADDR: urlSetting
    .optional()
    .describe('URL or host:port under which others reach it; default: the bound address.'),
  COORDINATOR_ADDR: z
    .string()
    .transform((text, context) => {
      const urls = text.split(',').map((part) => baseUrlOf(part.trim()));
      if (urls.every((url) => url !== undefined)) return urls;
      context.addIssue({ code: 'custom', message: `each must be ${URL_RULE}` });
      return z.NEVER;
    })
    .describe('URL of the coordinator, or several with commas.'),
  DATA_DIR: z
    .string()
    .min(1)
    .optional()
    .describe("Directory of this node's shards; default ./data/<NODE_ID>."),
  CLUSTER_TOKEN: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Secret that coordinators and nodes share; without it only processes on this machine may call internal routes.',
    ),
  HEALTH_CHECK_INTERVAL: durationSetting(50, 60_000)
    .prefault('2s')
    .describe("Pace of the heartbeat before the cluster's own setting is known."),
  DEAD_AFTER: durationSetting(500, 86_400_000)
    .prefault('30s')
    .describe('Read by the coordinator; accepted here so that one environment serves both.'),
  DRAIN_TIMEOUT: durationSetting(0, 600_000)
    .prefault('30s')
    .describe('Longest a stopping node waits until its empty shards are elsewhere.'),
  NODE_MEMORY: sizeSetting(64 * 2 ** 20, 2 ** 50)
    .optional()
    .describe(
      "Memory for database pools, memtables and caches; default 60 % of the cgroup's limit, without one 15 % of the machine's, at least 256 MiB.",
    ),
  NODE_THREADS: integerSetting(1, 1_024)
    .optional()
    .describe('Threads that one graph query may use; used by the graph.'),
  NODE_MAX_SHARDS: integerSetting(0, 1_000_000)
    .optional()
    .describe('Copies this node takes at most.'),
  NODE_ZONE: z
    .string()
    .min(1)
    .max(255)
    .optional()
    .describe('Zone of this node; copies of a shard are spread over zones.'),
  VALUE_CACHE: z.enum(['auto', 'off']).default('auto').describe('Cache of values in memory.'),
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
  MAX_VALUE_BYTES: sizeSetting(1, 2 ** 30)
    .prefault('16MiB')
    .describe('Largest value.'),
  MAX_CONNECTIONS: integerSetting(1, 1_000_000)
    .prefault('10000')
    .describe('Connections open at once.'),
  MAX_REQUESTS: integerSetting(1, 1_000_000)
    .prefault('5000')
    .describe('Requests being answered at once; the next one is 503 overloaded.'),
  ALLOW_RESET: z
    .enum(['true', 'false'])
    .default('false')
    .describe('Read by the coordinator; accepted here so that one environment serves both.'),
  LOG_LEVEL: z.enum(LOG_LEVELS).default('info').describe('Loudness of the log on stderr.'),
  TORUA_VERSION: z.string().min(1).optional().describe('Overrides the reported version.'),
});

/** The node's configuration in the code's names; durations in milliseconds, sizes in bytes. */
export type NodeConfig = ReturnType<typeof nodeConfig>;

/** Reads the process's environment. Errors: `config_invalid`. */
export function nodeConfig(
  environment: Readonly<Record<string, string | undefined>> = process.env,
) {
  const env = readEnvironment(nodeEnvironmentSchema, environment);
  return {
    id: env.NODE_ID,
    listen: env.NODE_LISTEN,
    addr: env.NODE_ADDR,
    coordinators: env.COORDINATOR_ADDR,
    directory: resolve(env.DATA_DIR ?? `./data/${env.NODE_ID}`),
    clusterToken: env.CLUSTER_TOKEN,
    healthIntervalMs: env.HEALTH_CHECK_INTERVAL,
    drainTimeoutMs: env.DRAIN_TIMEOUT,
    memoryBytes: env.NODE_MEMORY ?? defaultMemory(),
    maxShards: env.NODE_MAX_SHARDS,
    zone: env.NODE_ZONE,
    valueCache: env.VALUE_CACHE,
    requestTimeoutMs: env.REQUEST_TIMEOUT,
    slowMs: env.SLOW_QUERY,
    valueBytesMax: env.MAX_VALUE_BYTES,
    connectionsMax: env.MAX_CONNECTIONS,
    requestsMax: env.MAX_REQUESTS,
    logLevel: env.LOG_LEVEL,
    version: env.TORUA_VERSION ?? packageVersion(),
    isTty: process.stderr.isTTY === true,
  };
}

const MEMORY_MIN = 256 * 2 ** 20;

function defaultMemory(): number {
  const limit = cgroupLimit();
  return Math.max(MEMORY_MIN, Math.floor(limit === undefined ? totalmem() * 0.15 : limit * 0.6));
}

function cgroupLimit(): number | undefined {
  for (const path of ['/sys/fs/cgroup/memory.max', '/sys/fs/cgroup/memory/memory.limit_in_bytes']) {
    const limit = existsSync(path) ? Number(readFileSync(path, 'utf8').trim()) : Number.NaN;
    if (Number.isFinite(limit) && limit < totalmem()) return limit;
  }
  return undefined;
}

/** The package's own version; this file lies two folders below its package.json, three once it is compiled. */
function packageVersion(): string {
  const folders = import.meta.url.includes('/dist/esm/') ? '../../../' : '../../';
  const text = readFileSync(new URL(`${folders}package.json`, import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
