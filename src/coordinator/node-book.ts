/** Volatile facts about nodes: leases, last reports, health checks. The leader's memory, never in the document. */

import type { VolatileFacts } from '../cluster/facts.ts';
import { type NodeHealth, observeProbe, unprobed } from '../cluster/health.ts';
import { grantLease, type LeaseBook, leaseRunning, openLeaseBook } from '../cluster/lease.ts';
import type { Clock } from '../kernel/clock.ts';
import type { ClusterState, NodeEntry } from '../protocol/cluster-state.ts';
import type { HeartbeatRequest, HeldCopy } from '../protocol/messages.ts';

/** What is remembered of one node. */
interface NodeNotes {
  health: NodeHealth;
  copies: readonly HeldCopy[];
  lastHeartbeatWallMs: number | undefined;
  lastCheckWallMs: number | undefined;
  firstSeenMs: number;
  load: HeartbeatRequest['load'];
}

/** See the module. */
export class NodeBook {
  readonly #clock: Clock;
  readonly #notes = new Map<string, NodeNotes>();
  readonly releasing = new Set<string>();
  #leases: LeaseBook;

  constructor(clock: Clock, healthCheckIntervalMs: number) {
    this.#clock = clock;
    this.#leases = openLeaseBook(clock.monotonicMs(), healthCheckIntervalMs);
  }

  /** A state of an earlier leader is led from here on: what that one granted may run for one of its spans. */
  inherit(healthCheckIntervalMs: number): void {
    const inherited = openLeaseBook(this.#clock.monotonicMs(), healthCheckIntervalMs);
    this.#leases = { ...this.#leases, inheritedUntilMs: inherited.inheritedUntilMs };
  }

  /** A node said what it holds. `started`: it is a new process, so everything else about it is forgotten. */
  report(nodeId: string, copies: readonly HeldCopy[], options: { started?: boolean } = {}): void {
    if (options.started) this.#notes.delete(nodeId);
    const notes = this.#of(nodeId);
    notes.copies = copies;
    notes.lastHeartbeatWallMs = this.#clock.wallMs();
  }

  /** What the node said last; empty when it has not said anything yet. */
  copiesOf(nodeId: string): readonly HeldCopy[] {
    return this.#notes.get(nodeId)?.copies ?? [];
  }

  noteLoad(nodeId: string, load: HeartbeatRequest['load']): void {
    this.#of(nodeId).load = load;
  }

  /** A health check came back; returns the verdict it leads to, if any. */
  probed(nodeId: string, answered: boolean, deadAfterMs: number): NodeHealth['verdict'] {
    const notes = this.#of(nodeId);
    notes.health = observeProbe(notes.health, {
      nowMs: this.#clock.monotonicMs(),
      answered,
      deadAfterMs,
    });
    notes.lastCheckWallMs = this.#clock.wallMs();
    return notes.health.verdict;
  }

  /** Grants the node a lease; 0 when it gets none. */
  grant(node: NodeEntry, incarnation: string, healthCheckIntervalMs: number): number {
    const { book, leaseMs } = grantLease(this.#leases, {
      nodeId: node.id,
      incarnation,
      status: node.status,
      healthCheckIntervalMs,
      leadershipEndsAtMs: Number.POSITIVE_INFINITY,
      nowMs: this.#clock.monotonicMs(),
    });
    this.#leases = book;
    return leaseMs;
  }

  leaseRunning(nodeId: string): boolean {
    return leaseRunning(this.#leases, nodeId, this.#clock.monotonicMs());
  }

  forget(nodeId: string): void {
    this.#notes.delete(nodeId);
  }

  /** What the pure functions want to know. A node answers when its last check did not fail and its status allows it. */
  facts(state: ClusterState): VolatileFacts {
    const live = state.nodes.filter(
      (node) =>
        node.status !== 'unhealthy' &&
        node.status !== 'dead' &&
        (this.#notes.get(node.id)?.health.failuresInRow ?? 0) === 0,
    );
    return {
      liveNodes: new Set(live.map((node) => node.id)),
      reports: new Map([...this.#notes].map(([nodeId, notes]) => [nodeId, notes.copies])),
      releasing: this.releasing,
    };
  }

  /** Figures for users: times on the wall clock, `uptimeMs` since this leader first saw the process. */
  view(nodeId: string): {
    lastHeartbeatWallMs: number | undefined;
    lastCheckWallMs: number | undefined;
    reachable: boolean;
    uptimeMs: number;
  } {
    const notes = this.#notes.get(nodeId);
    return {
      lastHeartbeatWallMs: notes?.lastHeartbeatWallMs,
      lastCheckWallMs: notes?.lastCheckWallMs,
      reachable:
        notes !== undefined &&
        notes.health.lastProbeMs !== undefined &&
        notes.health.failuresInRow === 0,
      uptimeMs: notes ? this.#clock.monotonicMs() - notes.firstSeenMs : 0,
    };
  }

  #of(nodeId: string): NodeNotes {
    let notes = this.#notes.get(nodeId);
    if (!notes) {
      const nowMs = this.#clock.monotonicMs();
      notes = {
        health: unprobed(nowMs),
        copies: [],
        lastHeartbeatWallMs: undefined,
        lastCheckWallMs: undefined,
        firstSeenMs: nowMs,
        load: undefined,
      };
      this.#notes.set(nodeId, notes);
    }
    return notes;
  }
}
