/** Carries out what the reducer intends about places: first assignment after its delay, releases of empty shards, probes. */

import type { ClusterEffect, ReleaseEffect } from '../cluster/effects.ts';
import type { EvaluationReason } from '../cluster/events.ts';
import { emptyShards } from '../cluster/facts.ts';
import { formationWaitMs } from '../cluster/formation.ts';
import { planEvenMoves } from '../cluster/placement.ts';
import { isFormed } from '../cluster/state-access.ts';
import type { Clock, Timer } from '../kernel/clock.ts';
import { deadlineIn } from '../kernel/deadline.ts';
import type { Logger } from '../kernel/logger.ts';
import { Turns } from '../kernel/turns.ts';
import {
  acceptDamageRequestSchema,
  doneSchema,
  INTERNAL_PATHS,
  releaseAnswerSchema,
  releaseRequestSchema,
} from '../protocol/messages.ts';
import { callJson } from '../transport/json-call.ts';
import type { Wire } from '../transport/wire.ts';
import type { HealthMonitor } from './health-monitor.ts';
import type { NodeBook } from './node-book.ts';
import type { StateKeeper } from './state-keeper.ts';

/** Longest a holder may take to answer a release, milliseconds; one that does not answer keeps the shard. */
const RELEASE_MS_MAX = 5_000;

/** What the assigner is given. */
export interface AssignerParts {
  readonly keeper: StateKeeper;
  readonly book: NodeBook;
  readonly monitor: HealthMonitor;
  readonly clock: Clock;
  readonly wire: Wire;
  readonly logger: Logger;
  /** Whether a new cluster may be founded: not while nodes of an existing one are waited for. */
  readonly mayForm: () => boolean;
}

/** See the module. Effects run beside each other; evaluations one after another. */
export class Assigner {
  readonly #parts: AssignerParts;
  #formation: Timer | undefined;
  readonly #turns = new Turns();
  #stopped = false;

  constructor(parts: AssignerParts) {
    this.#parts = parts;
  }

  /** Runs the effects of a committed transition. */
  carryOut(effects: readonly ClusterEffect[]): void {
    for (const effect of effects) {
      this.#run(effect).catch((reason: unknown) => {
        this.#parts.logger.warn(
          { err: reason, effect: effect.kind },
          'an intention could not be carried out',
        );
      });
    }
    this.#armFormation();
  }

  stop(): void {
    this.#stopped = true;
    this.#formation?.cancel();
  }

  async #run(effect: ClusterEffect): Promise<void> {
    switch (effect.kind) {
      case 'release':
        return this.#release(effect);
      case 'probe': {
        const node = this.#parts.keeper.state.nodes.find((entry) => entry.id === effect.nodeId);
        if (node) await this.#parts.monitor.probe(node);
        return;
      }
      case 'evaluate':
        return this.evaluate(effect.reason, effect.nodeId);
      case 'accept_damage':
        return this.#acceptDamage(effect);
    }
  }

  /** Looks at the placement and evens out what is empty. */
  evaluate(reason: EvaluationReason, nodeId?: string): Promise<void> {
    const task = async (): Promise<void> => {
      const { keeper, book } = this.#parts;
      if (this.#stopped) return;
      const empty = emptyShards(keeper.state, book.facts(keeper.state));
      await keeper.change({ kind: 'even_empty', reason, nodeId, emptyShards: empty });
    };
    return this.#turns.run(task);
  }

  /**
   * Evaluates when an empty shard could lie better. Asked again and again, because no single moment is safe: a release
   * or its answer gets lost, and what a restarted node holds is known to be empty only after it has opened it.
   */
  evenOut(): void {
    const { keeper, book, logger } = this.#parts;
    const { state } = keeper;
    const empty = emptyShards(state, book.facts(state));
    if (empty.length === 0 || planEvenMoves(state, new Set(empty)).length === 0) return;
    this.evaluate('interval').catch((reason: unknown) => {
      logger.warn({ err: reason }, 'the placement could not be looked at');
    });
  }

  #armFormation(): void {
    const { keeper, clock } = this.#parts;
    this.#formation?.cancel();
    if (this.#stopped || isFormed(keeper.state) || !this.#parts.mayForm()) return;
    const waitMs = formationWaitMs(keeper.state, clock.wallMs());
    if (waitMs === undefined) return;
    this.#formation = clock.after(waitMs, () => {
      if (!this.#parts.mayForm()) return;
      keeper.change({ kind: 'form' }, { found: true }).catch((reason: unknown) => {
        this.#parts.logger.error({ err: reason }, 'the first assignment failed');
      });
    });
  }

  async #release(effect: ReleaseEffect): Promise<void> {
    const { keeper, book, clock, wire } = this.#parts;
    const { shardUid, copyId, term, targetNodeId, reason } = effect;
    if (book.releasing.has(shardUid)) return;
    book.releasing.add(shardUid);
    try {
      const { released } = await callJson(
        wire,
        {
          address: effect.addr,
          path: INTERNAL_PATHS.release,
          request: releaseRequestSchema,
          body: { leaderEpoch: keeper.state.leaderEpoch, copyId, shardUid, term },
          answer: releaseAnswerSchema,
        },
        deadlineIn(clock, RELEASE_MS_MAX),
      );
      if (released)
        await keeper.change({
          kind: 'release_confirmed',
          shardUid,
          copyId,
          term,
          targetNodeId,
          reason,
        });
      else await keeper.change({ kind: 'release_refused', shardUid, copyId, term });
    } finally {
      book.releasing.delete(shardUid);
    }
  }

  async #acceptDamage(effect: Extract<ClusterEffect, { kind: 'accept_damage' }>): Promise<void> {
    const { keeper, clock, wire } = this.#parts;
    const { shardUid, copyId, term } = effect;
    await callJson(
      wire,
      {
        address: effect.addr,
        path: INTERNAL_PATHS.acceptDamage,
        request: acceptDamageRequestSchema,
        body: { leaderEpoch: keeper.state.leaderEpoch, copyId, shardUid, term },
        answer: doneSchema,
      },
      deadlineIn(clock, RELEASE_MS_MAX),
    );
  }
}
