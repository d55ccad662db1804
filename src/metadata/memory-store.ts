/** The cluster state in memory, shared by any number of stores of one cluster: for tests and the simulation. */
import { assert } from '../kernel/assert.ts';
import type { ClusterState } from '../protocol/cluster-state.ts';
import { LeaderSeat } from './leader-seat.ts';
import type { Candidate, Leadership, MetadataStore } from './metadata-store.ts';
import { Watchers } from './watchers.ts';

/** What the stores of one cluster share; it outlives each of them, as a disk or etcd would. */
export class SharedMetadata {
  state: ClusterState | undefined;
  readonly seat = new LeaderSeat();
  readonly watchers = new Watchers();
}

/** One coordinator's view of a `SharedMetadata`. */
export class MemoryMetadataStore implements MetadataStore {
  readonly #shared: SharedMetadata;
  readonly #unwatch = new Set<() => void>();
  readonly #leaderships = new Set<Leadership>();

  constructor(shared: SharedMetadata) {
    this.#shared = shared;
  }

  async read(): Promise<ClusterState | undefined> {
    return this.#shared.state;
  }

  async compareAndSwap(expectedVersion: number | undefined, state: ClusterState): Promise<boolean> {
    assert(
      state.version > (expectedVersion ?? -1),
      'a committed version is higher than the one before',
    );
    if (this.#shared.state?.version !== expectedVersion) return false;
    this.#shared.state = state;
    this.#shared.watchers.tell(state);
    return true;
  }

  watch(listener: (state: ClusterState) => void): () => void {
    const unwatch = this.#shared.watchers.add(listener);
    this.#unwatch.add(unwatch);
    return unwatch;
  }

  async lead(candidate: Candidate, signal: AbortSignal): Promise<Leadership | undefined> {
    const leadership = await this.#shared.seat.take(candidate, signal);
    if (leadership) this.#leaderships.add(leadership);
    return leadership;
  }

  async leader(): Promise<Candidate | undefined> {
    return this.#shared.seat.present;
  }

  async close(): Promise<void> {
    for (const unwatch of this.#unwatch) unwatch();
    for (const leadership of this.#leaderships) await leadership.resign();
    this.#unwatch.clear();
    this.#leaderships.clear();
  }
}
