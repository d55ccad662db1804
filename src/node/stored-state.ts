/** The newest cluster state a node knows, kept on its disk before it acts on it; what a coordinator without a disk rebuilds from. */
import { type Disk, readWhole, writeAtomically } from '../kernel/disk.ts';
import { ToruaError } from '../kernel/errors.ts';
import { Turns } from '../kernel/turns.ts';
import type { ClusterState } from '../protocol/cluster-state.ts';
import { decodeStoredState, encodeStoredState, STATE_FILE } from '../protocol/stored-state.ts';

/** See the module. */
export class StoredState {
  readonly #disk: Disk;
  readonly #directory: string;
  #current: ClusterState | undefined;
  /** A push and a registration may bring states at once; they share one file. */
  readonly #turns = new Turns();

  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
  }

  get current(): ClusterState | undefined {
    return this.#current;
  }

  /** Reads what the last life stored. */
  async load(): Promise<void> {
    const path = `${this.#directory}/${STATE_FILE}`;
    const bytes = await readWhole(this.#disk, path);
    if (bytes) this.#current = decodeStoredState(bytes, path);
  }

  /**
   * Takes a state that is newer than the one known; false when it is not. Durable when resolved.
   * Errors: `wrong_cluster`, `stale_epoch`.
   */
  accept(state: ClusterState): Promise<boolean> {
    return this.#turns.run(() => this.#accept(state));
  }

  async #accept(state: ClusterState): Promise<boolean> {
    const known = this.#current;
    if (known && known.clusterId !== state.clusterId) {
      throw new ToruaError(
        'wrong_cluster',
        `This node belongs to cluster ${known.clusterId}, not to ${state.clusterId}.`,
      );
    }
    if (known && state.leaderEpoch < known.leaderEpoch) {
      throw new ToruaError(
        'stale_epoch',
        `This node follows leader epoch ${known.leaderEpoch}, the order is of ${state.leaderEpoch}.`,
      );
    }
    if (known && state.leaderEpoch === known.leaderEpoch && state.version <= known.version)
      return false;
    await writeAtomically(this.#disk, this.#directory, STATE_FILE, encodeStoredState(state));
    this.#current = state;
    return true;
  }
}
