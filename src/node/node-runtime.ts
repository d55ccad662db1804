/**
 * A node without its web server: directory, log, copies, link to the coordinator, background work. The simulation runs
 * exactly this; `main.ts` adds configuration and Fastify.
 */
import { unreachable } from '../kernel/assert.ts';
import { type Clock, pause } from '../kernel/clock.ts';
import { type DataDirectory, openDataDirectory } from '../kernel/data-directory.ts';
import { deadlineIn } from '../kernel/deadline.ts';
import type { Disk } from '../kernel/disk.ts';
import { ToruaError } from '../kernel/errors.ts';
import { createHybridClock, type HybridClock } from '../kernel/hybrid-clock.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Metrics } from '../kernel/metrics.ts';
import type { Random } from '../kernel/random.ts';
import type { Service } from '../kernel/service.ts';
import type { LogLimits } from '../log/limits.ts';
import type { NodeLog } from '../log/log.ts';
import { openLog } from '../log/open-log.ts';
import type { ClusterState } from '../protocol/cluster-state.ts';
import type { KeyOperation } from '../protocol/key-operation.ts';
import type { CopyEvent } from '../shard/copy-core.ts';
import type { StoreFactory } from '../shard/store.ts';
import { ValueCache } from '../shard/value-cache.ts';
import type { Wire } from '../transport/wire.ts';
import { CoordinatorLink } from './coordinator-link.ts';
import { CopySet } from './copy-set.ts';
import { Housekeeping } from './housekeeping.ts';
import { type KeyService, keyService } from './key-service.ts';
import { Lease } from './lease.ts';
import { LoadMeter } from './load-meter.ts';
import { OperationMeter } from './operation-meter.ts';
import { StoredState } from './stored-state.ts';

/** What a node's operator decided. */
export interface NodeSettings {
  readonly nodeId: string;
  readonly directory: string;
  readonly coordinators: readonly string[];
  /** Before the cluster's own setting is known, milliseconds. */
  readonly healthIntervalMs: number;
  readonly maxShards: number | undefined;
  readonly zone: string | undefined;
  readonly version: string;
  readonly valueCacheBytes: number;
  readonly memtableBytes: number;
  /** How long a stopping node waits for its empty shards to be elsewhere, milliseconds. */
  readonly drainTimeoutMs: number;
  /** Bounds of the log other than production's. */
  readonly logLimits?: Partial<LogLimits> | undefined;
}

/** What the outside world is to a node; the simulation brings its own. */
export interface NodeWorld {
  readonly clock: Clock;
  readonly random: Random;
  readonly disk: Disk;
  readonly wire: Wire;
  readonly stores: StoreFactory;
  readonly logger: Logger;
  readonly metrics: Metrics;
  /** The log died: nothing can be acknowledged any more, the process has to start again. */
  readonly onFatal: (reason: unknown) => void;
}

/** Changes per transaction of the store: bounds a memtable generation. */
const MEMTABLE_ROWS_MAX = 16_384;
/** Longest a lone change waits for the store, milliseconds. */
const APPLY_DELAY_MS = 1_000;
/** Waiting rows that end the delay. */
const APPLY_ROWS_EAGER = 4_000;
/** Pause between two questions whether the empty shards are elsewhere, milliseconds. */
const DRAIN_POLL_MS = 50;

/** See the module. */
export class NodeRuntime {
  readonly settings: NodeSettings;
  readonly world: NodeWorld;
  readonly lease: Lease;
  readonly stored: StoredState;
  readonly copies: CopySet;
  readonly link: CoordinatorLink;
  readonly keys: KeyService;
  readonly log: NodeLog;
  readonly cache: ValueCache;
  readonly hybrid: HybridClock;
  readonly load: LoadMeter;
  readonly incarnation: string;
  readonly startedAtMs: number;
  readonly #directory: DataDirectory;
  readonly #housekeeping: Housekeeping;
  readonly #meter: OperationMeter;
  #addr = '';
  #left: Promise<void> | undefined;
  #services: { service: Service; ended: Promise<void> }[] = [];

