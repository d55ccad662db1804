/**
 * Clusters for tests, exported as `torua/testing`: real processes on free ports of this machine, ready within
 * seconds, ended with the test process however it ends. The one harness of Torua's own suites and of its users'.
 */

import type { ToruaClient } from '../client/client.ts';
import { attendedClock, type Clock, pause } from '../kernel/clock.ts';
import type { ClusterColour } from '../protocol/public.ts';
import { ClusterProcesses, type NodeProcess } from './cluster-processes.ts';
import type { ProcessOptions } from './process-settings.ts';
import { builtPrograms, type Programs } from './programs.ts';

/** Wait between two tries of `eventually`, in milliseconds. */
const TRY_AGAIN_MS = 25;

/** A process of the cluster: the id of a node, or `coordinator`. */
export type Target = string;

/** What kind of cluster to start. */
export interface ClusterOptions extends ProcessOptions {
  /** Whether `startCluster` waits until the cluster is green. Default true. */
  readonly waitForGreen?: boolean | undefined;
}

/** A node of the cluster. */
export type ClusterNode = NodeProcess;

/** What to wait for: a colour means "at least as well", green before yellow before red. */
export type Wanted =
  | ClusterColour
  | { readonly status?: ClusterColour | undefined; readonly healthyNodes?: number | undefined };

/** A running cluster. */
export interface Cluster {
  /** The coordinator's address; stays the same for the cluster's life. */
  readonly url: string;
  readonly client: ToruaClient;
  readonly nodes: readonly ClusterNode[];
  readonly dataDir: string;
  /** Sends the signal (default SIGKILL) and waits until the process has ended; gives its exit code. */
  kill(target: Target, signal?: NodeJS.Signals): Promise<number | null>;
  /** Stops the process without ending it: it hangs. */
  suspend(target: Target): void;
  /** Lets a suspended process go on. */
  resume(target: Target): void;
  /** Ends the process if it runs (SIGTERM), starts it again with its id, folder and port, and waits for its address. */
  restart(target: Target): Promise<void>;
  /** One more node. Default id: the next free number. */
  addNode(options?: {
    id?: string | undefined;
    env?: Readonly<Record<string, string>> | undefined;
  }): Promise<ClusterNode>;
  /** Waits for a state of the cluster. Default time: 10 s. */
  waitFor(wanted: Wanted, options?: { timeoutMs?: number | undefined }): Promise<void>;
  /** Deletes all data; nodes and settings stay. */
  reset(): Promise<void>;
  /** What the processes wrote, of one of them or of all. */
  logs(target?: Target): string;
  /**
   * Ends every process and removes the folder unless it was given or is to be kept. Idempotent.
   * Errors: an Error that names each process that did not end by itself within 10 s (it is killed then).
   */
  close(options?: { keepData?: boolean | undefined }): Promise<void>;
}

/**
 * Starts a coordinator and its nodes and waits until the cluster is green.
 * Errors: an Error with the output of the process that did not come up; nothing is left running then.
 */
export function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  return startClusterOf(builtPrograms(), options);
}

/** As `startCluster`, with other programs in the place of the built ones; for tests of the helper itself. */
export async function startClusterOf(
  programs: Programs,
  options: ClusterOptions = {},
): Promise<Cluster> {
  const processes = await ClusterProcesses.start(programs, options);
  try {
    if (options.waitForGreen !== false) {
      await awaitState(
        processes.client,
        { status: 'green', healthyNodes: options.nodes ?? 3 },
        30_000,
      );
    }
  } catch (cause) {
    const logs = processes.logs();
    await processes.close({ keepData: false }).catch(() => {});
    throw new Error(`the cluster did not become green\n${logs.slice(-8_000)}`, { cause });
  }
  return clusterOver(processes);
}

function clusterOver(processes: ClusterProcesses): Cluster {
  return {
    url: processes.url,
    client: processes.client,
    get nodes() {
      return processes.nodes();
    },
    dataDir: processes.dataDir,
    kill: (target, signal = 'SIGKILL') => processes.kill(target, signal),
    suspend: (target) => processes.signal(target, 'SIGSTOP'),
    resume: (target) => processes.signal(target, 'SIGCONT'),
    restart: (target) => processes.restart(target),
    addNode: (options = {}) => processes.addNode(options),
    waitFor: (wanted, options = {}) =>
      awaitState(processes.client, wanted, options.timeoutMs ?? 10_000),
    reset: () => processes.client.reset(),
    logs: (target) => processes.logs(target),
    close: (options = {}) => processes.close(options),
  };
}

/** Waits for a state of any cluster, also one that this helper did not start. */
export async function awaitState(
  client: ToruaClient,
  wanted: Wanted,
  timeoutMs: number,
): Promise<void> {
  const { status, healthyNodes } =
    typeof wanted === 'string' ? { status: wanted, healthyNodes: undefined } : wanted;
  const rank = { green: 0, yellow: 1, red: 2 } as const;
  await eventually(
    async () => {
      const health = await client.health({ timeoutMs: 1_000 });
      if (status !== undefined && rank[health.status] > rank[status]) {
        throw new Error(
          `the cluster is ${health.status}, not ${status}: ${JSON.stringify(health)}`,
        );
      }
      if (healthyNodes !== undefined && health.healthyNodes < healthyNodes) {
        throw new Error(`${health.healthyNodes} nodes are healthy, not ${healthyNodes}`);
      }
    },
    { timeoutMs },
  );
}

/**
 * Repeats the assertion until it passes and gives what it returned: the only way to wait in a test.
 * Errors: the last failure of the assertion, when it never passed within `timeoutMs` (default 5,000).
 */
export async function eventually<T>(
  assertion: () => T | Promise<T>,
  options: { timeoutMs?: number | undefined; clock?: Clock | undefined } = {},
): Promise<T> {
  const clock = options.clock ?? attendedClock;
  const timeoutMs = options.timeoutMs ?? 5_000;
  const endsAt = clock.monotonicMs() + timeoutMs;
  for (;;) {
    try {
      return await assertion();
    } catch (error) {
      if (clock.monotonicMs() >= endsAt) {
        if (error instanceof Error) error.message += ` (still so after ${timeoutMs} ms)`;
        throw error;
      }
    }
    await pause(clock, TRY_AGAIN_MS);
  }
}
