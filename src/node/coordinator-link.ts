/**
 * A node's side of registration and heartbeat: registers, asks for a lease every half health interval, fetches a newer
 * state when a push was missed, and goes to the next coordinator of its list when one does not answer.
 */
import type { Clock } from '../kernel/clock.ts';
import { pause } from '../kernel/clock.ts';
import { type Deadline, deadlineIn } from '../kernel/deadline.ts';
import { ToruaError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Service } from '../kernel/service.ts';
import type { Decoded } from '../protocol/case.ts';
import type { ClusterState } from '../protocol/cluster-state.ts';
import {
  heartbeatAnswerSchema,
  heartbeatRequestSchema,
  INTERNAL_PATHS,
  leavingAnswerSchema,
  leavingRequestSchema,
  type RegisterRequest,
  registerAnswerSchema,
  registerRequestSchema,
} from '../protocol/messages.ts';
import { PROTOCOL_VERSION } from '../protocol/version.ts';
import { callJson } from '../transport/json-call.ts';
import type { Wire } from '../transport/wire.ts';
import type { Lease } from './lease.ts';

/** Longest wait between two attempts to register, milliseconds. */
const REGISTER_BACKOFF_MS_MAX = 1_000;
/** First wait between two attempts to register, milliseconds. */
const REGISTER_BACKOFF_MS = 50;
/** Longest a single heartbeat or registration may take, milliseconds. */
const CALL_MS_MAX = 5_000;
/** Longest a stopping node waits for one answer: a coordinator that hangs must not use up its time. Milliseconds. */
const LEAVING_MS_MAX = 2_000;

/** What the link is given. */
export interface CoordinatorLinkParts {
  readonly clock: Clock;
  readonly wire: Wire;
  readonly logger: Logger;
  readonly lease: Lease;
  readonly coordinators: readonly string[];
  /** Everything registration says about this node, asked anew each time. */
  readonly self: () => RegisterRequest['node'] & { readonly incarnation: string };
  /** Health interval of the newest state; the environment's before there is one. Milliseconds. */
  readonly healthIntervalMs: () => number;
  /** Version and leader epoch of the newest state stored here. */
  readonly known: () => { version: number; leaderEpoch: number };
  /** A state came with a registration; resolves when it is stored, before all of it is acted on. */
  readonly onState: (state: ClusterState) => Promise<void>;
  readonly load: () => Decoded<typeof heartbeatRequestSchema>['load'];
}

/** Where the link stands, for `/info` and `/readyz`. */
export interface LinkStatus {
  readonly url: string;
  readonly connected: boolean;
  readonly failovers: number;
  /** Why the last attempt failed. */
  readonly problem: string | undefined;
  /** How far the cluster is from its first assignment; undefined once it was made. */
  readonly formation: { readonly nodes: number; readonly minNodes: number } | undefined;
}

/** See the module. */
export class CoordinatorLink implements Service {
  readonly name = 'coordinator-link';
  readonly #parts: CoordinatorLinkParts;
  readonly #abort = new AbortController();
  #wake: () => void = () => {};
  #current = 0;
  #registered = false;
  /** Once this node has said that it leaves it never registers again: that would make a ghost of it. */
  #leaving = false;
  #failovers = 0;
  #problem: string | undefined = 'it has not answered yet.';
  #formation: LinkStatus['formation'];

  constructor(parts: CoordinatorLinkParts) {
    this.#parts = parts;
  }

  get status(): LinkStatus {
    return {
      url: this.#url,
      connected: this.#registered,
      failovers: this.#failovers,
      problem: this.#problem,
      formation: this.#formation,
    };
  }