  private constructor(parts: {
    settings: NodeSettings;
    world: NodeWorld;
    directory: DataDirectory;
    log: NodeLog;
    stored: StoredState;
  }) {
    const { settings, world, log } = parts;
    this.settings = settings;
    this.world = world;
    this.log = log;
    this.stored = parts.stored;
    this.#directory = parts.directory;
    this.incarnation = world.random.hex(8);
    this.startedAtMs = world.clock.monotonicMs();
    this.lease = new Lease(world.clock);
    this.cache = new ValueCache(settings.valueCacheBytes);
    this.hybrid = createHybridClock(world.clock);
    this.hybrid.observe(log.lastHybridMs);
    this.load = new LoadMeter(world.clock);
    this.#meter = new OperationMeter(world.metrics);
    this.copies = this.#createCopies();
    this.keys = keyService({
      copies: this.copies,
      lease: this.lease,
      checkWritable: () => this.checkWritable(),
      numShards: () => this.numShards,
      record: (operation, status) => this.record(operation, status),
    });
    this.link = this.#createLink();
    this.#housekeeping = new Housekeeping({
      clock: world.clock,
      logger: world.logger,
      random: world.random,
      log,
      copies: this.copies,
      mayWrite: () => this.lease.held,
    });
  }

  /** Opens directory and log, finds the copies. Nothing is served and nobody told before `start`. */
  static async open(settings: NodeSettings, world: NodeWorld): Promise<NodeRuntime> {
    const { disk } = world;
    const directory = await openDataDirectory(world, settings.directory, 'node');
    try {
      const stored = new StoredState(disk, settings.directory);
      await stored.load();
      const log = await openLog({
        disk,
        clock: world.clock,
        logger: world.logger,
        directory: `${settings.directory}/log`,
        logId: directory.directoryId,
        reservePath: `${settings.directory}/RESERVE`,
        onSync: syncMeter(world.metrics),
        limits: settings.logLimits,
      });
      log.onFailure(world.onFatal);
      const runtime = new NodeRuntime({ settings, world, directory, log, stored });
      await runtime.copies.discover();
      return runtime;
    } catch (reason) {
      await directory.lock.release();
      throw reason;
    }
  }

  /** Begins to register under `addr`; opens the copies of the state that the last life stored meanwhile. */
  start(addr: string): void {
    this.#addr = addr;
    if (this.stored.current) this.#reconcile(this.stored.current);
    for (const service of [this.link, this.#housekeeping] as const) {
      const ended = service.run().catch((reason: unknown) => this.world.onFatal(reason));
      this.#services.push({ service, ended });
    }
  }

  /** URL under which others reach this node. */
  get addr(): string {
    return this.#addr;
  }

  /** Number of shards that keys are spread over, as the newest state says. */
  get numShards(): number {
    return this.stored.current?.databases[0]?.routing.numShards ?? 1;
  }

  /** An operation was answered. */
  record(operation: KeyOperation, status: number): void {
    this.load.record(operation);
    this.#meter.record(operation.verb, status);
  }

  get directoryId(): string {
    return this.#directory.directoryId;
  }

  /** Refuses the order of an older leader. Errors: `stale_epoch`. */
  checkOrder(order: { readonly leaderEpoch: number }): void {
    const known = this.stored.current?.leaderEpoch ?? 0;
    if (order.leaderEpoch >= known) return;
    throw new ToruaError(
      'stale_epoch',
      `This node follows leader epoch ${known}, the order is of ${order.leaderEpoch}.`,
    );
  }

  /** Errors: `read_only`. */
  checkWritable(): void {
    if (this.stored.current?.config.readOnly !== true) return;
    throw new ToruaError('read_only', 'The cluster is read-only.');
  }

  /** A committed state: stored durably, then acted on. Errors: `wrong_cluster`, `stale_epoch`. */
  async acceptState(state: ClusterState): Promise<void> {
    const taken = await this.stored.accept(state);
    if (taken) this.world.logger.debug({ version: state.version }, 'cluster state stored');
    await this.copies.reconcile(this.stored.current ?? state);
    // The first state founds the cluster: before it there was no lease, and the next beat may be a second away.
    if (taken && !this.lease.held) this.link.hurry();
  }

  /** Keeps a registration's promise: the state is durable when this resolves, the copies follow it. */
  async #storeState(state: ClusterState): Promise<void> {
    await this.stored.accept(state);
    this.#reconcile(this.stored.current ?? state);
  }

  /**
   * Tells the coordinator and waits, within limits, until the empty shards are elsewhere; requests are answered
   * meanwhile. Once only; `stop` does it as well.
   */
  leave(): Promise<void> {
    this.#left ??= this.#drain();
    return this.#left;
  }

  /** Leaves as the contract says, then stops: flush, checkpoint, close. */
  async stop(): Promise<void> {
    await this.leave();
    this.lease.drop();
    for (const { service } of this.#services) service.stop();
    await Promise.all(this.#services.map(({ ended }) => ended));
    await this.copies.close();
    await this.log.close();
    await this.#directory.lock.release();
  }

  async #drain(): Promise<void> {
    const { clock, logger } = this.world;
    const deadline = deadlineIn(clock, this.settings.drainTimeoutMs);
    try {
      while (!deadline.expired() && this.link.status.connected) {
        const state = await this.link.leaving(deadline);
        if (state === 'drained') this.link.stop();
        if (state !== 'draining') return;
        await pause(clock, DRAIN_POLL_MS);
      }
    } catch (reason) {
      logger.info({ err: reason }, 'the coordinator does not answer; the shards stay here');
    }
  }

  #reconcile(state: ClusterState): void {
    this.copies.reconcile(state).catch((reason: unknown) => {
      this.world.logger.error({ err: reason }, 'the stored state cannot be carried out');
    });
  }

  #createCopies(): CopySet {
    const { settings, world, log } = this;
    return new CopySet({
      nodeId: settings.nodeId,
      directory: `${settings.directory}/copies`,
      disk: world.disk,
      logger: world.logger,
      copyParts: {
        disk: world.disk,
        log,
        clock: world.clock,
        hybrid: this.hybrid,
        cache: this.cache,
        stores: world.stores,
        logger: world.logger,
        memtable: { bytesMax: settings.memtableBytes, rowsMax: MEMTABLE_ROWS_MAX },
        applier: { delayMs: APPLY_DELAY_MS, rowsEager: APPLY_ROWS_EAGER },
        onEvent: (event) => this.#copyEvent(event),
      },
    });
  }

  #createLink(): CoordinatorLink {
    const { settings, world } = this;
    return new CoordinatorLink({
      clock: world.clock,
      wire: world.wire,
      logger: world.logger,
      lease: this.lease,
      coordinators: settings.coordinators,
      self: () => ({
        id: settings.nodeId,
        addr: this.#addr,
        maxShards: settings.maxShards,
        zone: settings.zone,
        version: settings.version,
        directoryId: this.#directory.directoryId,
        incarnation: this.incarnation,
        copies: this.copies.held(),
        clusterId: this.stored.current?.clusterId,
        stateVersion: this.stored.current?.version,
        leaderEpoch: this.stored.current?.leaderEpoch,
      }),
      healthIntervalMs: () =>
        this.stored.current?.config.healthCheckIntervalMs ?? settings.healthIntervalMs,
      known: () => ({
        version: this.stored.current?.version ?? -1,
        leaderEpoch: this.stored.current?.leaderEpoch ?? 0,
      }),
      onState: (state) => this.#storeState(state),
      load: () => this.load.summary(),
    });
  }

  #copyEvent(event: CopyEvent): void {
    const { logger, metrics } = this.world;
    switch (event.type) {
      case 'applied':
        metrics.counter('torua_applied_rows_total', {}).add(event.rows);
        metrics.histogram('torua_apply_seconds', {}).observe(event.durationMs / 1_000);
        return;
      case 'maintained': {
        const { did: kind, durationMs } = event.report;
        metrics.histogram('torua_maintenance_seconds', { kind }).observe(durationMs / 1_000);
        logger.debug({ copyId: event.copyId, kind, durationMs }, 'store maintained');
        return;
      }
      case 'kept_aside':
        logger.error({ ...event }, 'a record cannot be applied and is kept aside');
        return;
      default:
        unreachable(event);
    }
  }
}

function syncMeter(metrics: Metrics): (durationMs: number) => void {
  const histogram = metrics.histogram('torua_log_fsync_seconds', {});
  return (durationMs) => histogram.observe(durationMs / 1_000);
}
