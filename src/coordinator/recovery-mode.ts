/**
 * A coordinator without a state meets nodes that have one: it creates nothing, takes the newest state they hold, and
 * goes on by itself once every node named in it has registered; with nodes missing only after an operator's word.
 */
import { missingNodes, newestState, type StateOffer } from '../cluster/recovery.ts';
import type { Clock } from '../kernel/clock.ts';
import { deadlineIn } from '../kernel/deadline.ts';
import { ToruaError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
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
}

/** See the module. */
export class RecoveryMode {
  readonly #parts: RecoveryParts;
  readonly #offers = new Map<string, StateOffer>();
  readonly #registered = new Set<string>();

  constructor(parts: RecoveryParts) {
    this.#parts = parts;
  }

  /** Whether the coordinator waits for the nodes of an existing cluster. */
  get active(): boolean {
    return this.#offers.size > 0 && !this.#parts.keeper.founded;
  }

  /** Nodes that are still missing, ascending. */
  get missing(): readonly string[] {
    const newest = this.active ? newestState([...this.#offers.values()]) : undefined;
    return newest ? missingNodes(newest, this.#registered) : [];
  }

  /** A node registers. True: it has to wait, because the state is not known yet. */
  async registered(node: RegisterRequest['node']): Promise<boolean> {
    if (this.#parts.keeper.founded) return false;
    if (node.clusterId === undefined) {
      if (this.active) this.#registered.add(node.id);
      return this.active;
    }
    const state = await this.#fetch(node.addr);
    if (state) this.#offers.set(node.id, { nodeId: node.id, state });
    this.#registered.add(node.id);
    const newest = newestState([...this.#offers.values()]);
    if (newest && missingNodes(newest, this.#registered).length === 0)
      await this.#adopt(newest, []);
    return !this.#parts.keeper.founded;
  }

  /** An operator goes on without the missing nodes. Errors: `not_recovering`. */
  async acceptMissing(): Promise<void> {
    const newest = this.active ? newestState([...this.#offers.values()]) : undefined;
    if (!newest)
      throw new ToruaError('not_recovering', 'The coordinator has its state and waits for nobody.');
    await this.#adopt(newest, missingNodes(newest, this.#registered));
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

  async #adopt(state: ClusterState, missing: readonly string[]): Promise<void> {
    const { keeper, coordinatorId, logger } = this.#parts;
    if (keeper.founded) return;
    logger.warn(
      { version: state.version, missing },
      'the cluster state was rebuilt from the nodes',
    );
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
