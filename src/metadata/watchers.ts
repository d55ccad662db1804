/** Listeners to committed states. Contract: a listener does not throw; what it starts, it waits for itself. */
import type { ClusterState } from '../protocol/cluster-state.ts';

/** Listeners of one store. */
export class Watchers {
  readonly #listeners = new Set<(state: ClusterState) => void>();

  /** Adds one; the answer removes it. */
  add(listener: (state: ClusterState) => void): () => void {
    // A wrapper of its own, so that one function may be added twice.
    const own = (state: ClusterState): void => listener(state);
    this.#listeners.add(own);
    return () => this.#listeners.delete(own);
  }

  /** Tells every listener. */
  tell(state: ClusterState): void {
    for (const listener of [...this.#listeners]) listener(state);
  }

  /** Forgets all listeners. */
  clear(): void {
    this.#listeners.clear();
  }
}
