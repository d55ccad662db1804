/**
 * A coordinator without its web server: state, registry, health checks, assignment, routing. The simulation runs
 * exactly this; `main.ts` adds configuration and Fastify.
 */
import type { Reduction } from '../cluster/commands.ts';
import { bytesByShard } from '../cluster/facts.ts';
import { initialState } from '../cluster/initial-state.ts';
import { findNode } from '../cluster/state-access.ts';
import type { Clock } from '../kernel/clock.ts';
import { type DataDirectory, openDataDirectory } from '../kernel/data-directory.ts';
import type { Disk } from '../kernel/disk.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Metrics } from '../kernel/metrics.ts';
import type { Random } from '../kernel/random.ts';
import { FileMetadataStore } from '../metadata/file-store.ts';
import type { MetadataStore } from '../metadata/metadata-store.ts';
import type { ClusterConfig, ClusterState, NodeEntry } from '../protocol/cluster-state.ts';
import type { Wire } from '../transport/wire.ts';
import { Assigner } from './assigner.ts';
import { EventLog } from './event-log.ts';
import { HealthMonitor } from './health-monitor.ts';
import { KeyRouter } from './key-router.ts';
import { NodeBook } from './node-book.ts';
import { operationIds } from './operation-ids.ts';
import { RangeRouter } from './range-router.ts';
import { RecoveryMode } from './recovery-mode.ts';
import { Registry } from './registry.ts';
import { StateKeeper } from './state-keeper.ts';
import { StatePusher } from './state-pusher.ts';

/** What a coordinator's operator decided; `founding` counts only for the very first start of a cluster. */
export interface CoordinatorSettings {
  readonly coordinatorId: string;
  readonly directory: string;
  readonly version: string;
  readonly founding: { readonly numShards: number; readonly config: ClusterConfig };
}

/** What the outside world is to a coordinator; the simulation brings its own. */
export interface CoordinatorWorld {
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly wire: Wire;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** The state cannot be committed any more: the process has to start again. */
  readonly onFatal: (reason: unknown) => void;
}

/** See the module. */
export class CoordinatorRuntime {
  readonly settings: CoordinatorSettings;
  readonly world: CoordinatorWorld;
  readonly events = new EventLog();
  readonly keeper: StateKeeper;
  readonly book: NodeBook;
  readonly recovery: RecoveryMode;
  readonly registry: Registry;
  readonly pusher: StatePusher;
  readonly assigner: Assigner;
  readonly monitor: HealthMonitor;
  readonly keys: KeyRouter;
  readonly ranges: RangeRouter;
  /** A fresh operation id of our own: 16 hex digits. */
  readonly newOpId: () => string;
  readonly startedAtMs: number;
  readonly #directory: DataDirectory;
  readonly #metadata: MetadataStore;
  #monitoring: Promise<void> = Promise.resolve();
  #stopping = false;

