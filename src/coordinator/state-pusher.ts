/** Brings every committed state to every node, and knows who has stored which version. */
import { type Clock, pause } from '../kernel/clock.ts';
import { deadlineIn } from '../kernel/deadline.ts';
import type { Logger } from '../kernel/logger.ts';
import type { ClusterState } from '../protocol/cluster-state.ts';
import {
  type HeldCopy,
  INTERNAL_PATHS,
  pushStateAnswerSchema,
  pushStateSchema,
} from '../protocol/messages.ts';
import { callJson } from '../transport/json-call.ts';
import type { Wire } from '../transport/wire.ts';

/** Longest one push may take, milliseconds; a node that opens large copies answers later and is asked again. */
const PUSH_MS_MAX = 10_000;
/** Pause before a failed push is repeated, milliseconds. */
const PUSH_AGAIN_MS = 200;

/** What the pusher is given. */
export interface StatePusherParts {
  readonly clock: Clock;
  readonly wire: Wire;
  readonly logger: Logger;
  readonly state: () => ClusterState;
  /** A node answered a push with what it holds. */
  readonly onReport: (nodeId: string, copies: readonly HeldCopy[]) => void;
}

/** See the module. Every node has a loop of its own, so that a slow one delays nobody. */
export class StatePusher {
  readonly #parts: StatePusherParts;
  readonly #stored = new Map<string, number>();
  readonly #running = new Set<string>();
  readonly #abort = new AbortController();

  constructor(parts: StatePusherParts) {
    this.#parts = parts;
  }

  /** The state changed, or nodes came back: push to whoever may be behind. */
  push(): void {
    for (const node of this.#parts.state().nodes) {
      if (node.directoryId === undefined || this.#running.has(node.id)) continue;
      this.#running.add(node.id);
      void this.#serve(node.id);
    }
  }

  /** Another process has the id now: what the one before stored says nothing. */
  forget(nodeId: string): void {
    this.#stored.delete(nodeId);
  }

  /** Whether the node has stored this version or a newer one. */
  hasStored(nodeId: string, version: number): boolean {
    return (this.#stored.get(nodeId) ?? -1) >= version;
  }

  stop(): void {
    this.#abort.abort();
  }

  async #serve(nodeId: string): Promise<void> {
    const { clock } = this.#parts;
    try {
      while (!this.#abort.signal.aborted) {
        const state = this.#parts.state();
        const node = state.nodes.find((entry) => entry.id === nodeId);
        const away = node === undefined || node.status === 'unhealthy' || node.status === 'dead';
        if (away || this.hasStored(nodeId, state.version)) return;
        const pushed = await this.#pushTo(nodeId, node.addr, state);
        if (!pushed) await pause(clock, PUSH_AGAIN_MS, this.#abort.signal);
      }
    } finally {
      // In the same turn as the look at the state: a push in between would find it running and be lost.
      this.#running.delete(nodeId);
    }
  }

  async #pushTo(nodeId: string, address: string, state: ClusterState): Promise<boolean> {
    const { clock, wire, logger } = this.#parts;
    try {
      const answer = await callJson(
        wire,
        {
          address,
          path: INTERNAL_PATHS.state,
          request: pushStateSchema,
          body: { state },
          answer: pushStateAnswerSchema,
        },
        deadlineIn(clock, PUSH_MS_MAX),
      );
      this.#stored.set(nodeId, answer.stateVersion);
      this.#parts.onReport(nodeId, answer.copies);
      return true;
    } catch (reason) {
      logger.debug({ err: reason, nodeId, version: state.version }, 'a push failed');
      return false;
    }
  }
}
