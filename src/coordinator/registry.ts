/** The coordinator's side of registration, heartbeats and leaving: takes a node's word, asks the reducer, grants leases. */

import { emptyShards } from '../cluster/facts.ts';
import { formationProgress } from '../cluster/formation.ts';
import { commandsOfReport, newlyKeptAside, requireSender } from '../cluster/heartbeat.ts';
import { leaseSpanMs } from '../cluster/lease.ts';
import { findNode, isFormed } from '../cluster/state-access.ts';
import { shardsOfNode } from '../cluster/summary.ts';
import { baseUrlOf } from '../kernel/address.ts';
import { ToruaError } from '../kernel/errors.ts';
import type { ClusterState } from '../protocol/cluster-state.ts';
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
  /** Whether this coordinator is stopping: then nobody's shards are moved. */
  readonly stopping: () => boolean;
}

/** See the module. */
export class Registry {
  readonly #parts: RegistryParts;

  constructor(parts: RegistryParts) {
    this.#parts = parts;
  }

  /**
   * POST /register. Errors: `invalid_request` (an address that is none), `node_id_in_use`, `wrong_cluster`,
   * `stale_epoch`, `protocol_too_old`, `recovering` while nodes of the former cluster are waited for.
   */
  async register(request: RegisterRequest): Promise<RegisterAnswer> {
    const { keeper, book, pusher, recovery } = this.#parts;
    const node = { ...request.node, addr: checkedAddress(request.node.addr) };
    checkProtocol(node.protocolVersion);
    await recovery.registered(node);
    const copies = node.copies ?? [];
    const leaseRunning = book.leaseRunning(node.id);
    const known = findNode(keeper.state, node.id);
    const started = known?.incarnation !== node.incarnation;
    await keeper.change(
      { kind: 'register_node', node, leaseRunning },
      // Before the evaluation that it leads to, which has to know what is empty; and never for a process that is
      // refused, because its word would stand for the node whose id it wants.
      {
        accepted: () => {
          if (started) pusher.forget(node.id);
          this.#report(node.id, copies, { started });
        },
      },
    );
    await this.#settle(node.id, copies);
    const { state, founded } = keeper;
    const entry = findNode(state, node.id);
    const { incarnation } = node;
    const isNodes = entry !== undefined && entry.incarnation === incarnation;
    const leaseMs =
      isNodes && incarnation !== undefined && founded
        ? book.grant(entry, incarnation, state.config.healthCheckIntervalMs)
        : 0;
    return this.#answer(node.id, leaseMs);
  }

  /** POST /heartbeat. Errors: `node_not_found` (register again), `node_id_in_use`. */
  async heartbeat(request: HeartbeatRequest): Promise<HeartbeatAnswer> {
    const { keeper, book, recovery } = this.#parts;
    if (recovery.active)
      throw new ToruaError('node_not_found', 'The coordinator is recovering; register again.');
    const node = requireSender(keeper.state, request);
    this.#report(node.id, request.copies);
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
      formation: formationOf(state),
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
    const command = { kind: 'node_leaving', nodeId: node.id, emptyShards: empty } as const;
    const { effects } = await keeper.change(command);
    const held = shardsOfNode(keeper.state, node.id);
    if (held.length === 0) {
      await keeper.change({ kind: 'node_left', nodeId: node.id });
      return 'drained';
    }
    // Empty is not enough: without room elsewhere a shard stays, and nobody has to wait for that.
    const isMoving =
      effects.some((effect) => effect.kind === 'release') ||
      held.some((shard) => book.releasing.has(shard.shardUid));
    return isMoving ? 'draining' : 'keep';
  }

  /** What a node says it holds, brought into the state. */
  async settle(nodeId: string, copies: readonly HeldCopy[]): Promise<void> {
    if (findNode(this.#parts.keeper.state, nodeId) === undefined) return;
    this.#report(nodeId, copies);
    await this.#settle(nodeId, copies);
  }

  #report(nodeId: string, copies: readonly HeldCopy[], options: { started?: boolean } = {}): void {
    const { keeper, book } = this.#parts;
    const before = book.copiesOf(nodeId);
    book.report(nodeId, copies, options);
    keeper.announce(newlyKeptAside(keeper.state, nodeId, { before, now: copies }));
  }

  async #settle(nodeId: string, copies: readonly HeldCopy[]): Promise<void> {
    const { keeper } = this.#parts;
    for (const command of commandsOfReport(keeper.state, nodeId, copies))
      await keeper.change(command);
  }

  #answer(nodeId: string, leaseMs: number): RegisterAnswer {
    const { state, founded } = this.#parts.keeper;
    return {
      nodeId,
      clusterId: state.clusterId,
      shards: shardsOfNode(state, nodeId),
      config: state.config,
      leaseMs: Math.min(leaseMs, leaseSpanMs(state.config.healthCheckIntervalMs)),
      formation: formationOf(state),
      state: founded ? state : undefined,
    };
  }
}

/** How far the cluster is from its first assignment; undefined once it was made. */
function formationOf(state: ClusterState): RegisterAnswer['formation'] {
  return isFormed(state) ? undefined : formationProgress(state);
}

/** The original's clients write an address without `http://`; others could not be reached under what is none. */
function checkedAddress(addr: string): string {
  const url = baseUrlOf(addr);
  if (url !== undefined) return url;
  throw new ToruaError(
    'invalid_request',
    `node.addr is ${JSON.stringify(addr.slice(0, 200))}: it must be a URL such as http://host:port.`,
    { fields: { field: 'node.addr' } },
  );
}

function checkProtocol(version: number | undefined): void {
  if (version === undefined || version >= MIN_SUPPORTED_PROTOCOL) return;
  throw new ToruaError(
    'protocol_too_old',
    `The node speaks protocol ${version}; this coordinator needs at least ${MIN_SUPPORTED_PROTOCOL}.`,
  );
}