  async run(): Promise<void> {
    let backoffMs = REGISTER_BACKOFF_MS;
    while (!this.#abort.signal.aborted) {
      const ok = await this.#talk();
      if (ok) backoffMs = REGISTER_BACKOFF_MS;
      else backoffMs = Math.min(backoffMs * 2, REGISTER_BACKOFF_MS_MAX);
      const waitMs = this.#registered ? this.#parts.healthIntervalMs() / 2 : backoffMs;
      const waiting = new AbortController();
      this.#wake = () => waiting.abort();
      if (!this.#abort.signal.aborted) await pause(this.#parts.clock, waitMs, waiting.signal);
    }
  }

  /** Speaks to the coordinator now instead of at the next beat: a lease is wanted that was not there to be granted. */
  hurry(): void {
    this.#wake();
  }

  stop(): void {
    this.#abort.abort();
    this.#wake();
  }

  async #talk(): Promise<boolean> {
    if (this.#registered) return this.#heartbeat();
    return this.#leaving ? false : this.#register();
  }

  /** Tells the coordinator that this node is about to stop; what becomes of its empty shards, or `keep`. */
  async leaving(deadline: Deadline): Promise<'draining' | 'drained' | 'keep'> {
    const { id: nodeId, incarnation } = this.#parts.self();
    this.#leaving = true;
    const waitMs = Math.min(LEAVING_MS_MAX, deadline.remainingMs());
    const answer = await callJson(
      this.#parts.wire,
      {
        address: this.#url,
        path: INTERNAL_PATHS.leaving,
        request: leavingRequestSchema,
        body: { nodeId, incarnation },
        answer: leavingAnswerSchema,
      },
      deadlineIn(this.#parts.clock, waitMs),
    );
    return answer.state;
  }

  get #url(): string {
    return this.#parts.coordinators[this.#current] ?? '';
  }

  async #register(): Promise<boolean> {
    const { clock, lease, logger } = this.#parts;
    const sentAtMs = clock.monotonicMs();
    try {
      const answer = await callJson(
        this.#parts.wire,
        {
          address: this.#url,
          path: INTERNAL_PATHS.register,
          request: registerRequestSchema,
          body: { node: { ...this.#parts.self(), protocolVersion: PROTOCOL_VERSION } },
          answer: registerAnswerSchema,
        },
        this.#callDeadline(),
      );
      if (answer.state) await this.#parts.onState(answer.state);
      lease.grant(sentAtMs, answer.leaseMs);
      this.#registered = true;
      this.#problem = undefined;
      this.#formation = answer.formation;
      logger.info({ coordinator: this.#url, leaseMs: answer.leaseMs }, 'registered');
      return true;
    } catch (reason) {
      this.#failed(reason, 'registration failed');
      return false;
    }
  }

  async #heartbeat(): Promise<boolean> {
    const { clock, lease } = this.#parts;
    const sentAtMs = clock.monotonicMs();
    try {
      const { id: nodeId, incarnation, copies } = this.#parts.self();
      const answer = await callJson(
        this.#parts.wire,
        {
          address: this.#url,
          path: INTERNAL_PATHS.heartbeat,
          request: heartbeatRequestSchema,
          body: { nodeId, incarnation, copies: copies ?? [], load: this.#parts.load() },
          answer: heartbeatAnswerSchema,
        },
        this.#callDeadline(),
      );
      const known = this.#parts.known();
      if (answer.leaderEpoch < known.leaderEpoch) {
        throw new ToruaError(
          'stale_epoch',
          `${this.#url} leads epoch ${answer.leaderEpoch}, this node follows ${known.leaderEpoch}.`,
        );
      }
      lease.grant(sentAtMs, answer.leaseMs);
      this.#problem = undefined;
      this.#formation = answer.formation;
      // A push was missed: registering again brings the newest state.
      const isBehind =
        answer.stateVersion > known.version || answer.leaderEpoch > known.leaderEpoch;
      return isBehind && !this.#leaving ? await this.#register() : true;
    } catch (reason) {
      this.#failed(reason, 'heartbeat failed');
      return false;
    }
  }

  #failed(reason: unknown, message: string): void {
    const { lease, logger } = this.#parts;
    const problem = reason instanceof ToruaError ? reason.detail : String(reason);
    // Another process has this node's id by now: nothing may be served under the old lease.
    if (reason instanceof ToruaError && reason.code === 'node_id_in_use') lease.drop();
    // Said once: the attempts go on every second for as long as it takes.
    if (problem !== this.#problem) {
      logger.warn({ err: reason, coordinator: this.#url }, message);
    }
    this.#problem = problem;
    this.#registered = false;
    if (this.#parts.coordinators.length > 1) {
      this.#current = (this.#current + 1) % this.#parts.coordinators.length;
      this.#failovers += 1;
    }
  }

  #callDeadline(): Deadline {
    const spanMs = Math.min(CALL_MS_MAX, Math.max(this.#parts.healthIntervalMs() * 2, 500));
    return deadlineIn(this.#parts.clock, spanMs);
  }
}
