/**
 * A coordinator without a state meets nodes that have one: it creates nothing, takes the newest state they hold, and
 * goes on by itself once every node named in it has registered; with nodes missing only after an operator's word.
 */
import { missingNodes, newestState, type StateOffer } from '../cluster/recovery.ts';
import type { Clock } from '../kernel/clock.ts';
import { deadlineIn } from '../kernel/deadline.ts';
import { ToruaError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import { Turns } from '../kernel/turns.ts';
import { decode } from '../protocol/case.ts';
import type { ClusterState } from '../protocol/cluster-state.ts';
import { INTERNAL_PATHS, type RegisterRequest, storedStateSchema } from '../protocol/messages.ts';
import { jsonFromAnswer } from '../transport/problem-answer.ts';
import type { Wire } from '../transport/wire.ts';
import type { StateKeeper } from './state-keeper.ts';

/** Longest a node may take to hand out its state, milliseconds. */
const FETCH_MS_MAX = 5_000;

/** What recovery is given. */
export interface RecoveryParts {
  readonly keeper: StateKeeper;
  readonly coordinatorId: string;
  readonly clock: Clock;
  readonly wire: Wire;
  readonly logger: Logger;
  /** A state of the nodes is about to be led: leases of its former leader may still run. */
  readonly onAdopt: (state: ClusterState) => void;
}

/** See the module. */
export class RecoveryMode {
  readonly #parts: RecoveryParts;
  readonly #offers = new Map<string, StateOffer>();
  readonly #registeredIds = new Set<string>();
  /** Two nodes may complete the cluster at once; it is adopted once. */
  readonly #turns = new Turns();

  constructor(parts: RecoveryParts) {
    this.#parts = parts;
  }

  /** Whether the coordinator waits for the nodes of an existing cluster. */
  get active(): boolean {
    return this.#offers.size > 0 && !this.#parts.keeper.founded;
  }

  /** Nodes that are still missing, ascending. */
  get missing(): readonly string[] {
    const newest = this.#newest();
    return newest ? missingNodes(newest, this.#registeredIds) : [];
  }

  /**
   * A node registers. Errors: `recovering` when it has to wait and try again, because the state is not known yet;
   * `wrong_cluster` when nodes of two clusters come.
   */
  async registered(node: RegisterRequest['node']): Promise<void> {
    if (this.#parts.keeper.founded) return;
    const state = node.clusterId === undefined ? undefined : await this.#fetch(node.addr);
    await this.#turns.run(() => this.#registered(node, state));
  }

  /** An operator goes on without the missing nodes; returns which. Errors: `not_recovering`. */
  acceptMissing(): Promise<readonly string[]> {
    return this.#turns.run(async () => {
      const newest = this.#newest();
      if (!newest) {
        throw new ToruaError(
          'not_recovering',
          'The coordinator has its state and waits for nobody.',
        );
      }
      const missing = missingNodes(newest, this.#registeredIds);
      await this.#adopt(newest, missing);
      return missing;
    });
  }

  /** Errors: `recovering` while the state is not known. */
  check(): void {
    if (!this.active) return;
    throw new ToruaError(
      'recovering',
      `The coordinator waits for nodes of its former cluster: ${this.missing.join(', ')}.`,
      {
        retryAfterMs: 1_000,
        fields: { missing_nodes: this.missing },
      },
    );
  }

  async #registered(node: RegisterRequest['node'], state: ClusterState | undefined): Promise<void> {
    if (this.#parts.keeper.founded) return;
    if (state) this.#offer({ nodeId: node.id, state });
    if (!this.active) return;
    this.#registeredIds.add(node.id);
    const newest = this.#newest();
    if (newest && missingNodes(newest, this.#registeredIds).length === 0) {
      await this.#adopt(newest, []);
    } else {
      this.check();
    }
  }

  /** A node of another cluster is turned away before its state counts: it would end the recovery of the first. */
  #offer(offer: StateOffer): void {
    newestState([...this.#offers.values(), offer]);
    this.#offers.set(offer.nodeId, offer);
  }

  #newest(): ClusterState | undefined {
    return this.active ? newestState([...this.#offers.values()]) : undefined;
  }

  async #adopt(state: ClusterState, missing: readonly string[]): Promise<void> {
    const { keeper, coordinatorId, logger } = this.#parts;
    logger.warn(
      { version: state.version, missing },
      'the cluster state was rebuilt from the nodes',
    );
    this.#parts.onAdopt(state);
    await keeper.adopt(state);
    await keeper.change(
      { kind: 'leader_started', coordinatorId, recovered: true },
      { found: true },
    );
    if (missing.length > 0) await keeper.change({ kind: 'recover_accept_missing', missing });
    this.#offers.clear();
  }

  async #fetch(address: string): Promise<ClusterState | undefined> {
    const { wire, clock } = this.#parts;
    const answer = await wire.send(
      { address, method: 'GET', path: INTERNAL_PATHS.state },
      deadlineIn(clock, FETCH_MS_MAX),
    );
    return decode(storedStateSchema, jsonFromAnswer(answer, address)).state;
  }
}
