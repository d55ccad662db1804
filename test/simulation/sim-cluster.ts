/**
 * A whole cluster in virtual time: the production coordinator and nodes, each on a machine of its own. Replaced are the
 * clock, the randomness, the disk, the wire, and the engine behind the store.
 */

import { CoordinatorRuntime } from '../../src/coordinator/coordinator-runtime.ts';
import { coordinatorInternalRoutes } from '../../src/coordinator/internal-routes.ts';
import { fnv1a32 } from '../../src/kernel/fnv1a.ts';
import { type Logger, silentLogger } from '../../src/kernel/logger.ts';
import { createMetrics } from '../../src/kernel/metrics.ts';
import { nodeInternalRoutes } from '../../src/node/internal-routes.ts';
import { NodeRuntime } from '../../src/node/node-runtime.ts';
import type { KeyOperation } from '../../src/protocol/key-operation.ts';
import { createMemoryStoreFactory } from '../../src/shard/memory-store.ts';
import type { WireAnswer } from '../../src/transport/wire.ts';
import { SimClock } from './sim-clock.ts';
import { SimDisk, type SyncCall } from './sim-disk.ts';
import { type Host, Machine } from './sim-machine.ts';
import { type SimRandom, simRandom } from './sim-random.ts';
import { valueRoutes } from './sim-values.ts';
import { type Exchange, SimWire } from './sim-wire.ts';

/** What a run decides about its cluster. */
export interface ClusterPlan {
  readonly seed: number;
  readonly nodes: number;
  readonly numShards: number;
  readonly minNodes: number;
  readonly healthIntervalMs: number;
  readonly assignmentDelayMs: number;
  /** Bytes of a log segment. */
  readonly segmentBytes: number;
  readonly roomBytes: number;
  /** Bytes of log after which a store's base is refreshed. */
  readonly baseLogBytes: number;
  readonly syncFilter?: ((call: SyncCall) => boolean) | undefined;
}

/** Who watches. */
export interface ClusterWatch {
  readonly trace: (line: string) => void;
  /** Something happened that is a bug whatever the weather. */
  readonly onBug: (reason: unknown) => void;
  readonly onAnswer: (exchange: Exchange, answer: WireAnswer) => void;
  /** A node has answered an operation; called at that moment. */
  readonly onOperation: (node: NodeRuntime, operation: KeyOperation, status: number) => void;
  /** A coordinator serves from now on. */
  readonly onCoordinator: (runtime: CoordinatorRuntime) => void;
}

/** Address of the coordinator. */
export const COORDINATOR_ADDRESS = 'http://coordinator';
/** Longest a sync of the disk takes, milliseconds. */
const SYNC_MS_MAX = 3;
/** Metrics are not looked at; making them anew for each life costs more than all the rest of a start. */
const METRICS = createMetrics({ processMetrics: false });

/** See the module. */
export class SimCluster {
  readonly plan: ClusterPlan;
  readonly clock: SimClock;
  readonly wire: SimWire;
  readonly coordinator: Machine<CoordinatorRuntime>;
  readonly nodes: readonly Machine<NodeRuntime>[];
  /** What every node had stored when the coordinator lost its disk; no later one may lead with less. */
  mustKnowVersion = 0;
  readonly #watch: ClusterWatch;

  constructor(plan: ClusterPlan, watch: ClusterWatch) {
    this.plan = plan;
    this.#watch = watch;
    this.clock = new SimClock({ random: this.random('ties') });
    this.wire = new SimWire({
      clock: this.clock,
      random: this.random('wire'),
      trace: watch.trace,
      onAnswer: watch.onAnswer,
      onBug: watch.onBug,
    });
    this.coordinator = this.#machine('coordinator', (host) => this.#bootCoordinator(host));
    this.nodes = Array.from({ length: plan.nodes }, (_, index) =>
      this.#machine(`n${index + 1}`, (host) => this.#bootNode(host)),
    );
  }

  /** A generator for one purpose. */
  random(purpose: string): SimRandom {
    return simRandom(fnv1a32(`${this.plan.seed}/${purpose}`));
  }

  /** Every machine. */
  get machines(): readonly Machine<unknown>[] {
    return [this.coordinator, ...this.nodes] as readonly Machine<unknown>[];
  }

