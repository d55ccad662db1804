/**
 * The cluster state's home as the coordinator needs it: read, compare-and-swap, watch, and who leads. Implementations:
 * a file (one coordinator) and memory (tests); etcd comes with more than one coordinator. One contract suite for all.
 */
import type { ClusterState } from '../protocol/cluster-state.ts';

/** A coordinator that wants to lead, or does. */
export interface Candidate {
  readonly id: string;
  /** URL under which others reach it. */
  readonly url: string;
}

/** The right to lead. Losing it is only a matter of time: compare `endsAtMs` with the clock before each act. */
export interface Leadership {
  /** End on the monotonic clock, milliseconds; Infinity where nobody else can lead. */
  endsAtMs(): number;
  /** Gives the lead away. Idempotent. */
  resign(): Promise<void>;
}

/** Versioned home of one cluster state. */
export interface MetadataStore {
  /** The committed state, or undefined when there is none. Errors: `state_damaged`, `directory_too_new`. */
  read(): Promise<ClusterState | undefined>;
  /**
   * Commits `state` durably if the committed version is still `expectedVersion` (undefined: none yet).
   * False: another change came first; read again. An error means that nothing may be concluded until the next `read`.
   * Contract: `state.version` is above `expectedVersion`; checked.
   */
  compareAndSwap(expectedVersion: number | undefined, state: ClusterState): Promise<boolean>;
  /** Calls `listener` with each state committed from now on, in order, newest last. The answer ends it. */
  watch(listener: (state: ClusterState) => void): () => void;
  /** Resolves with the leadership once nobody else leads, or with undefined when `signal` aborts first. */
  lead(candidate: Candidate, signal: AbortSignal): Promise<Leadership | undefined>;
  /** Who leads now, or undefined. */
  leader(): Promise<Candidate | undefined>;
  /** Ends watches and leadership held through this store. Idempotent. */
  close(): Promise<void>;
}
