/** The coordinator's side of registration, heartbeats and leaving: takes a node's word, asks the reducer, grants leases. */

import { emptyShards } from '../cluster/facts.ts';
import { commandsOfReport, requireSender } from '../cluster/heartbeat.ts';
import { leaseSpanMs } from '../cluster/lease.ts';
import { shardsOfNode } from '../cluster/summary.ts';
import { ToruaError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import type {
  HeartbeatAnswer,
  HeartbeatRequest,
  HeldCopy,
  RegisterAnswer,
  RegisterRequest,
} from '../protocol/messages.ts';
import { MIN_SUPPORTED_PROTOCOL } from '../protocol/version.ts';
import type { NodeBook } from './node-book.ts';
import type { RecoveryMode } from './recovery-mode.ts';
import type { StateKeeper } from './state-keeper.ts';
import type { StatePusher } from './state-pusher.ts';

/** What the registry is given. */
export interface RegistryParts {
  readonly keeper: StateKeeper;
  readonly book: NodeBook;
  readonly pusher: StatePusher;
  readonly recovery: RecoveryMode;
  readonly logger: Logger;
  /** Whether this coordinator is stopping: then nobody's shards are moved. */
  readonly stopping: () => boolean;
}

/** See the module. */
export class Registry {
  readonly #parts: RegistryParts;

  constructor(parts: RegistryParts) {
    this.#parts = parts;
  }

  /** POST /register. Errors: `node_id_in_use`, `wrong_cluster`, `stale_epoch`, `protocol_too_old`. */
  async register({ node }: RegisterRequest): Promise<RegisterAnswer> {
    const { keeper, book, recovery } = this.#parts;
    checkProtocol(node.protocolVersion);
    const waiting = await recovery.registered(node);
    if (waiting) return this.#answer(node.id, 0, false);
    const known = keeper.state.nodes.find((entry) => entry.id === node.id);
    const started = known?.incarnation !== node.incarnation;
    const command = {
      kind: 'register_node',
      node,
      leaseRunning: book.leaseRunning(node.id),
    } as const;
    // Reported first: the evaluation that a registration leads to has to know which shards are empty.
    book.report(node.id, node.copies ?? [], { started });
    await keeper.change(command);
    await this.#settle(node.id, node.copies ?? []);
    const entry = keeper.state.nodes.find((other) => other.id === node.id);
    const { healthCheckIntervalMs } = keeper.state.config;
    const leaseMs =
      entry && node.incarnation !== undefined && keeper.founded
        ? book.grant(entry, node.incarnation, healthCheckIntervalMs)
        : 0;
    return this.#answer(node.id, leaseMs, keeper.founded);
  }

  /** POST /heartbeat. Errors: `node_not_found` (register again), `node_id_in_use`. */
  async heartbeat(request: HeartbeatRequest): Promise<HeartbeatAnswer> {
    const { keeper, book, recovery } = this.#parts;
    if (recovery.active)
      throw new ToruaError('node_not_found', 'The coordinator is recovering; register again.');
    const node = requireSender(keeper.state, request);
    book.report(node.id, request.copies);
    book.noteLoad(node.id, request.load);
    await this.#settle(node.id, request.copies);
    const { state, founded } = keeper;
    // Asked again: another process may have taken over, or the node been declared unhealthy, while the state changed.
    const sender = requireSender(state, request);
    const leaseMs = founded
      ? book.grant(sender, request.incarnation, state.config.healthCheckIntervalMs)
      : 0;
    return {
      // A node of a cluster that is not founded yet has nothing to fetch.
      stateVersion: founded ? state.version : -1,
      configVersion: state.configVersion,
      leaderEpoch: founded ? state.leaderEpoch : 0,
      leaseMs,
    };
  }

  /** A node is about to stop. `keep`: its shards stay its own. */
  async leaving(sender: {
    nodeId: string;
    incarnation: string;
  }): Promise<'draining' | 'drained' | 'keep'> {
    const { keeper, book, recovery, stopping } = this.#parts;
    if (stopping() || recovery.active || !keeper.founded) return 'keep';
    const node = requireSender(keeper.state, sender);
    const facts = book.facts(keeper.state);
    const empty = emptyShards(keeper.state, facts);
    await keeper.change({ kind: 'node_leaving', nodeId: node.id, emptyShards: empty });
    const held = shardsOfNode(keeper.state, node.id);
    if (held.length === 0) {
      await keeper.change({ kind: 'node_left', nodeId: node.id });
      return 'drained';
    }
    const movable = held.filter(
      (shard) => empty.includes(shard.shardUid) || book.releasing.has(shard.shardUid),
    );
    return movable.length > 0 ? 'draining' : 'keep';
  }

  /** What a node says it holds, brought into the state. */
  async settle(nodeId: string, copies: readonly HeldCopy[]): Promise<void> {
    this.#parts.book.report(nodeId, copies);
    await this.#settle(nodeId, copies);
  }

  async #settle(nodeId: string, copies: readonly HeldCopy[]): Promise<void> {
    const { keeper } = this.#parts;
    for (const command of commandsOfReport(keeper.state, nodeId, copies))
      await keeper.change(command);
  }

  #answer(nodeId: string, leaseMs: number, withState: boolean): RegisterAnswer {
    const { state } = this.#parts.keeper;
    return {
      nodeId,
      clusterId: state.clusterId,
      shards: shardsOfNode(state, nodeId),
      config: state.config,
      leaseMs: Math.min(leaseMs, leaseSpanMs(state.config.healthCheckIntervalMs)),
      state: withState ? state : undefined,
    };
  }
}

function checkProtocol(version: number | undefined): void {
  if (version === undefined || version >= MIN_SUPPORTED_PROTOCOL) return;
  throw new ToruaError(
    'protocol_too_old',
    `The node speaks protocol ${version}; this coordinator needs at least ${MIN_SUPPORTED_PROTOCOL}.`,
  );
}
