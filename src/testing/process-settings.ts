/** With which settings the processes of a test cluster are started. Pure. */

/** Which processes to start, and with what. */
export interface ProcessOptions {
  /** Default 3. */
  readonly nodes?: number | undefined;
  /** Default 4. */
  readonly shards?: number | undefined;
  /** Further copies of each shard besides the primary. Default: the cluster's own, none. */
  readonly replicas?: number | undefined;
  /** The coordinator's port; 0, the default, takes a free one. */
  readonly port?: number | undefined;
  /** Kept after `close`. Default: a new folder, removed by `close`. */
  readonly dataDir?: string | undefined;
  /** Settings for all processes, over those of the helper; names as in docs/reference. */
  readonly env?: Readonly<Record<string, string>> | undefined;
  /** Settings for the coordinator alone. */
  readonly coordinatorEnv?: Readonly<Record<string, string>> | undefined;
  /** Settings for the nodes alone. */
  readonly nodeEnv?: Readonly<Record<string, string>> | undefined;
  /** How long a process may take to end before it counts as a survivor, in milliseconds. Default 10,000. */
  readonly stopTimeoutMs?: number | undefined;
}

/** What every process of a test cluster is started with. */
const SHARED_SETTINGS = {
  HEALTH_CHECK_INTERVAL: '500ms',
  ALLOW_RESET: 'true',
  LOG_LEVEL: 'info',
} as const;

/** How many nodes the options ask for. */
export const nodeCount = (options: ProcessOptions): number => options.nodes ?? 3;

/** The coordinator's environment. Its first assignment waits for all nodes, and then for nothing else. */
export function coordinatorSettings(
  options: ProcessOptions,
  dataDir: string,
): Record<string, string> {
  const { shards = 4, replicas, port = 0 } = options;
  return {
    COORDINATOR_ADDR: `127.0.0.1:${port}`,
    DATA_DIR: dataDir,
    NUM_SHARDS: String(shards),
    ...(replicas === undefined ? {} : { REPLICATION_FACTOR: String(replicas + 1) }),
    MIN_NODES: String(Math.max(1, nodeCount(options))),
    ASSIGNMENT_DELAY: '0ms',
    ...SHARED_SETTINGS,
    ...options.env,
    ...options.coordinatorEnv,
  };
}

/** A node's environment. */
export function nodeSettings(
  options: ProcessOptions,
  node: { id: string; coordinator: string; dataDir: string },
): Record<string, string> {
  return {
    NODE_ID: node.id,
    NODE_LISTEN: '127.0.0.1:0',
    COORDINATOR_ADDR: node.coordinator,
    DATA_DIR: node.dataDir,
    NODE_MEMORY: '256MiB',
    ...SHARED_SETTINGS,
    ...options.env,
    ...options.nodeEnv,
  };
}
