/**
 * The leader's hand on the cluster state: one command after another through the pure reducer, committed to the metadata
 * store before anybody hears of it. A cluster that nobody has joined lives in memory only, so that a coordinator with
 * an empty directory that meets nodes of an existing cluster has created nothing.
 */

import type { ClusterCommand, Reduction } from '../cluster/commands.ts';
import type { ClusterEvent } from '../cluster/events.ts';
import { reduce } from '../cluster/reduce.ts';
import { buildRoutingTable, type RoutingTable } from '../cluster/routing.ts';
import { assert } from '../kernel/assert.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Random } from '../kernel/random.ts';
import { Turns } from '../kernel/turns.ts';
import type { MetadataStore } from '../metadata/metadata-store.ts';
import type { ClusterState } from '../protocol/cluster-state.ts';
import type { EventLog } from './event-log.ts';

/** What the keeper is given. */
export interface StateKeeperParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metadata: MetadataStore;
  readonly events: EventLog;
  readonly bytesByShard: () => ReadonlyMap<string, number>;
  /** The store failed: what it holds is not known any more, the process has to start again. */
  readonly onFatal: (reason: unknown) => void;
}

/** How a command is carried out. */
export interface ChangeOptions {
  /** Makes a cluster of a state that was only in memory, if the command changes it. */
  readonly found?: boolean | undefined;
  /** Run once the command was neither refused nor failed, before anybody else hears of it. */
  readonly accepted?: (() => void) | undefined;
}

/** Told after each commit, in order. */
export type CommitListener = (reduction: Reduction) => void;

/** See the module. */
export class StateKeeper {
  readonly #parts: StateKeeperParts;
  readonly #listeners: CommitListener[] = [];
  #state: ClusterState;
  #routing: RoutingTable;
  /** Version in the metadata store; undefined while the cluster is not founded. */
  #storedVersion: number | undefined;
  readonly #turns = new Turns();

  constructor(parts: StateKeeperParts, state: ClusterState, storedVersion: number | undefined) {
    this.#parts = parts;
    this.#state = state;
    this.#routing = buildRoutingTable(state);
    this.#storedVersion = storedVersion;
  }

  /** The newest committed state; before the founding, the one that would be founded. */
  get state(): ClusterState {
    return this.#state;
  }

  get routing(): RoutingTable {
    return this.#routing;
  }

  /** Whether the state is stored and nodes may act on it. */
  get founded(): boolean {
    return this.#storedVersion !== undefined;
  }

  onCommit(listener: CommitListener): void {
    this.#listeners.push(listener);
  }

  /**
   * Carries out one command after those before it. Resolves when its change is durable; errors are the reducer's
   * refusals and the store's.
   */
  change(command: ClusterCommand, options: ChangeOptions = {}): Promise<Reduction> {
    return this.#turns.run(() => this.#change(command, options));
  }

  /** Replaces a state that was never founded by one that the nodes held. */
  adopt(state: ClusterState): Promise<void> {
    return this.#turns.run(async () => {
      assert(!this.founded, 'only a coordinator without a state of its own adopts one');
      this.#state = state;
    });
  }

  /** Tells of what happened: to users, and in the log. Also of what the document does not hold. */
  announce(happened: readonly ClusterEvent[]): void {
    const { clock, events, logger } = this.#parts;
    for (const event of happened) {
      events.add(event, clock.wallMs());
      logger.info({ ...event }, 'cluster event');
    }
  }

  async #change(command: ClusterCommand, options: ChangeOptions): Promise<Reduction> {
    const { clock, random } = this.#parts;
    const before = this.#state;
    const reduction = reduce(before, command, {
      now: clock.wallMs(),
      newId: () => random.hex(8),
      bytesByShard: this.#parts.bytesByShard(),
    });
    if (reduction.state !== before) await this.#commit(reduction.state, options.found ?? false);
    options.accepted?.();
    this.announce(reduction.events);
    for (const listener of this.#listeners) listener(reduction);
    return reduction;
  }

  async #commit(state: ClusterState, found: boolean): Promise<void> {
    if (this.founded || found) {
      const { metadata, onFatal } = this.#parts;
      const swapped = await metadata.compareAndSwap(this.#storedVersion, state).catch((reason) => {
        onFatal(reason);
        throw reason;
      });
      assert(swapped, 'only the leader changes the cluster state');
      this.#storedVersion = state.version;
    }
    this.#state = state;
    this.#routing = buildRoutingTable(state);
  }
}
