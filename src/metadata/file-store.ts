/**
 * The cluster state in one file, for the cluster with one coordinator. Atomic and fsynced: after kill -9 or a power
 * cut the file holds either the old state or the new one, and a state that was answered as committed is the new one.
 */
import { assert } from '../kernel/assert.ts';
import { type Disk, readWhole, writeAtomically } from '../kernel/disk.ts';
import { ToruaError } from '../kernel/errors.ts';
import { Turns } from '../kernel/turns.ts';
import type { ClusterState } from '../protocol/cluster-state.ts';
import { decodeStoredState, encodeStoredState, STATE_FILE } from '../protocol/stored-state.ts';
import { LeaderSeat } from './leader-seat.ts';
import type { Candidate, Leadership, MetadataStore } from './metadata-store.ts';
import { Watchers } from './watchers.ts';

/** `state.json` in a data directory. Contract: the caller holds the directory's lock and the directory is durable. */
export class FileMetadataStore implements MetadataStore {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #seat = new LeaderSeat();
  readonly #watchers = new Watchers();
  readonly #leaderships = new Set<Leadership>();
  /** What the file holds; `unread` before the first look and after a write whose outcome is unclear. */
  #committed: { readonly state: ClusterState | undefined } | 'unread' = 'unread';
  #broken: ToruaError | undefined;
  /** A compare-and-swap is only one when nothing comes between its halves. */
  readonly #turns = new Turns();

  constructor(options: { readonly disk: Disk; readonly directory: string }) {
    this.#disk = options.disk;
    this.#directory = options.directory;
  }

  read(): Promise<ClusterState | undefined> {
    return this.#turns.run(() => this.#current());
  }

  compareAndSwap(expectedVersion: number | undefined, state: ClusterState): Promise<boolean> {
    return this.#turns.run(async () => {
      assert(
        state.version > (expectedVersion ?? -1),
        'a committed version is higher than the one before',
      );
      const before = await this.#current();
      if (before?.version !== expectedVersion) return false;
      await this.#write(state, before);
      this.#watchers.tell(state);
      return true;
    });
  }

  watch(listener: (state: ClusterState) => void): () => void {
    return this.#watchers.add(listener);
  }

  async lead(candidate: Candidate, signal: AbortSignal): Promise<Leadership | undefined> {
    const leadership = await this.#seat.take(candidate, signal);
    if (leadership) this.#leaderships.add(leadership);
    return leadership;
  }

  async leader(): Promise<Candidate | undefined> {
    return this.#seat.present;
  }

  async close(): Promise<void> {
    this.#watchers.clear();
    for (const leadership of this.#leaderships) await leadership.resign();
    this.#leaderships.clear();
    await this.#turns.run(async () => {});
  }

  async #current(): Promise<ClusterState | undefined> {
    if (this.#broken) throw this.#broken;
    if (this.#committed === 'unread') this.#committed = { state: await this.#load() };
    return this.#committed.state;
  }

  async #load(): Promise<ClusterState | undefined> {
    const path = `${this.#directory}/${STATE_FILE}`;
    const bytes = await readWhole(this.#disk, path);
    return bytes === undefined ? undefined : decodeStoredState(bytes, path);
  }

  async #write(state: ClusterState, before: ClusterState | undefined): Promise<void> {
    try {
      await writeAtomically(this.#disk, this.#directory, STATE_FILE, encodeStoredState(state));
      this.#committed = { state };
    } catch (cause) {
      await this.#afterFailedWrite(before, cause);
      throw cause;
    }
  }

  /**
   * The file still holds the old state: a full disk, say; the store goes on. It holds anything else: the new name may
   * be there and not durable, so nothing more is read or committed until the process starts again.
   */
  async #afterFailedWrite(before: ClusterState | undefined, cause: unknown): Promise<void> {
    this.#committed = 'unread';
    const held = await this.#load().catch(() => 'unreadable' as const);
    if (held !== 'unreadable' && held?.version === before?.version) {
      this.#committed = { state: before };
      return;
    }
    this.#broken = new ToruaError(
      'storage_failed',
      `${this.#directory}/${STATE_FILE} could not be written for certain; the process has to start again.`,
      { cause },
    );
  }
}