  /** The machines' file systems, durably. */
  format(): void {
    for (const machine of this.machines) {
      machine.format();
      machine.parts.disk.syncFilter = this.plan.syncFilter;
    }
  }

  /** What a process complains about is part of the trace. */
  #logger(name: string): Logger {
    const tell = (fields: object, message: string): void => {
      const reason = 'err' in fields ? String(fields.err) : '';
      this.#watch.trace(`${name} says: ${message} ${reason}`);
    };
    return { ...silentLogger, warn: tell, error: tell };
  }

  #machine<Runtime>(name: string, boot: (host: Host) => Promise<Runtime>): Machine<Runtime> {
    const random = this.random(`${name}/disk`);
    const latencyMs = (call: { kind: string }): number =>
      call.kind.startsWith('sync') ? random.float() * (SYNC_MS_MAX + machine.slowSyncMs) : 0;
    const machine: Machine<Runtime> = new Machine({
      name,
      clock: this.clock,
      disk: new SimDisk({ random, clock: this.clock, latencyMs, deadCalls: 'hang' }),
      randomOfLife: (life) => this.random(`${name}/${life}`),
      boot,
      trace: this.#watch.trace,
      onBug: this.#watch.onBug,
    });
    return machine;
  }

  async #bootCoordinator(host: Host): Promise<CoordinatorRuntime> {
    const { plan } = this;
    const { clock, random, disk, exit, name, life } = host;
    const runtime = await CoordinatorRuntime.open(
      {
        coordinatorId: name,
        directory: `/data/${name}`,
        version: 'simulated',
        founding: {
          numShards: plan.numShards,
          config: {
            healthCheckIntervalMs: plan.healthIntervalMs,
            deadAfterMs: plan.healthIntervalMs * 10,
            replicationFactor: 1,
            autoRebalance: true,
            readOnly: false,
            maxShardsPerNode: 1_024,
            minInSync: 1,
            minNodes: plan.minNodes,
            assignmentDelayMs: plan.assignmentDelayMs,
          },
        },
      },
      {
        clock,
        random,
        disk,
        wire: this.wire.of(host),
        logger: this.#logger(name),
        metrics: METRICS,
        onFatal: exit,
      },
    );
    const routes = coordinatorInternalRoutes(runtime);
    this.wire.listen(COORDINATOR_ADDRESS, { name, life, clock, routes });
    this.#watch.onCoordinator(runtime);
    runtime.start();
    return runtime;
  }

  async #bootNode(host: Host): Promise<NodeRuntime> {
    const { plan } = this;
    const { clock, random, disk, exit, name, life } = host;
    const runtime = await NodeRuntime.open(
      {
        nodeId: name,
        directory: `/data/${name}`,
        coordinators: [COORDINATOR_ADDRESS],
        healthIntervalMs: plan.healthIntervalMs,
        maxShards: undefined,
        zone: undefined,
        version: 'simulated',
        valueCacheBytes: 64 * 1024,
        memtableBytes: 64 * 1024,
        drainTimeoutMs: 1_000,
        logLimits: {
          segmentBytes: plan.segmentBytes,
          roomBytes: plan.roomBytes,
          ...SMALL_LOG,
        },
      },
      {
        clock,
        random,
        disk,
        wire: this.wire.of(host),
        stores: createMemoryStoreFactory({ disk, clock, baseLogBytes: plan.baseLogBytes }),
        logger: this.#logger(name),
        metrics: METRICS,
        onFatal: exit,
      },
    );
    const record = runtime.record.bind(runtime);
    runtime.record = (operation, status) => {
      record(operation, status);
      this.#watch.onOperation(runtime, operation, status);
    };
    const address = `http://${name}`;
    const routes = [...nodeInternalRoutes(runtime), ...valueRoutes(runtime)];
    this.wire.listen(address, { name, life, clock, routes });
    runtime.start(address);
    return runtime;
  }
}

/** The log's other bounds, small enough to be met in a short run. */
const SMALL_LOG = {
  groupBytesMax: 4_096,
  idleBatchDelayMs: 20,
  reserveBytes: 2_048,
  freeBytesMin: 4_096,
  fullCheckMs: 200,
  retainedBytesMax: 64 * 1_024,
} as const;