  private constructor(parts: {
    settings: CoordinatorSettings;
    world: CoordinatorWorld;
    directory: DataDirectory;
    metadata: MetadataStore;
    stored: ClusterState | undefined;
  }) {
    const { settings, world, stored } = parts;
    const { clock, random, wire, logger } = world;
    this.settings = settings;
    this.world = world;
    this.#directory = parts.directory;
    this.#metadata = parts.metadata;
    this.startedAtMs = clock.monotonicMs();
    const newId = (): string => random.hex(8);
    const state = stored ?? initialState({ clusterId: newId(), newId, ...settings.founding });
    this.book = new NodeBook(clock, state.config.healthCheckIntervalMs);
    this.keeper = this.#createKeeper(state, stored?.version);
    const { keeper, book } = this;
    this.recovery = this.#createRecovery();
    const { recovery } = this;
    this.pusher = this.#createPusher();
    this.monitor = this.#createMonitor();
    const { pusher, monitor } = this;
    const stopping = (): boolean => this.#stopping;
    this.registry = new Registry({ keeper, book, recovery, pusher, stopping });
    const mayForm = (): boolean => !recovery.active;
    this.assigner = new Assigner({ keeper, book, monitor, clock, wire, logger, mayForm });
    this.keys = this.#createRouter();
    this.newOpId = operationIds(random);
    this.ranges = new RangeRouter({ keeper, clock, wire, keys: this.keys });
    keeper.onCommit((reduction) => this.#committed(reduction));
  }

  /** Opens the directory and reads the state; a stored one is led from here on. */
  static async open(
    settings: CoordinatorSettings,
    world: CoordinatorWorld,
  ): Promise<CoordinatorRuntime> {
    const directory = await openDataDirectory(world, settings.directory, 'coordinator');
    try {
      const metadata = new FileMetadataStore({ disk: world.disk, directory: settings.directory });
      const stored = await metadata.read();
      const runtime = new CoordinatorRuntime({ settings, world, directory, metadata, stored });
      const { coordinatorId } = settings;
      await runtime.keeper.change({ kind: 'leader_started', coordinatorId, recovered: false });
      return runtime;
    } catch (reason) {
      await directory.lock.release();
      throw reason;
    }
  }

  /** Begins to check the nodes. */
  start(): void {
    this.#monitoring = this.monitor.run().catch((reason: unknown) => this.world.onFatal(reason));
  }

  /** Stops checking, pushing and routing; the state is durable already. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.monitor.stop();
    this.pusher.stop();
    this.assigner.stop();
    this.keys.close();
    await this.#monitoring;
    await this.#metadata.close();
    await this.#directory.lock.release();
  }

  /** Tells everybody that the process is about to stop: nobody's shards are moved any more. */
  prepareToStop(): void {
    this.#stopping = true;
  }

  /** Whether the process is about to stop: who waits for the cluster gives up. */
  get stopping(): boolean {
    return this.#stopping;
  }

  #createKeeper(state: ClusterState, storedVersion: number | undefined): StateKeeper {
    const { clock, random, logger, onFatal } = this.world;
    const bytes = (): ReadonlyMap<string, number> =>
      bytesByShard(this.keeper.state, this.book.facts(this.keeper.state));
    return new StateKeeper(
      {
        clock,
        random,
        logger,
        metadata: this.#metadata,
        events: this.events,
        bytesByShard: bytes,
        onFatal,
      },
      state,
      storedVersion,
    );
  }

  #createRecovery(): RecoveryMode {
    const { clock, wire, logger } = this.world;
    const { coordinatorId } = this.settings;
    const { keeper, book } = this;
    const onAdopt = ({ config }: ClusterState): void => book.inherit(config.healthCheckIntervalMs);
    return new RecoveryMode({ keeper, clock, wire, logger, coordinatorId, onAdopt });
  }

  #createPusher(): StatePusher {
    const { clock, wire, logger } = this.world;
    return new StatePusher({
      clock,
      wire,
      logger,
      state: () => this.keeper.state,
      onReport: (nodeId, copies) => {
        const settled = this.registry.settle(nodeId, copies);
        this.#background(settled, 'a report could not be settled');
      },
    });
  }

  #createMonitor(): HealthMonitor {
    const { clock, wire } = this.world;
    return new HealthMonitor({
      clock,
      wire,
      state: () => this.keeper.state,
      onProbe: (node, answered) => this.#probed(node, answered),
      onRound: () => this.assigner.evenOut(),
    });
  }

  #committed(reduction: Reduction): void {
    const { keeper, pusher, keys, assigner } = this;
    if (keeper.founded) pusher.push();
    keys.keepOnly(new Set(keeper.state.nodes.map((node) => node.addr)));
    assigner.carryOut(reduction.effects);
  }

  async #probed(node: NodeEntry, answered: boolean): Promise<void> {
    const { keeper, book } = this;
    // Forgotten while it was asked: nothing is to be remembered of it.
    if (findNode(keeper.state, node.id) === undefined) return;
    const verdict = book.probed(node.id, answered, keeper.state.config.deadAfterMs);
    if (verdict === undefined) return;
    await keeper.change({ kind: 'node_verdict', nodeId: node.id, verdict });
  }

  #createRouter(): KeyRouter {
    const { clock, random, wire, metrics } = this.world;
    const meter = (lane: 'read' | 'write') => {
      const operations = metrics.histogram('torua_batch_operations', { lane });
      const bytes = metrics.histogram('torua_batch_bytes', { lane });
      return {
        batch: (count: number, size: number): void => {
          operations.observe(count);
          bytes.observe(size);
        },
      };
    };
    return new KeyRouter({
      keeper: this.keeper,
      clock,
      random,
      wire,
      meters: { read: meter('read'), write: meter('write') },
      onRetry: (operation) => metrics.counter('torua_retries_total', { operation }).add(),
      check: () => this.recovery.check(),
    });
  }

  #background(work: Promise<unknown>, message: string): void {
    work.catch((reason: unknown) => this.world.logger.warn({ err: reason }, message));
  }
}
