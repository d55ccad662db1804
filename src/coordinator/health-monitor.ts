/** Asks every node's `/livez` once per interval; what the answers mean is decided in cluster/health. */
import { type Clock, pause } from '../kernel/clock.ts';
import { deadlineIn } from '../kernel/deadline.ts';
import type { Service } from '../kernel/service.ts';
import type { ClusterState, NodeEntry } from '../protocol/cluster-state.ts';
import type { Wire } from '../transport/wire.ts';

/** What the monitor is given. */
export interface HealthMonitorParts {
  readonly clock: Clock;
  readonly wire: Wire;
  readonly state: () => ClusterState;
  /** A check of this node came back. */
  readonly onProbe: (node: NodeEntry, answered: boolean) => Promise<void>;
  /** Every node was checked once more. */
  readonly onRound: () => void;
}

/** See the module. */
export class HealthMonitor implements Service {
  readonly name = 'health-monitor';
  readonly #parts: HealthMonitorParts;
  readonly #abort = new AbortController();

  constructor(parts: HealthMonitorParts) {
    this.#parts = parts;
  }

  async run(): Promise<void> {
    const { clock, state } = this.#parts;
    const { signal } = this.#abort;
    while (!signal.aborted) {
      const startedMs = clock.monotonicMs();
      await Promise.all(state().nodes.map((node) => this.probe(node)));
      if (!signal.aborted) this.#parts.onRound();
      const intervalMs = state().config.healthCheckIntervalMs;
      await pause(clock, Math.max(0, startedMs + intervalMs - clock.monotonicMs()), signal);
    }
  }

  stop(): void {
    this.#abort.abort();
  }

  /** One check, at most one interval long. */
  async probe(node: NodeEntry): Promise<void> {
    const { clock, wire, state } = this.#parts;
    const deadline = deadlineIn(clock, state().config.healthCheckIntervalMs);
    let answered = false;
    try {
      const answer = await wire.send(
        { address: node.addr, method: 'GET', path: '/livez' },
        deadline,
      );
      answered = answer.status === 200;
    } catch {
      // No answer is a result, not a failure of ours: the verdict counts it.
    }
    if (!this.#abort.signal.aborted) await this.#parts.onProbe(node, answered);
  }
}
