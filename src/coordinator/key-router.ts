/**
 * Sends key operations to the copies that serve them, and repeats what may be repeated within the request's deadline:
 * every write carries an operation id, so repeating it is safe. Hot path: one object per operation, no timers.
 */
import { placeOfKey, type RouteTarget, type RoutingTable } from '../cluster/routing.ts';
import { findNode } from '../cluster/state-access.ts';
import { type Clock, pause } from '../kernel/clock.ts';
import type { Deadline } from '../kernel/deadline.ts';
import { asToruaError, ToruaError } from '../kernel/errors.ts';
import type { ShardUid } from '../kernel/ids.ts';
import type { Random } from '../kernel/random.ts';
import type { KeyAnswer, KeyBatch, KeyOperation } from '../protocol/key-operation.ts';
import type { LaneMeter } from '../transport/batch-channel.ts';
import { createNodeChannel, type NodeChannel } from '../transport/node-channel.ts';
import { DEFAULT_SCHEDULE, retryDelayMs } from '../transport/retry.ts';
import type { Wire } from '../transport/wire.ts';
import {
  accepted,
  checkWritable,
  described,
  isOpenEnded,
  mayRepeat,
  noTarget,
  type RoutedRequest,
} from './route-failure.ts';
import type { StateKeeper } from './state-keeper.ts';

/** A key operation as the user meant it; the router adds where it goes. */
export type UserOperation = Omit<KeyOperation, 'shardUid' | 'copyId' | 'term' | 'deadlineMs'>;

/** An answer and who gave it. */
export interface RoutedAnswer {
  readonly answer: KeyAnswer;
  readonly shardId: number;
  readonly nodeId: string;
}

/** What the router is given. */
export interface KeyRouterParts {
  readonly keeper: StateKeeper;
  readonly clock: Clock;
  readonly random: Random;
  readonly wire: Wire;
  readonly meters?: { readonly read: LaneMeter; readonly write: LaneMeter } | undefined;
  /** Told of each repetition. */
  readonly onRetry: (operation: string) => void;
  /** Errors: `recovering`. */
  readonly check: () => void;
}

/** See the module. */
export class KeyRouter {
  readonly #parts: KeyRouterParts;
  readonly #channels = new Map<string, NodeChannel>();

  constructor(parts: KeyRouterParts) {
    this.#parts = parts;
  }

  /** The answer to one operation. Errors carry `shard_id` and `node_id`; a write's that may have happened, `outcome`. */
  async execute(operation: UserOperation, deadline: Deadline): Promise<RoutedAnswer> {
    const place = placeOfKey(this.#parts.keeper.routing, operation.key);
    return this.withRetry(
      { shardId: place.shardId, operation, deadline },
      async (target, table) => {
        const full = routed(operation, place.shardUid, target, 0);
        return accepted(await this.#channel(target.addr).submit(full, table, deadline));
      },
    ).then(({ value, nodeId }) => ({ answer: value, shardId: place.shardId, nodeId }));
  }

  /** Whether a write of the key would find its way now; waits for that as `execute` does. Errors: as `execute`. */
  async check(operation: UserOperation, deadline: Deadline): Promise<void> {
    checkWritable(this.#parts.keeper.state.config.readOnly);
    const { key, requestId, traceparent } = operation;
    const look = {
      verb: 'head',
      key,
      requestId,
      traceparent,
      opId: '',
      callerOpId: false,
    } as const;
    await this.execute(look, deadline);
  }

  /**
   * As `execute`, for a value that `exchange` streams to or from the node; the batch holds the one operation.
   * `repeatable` turns false when bytes were taken that cannot be had again.
   */
  async stream(
    operation: UserOperation,
    deadline: Deadline,
    exchange: (address: string, batch: KeyBatch) => Promise<KeyAnswer>,
    repeatable?: () => boolean,
  ): Promise<RoutedAnswer> {
    const place = placeOfKey(this.#parts.keeper.routing, operation.key);
    const { shardId, shardUid } = place;
    const { value, nodeId } = await this.withRetry(
      { shardId, operation, deadline, repeatable },
      async (target, table) => {
        const full = routed(operation, shardUid, target, Math.ceil(deadline.remainingMs()));
        const { leaderEpoch, routingVersion, schemaVersion } = table;
        const batch = { leaderEpoch, routingVersion, schemaVersion, operations: [full] };
        return accepted(await exchange(target.addr, batch));
      },
    );
    return { answer: value, shardId, nodeId };
  }

  /**
   * Runs `attempt` against the shard's present route, again after failures that may pass, until the deadline.
   * Contract: repeating `attempt` is safe.
   */
  async withRetry<T>(
    request: RoutedRequest,
    attempt: (target: RouteTarget, table: RoutingTable) => Promise<T>,
  ): Promise<{ value: T; nodeId: string }> {
    const { clock, random, keeper } = this.#parts;
    const { shardId, deadline, operation } = request;
    const startedMs = clock.monotonicMs();
    let mayHaveHappened = false;
    for (let tries = 1; ; tries += 1) {
      let nodeId = '';
      try {
        this.#parts.check();
        if (operation.opId !== '') checkWritable(keeper.state.config.readOnly);
        const table = keeper.routing;
        const target = this.#target(table, shardId);
        nodeId = target.nodeId;
        const value = await attempt(target, table);
        return { value, nodeId };
      } catch (reason) {
        const error = asToruaError(reason);
        mayHaveHappened ||= nodeId !== '' && isOpenEnded(error);
        const delayMs = retryDelayMs(DEFAULT_SCHEDULE, tries, random.float());
        const spentMs = clock.monotonicMs() - startedMs;
        const possible = mayRepeat(error, spentMs) && (request.repeatable?.() ?? true);
        if (!possible || delayMs >= deadline.remainingMs()) {
          throw described(error, request, { nodeId, mayHaveHappened });
        }
        this.#parts.onRetry(operation.verb);
        await pause(clock, delayMs);
      }
    }
  }

  /** Where a shard is served now. Errors: `waiting_for_assignment`, `shard_opening`, `shard_unavailable`. */
  #target(table: RoutingTable, shardId: number): RouteTarget {
    const { keeper } = this.#parts;
    const place = table.places[shardId];
    if (!place?.target) throw noTarget(place, keeper);
    const status = findNode(keeper.state, place.target.nodeId)?.status;
    if (status === 'unhealthy' || status === 'dead') {
      throw new ToruaError(
        'shard_unavailable',
        `Shard ${shardId} lies on node ${place.target.nodeId}, which is ${status}.`,
        {
          retryAfterMs: 1_000,
        },
      );
    }
    return place.target;
  }

  /** Closes the channels of addresses that no node has any more. */
  keepOnly(addresses: ReadonlySet<string>): void {
    for (const [address, channel] of this.#channels) {
      if (addresses.has(address)) continue;
      this.#channels.delete(address);
      channel.close();
    }
  }

  /** Operations that wait in the lanes of all nodes. */
  get queued(): number {
    let queued = 0;
    for (const channel of this.#channels.values()) queued += channel.queued;
    return queued;
  }

  close(): void {
    this.keepOnly(new Set());
  }

  #channel(address: string): NodeChannel {
    let channel = this.#channels.get(address);
    if (!channel) {
      const { wire, clock, meters } = this.#parts;
      channel = createNodeChannel({ wire, clock, address, meters });
      this.#channels.set(address, channel);
    }
    return channel;
  }
}

/** Field by field: every operation has one shape, which a spread on the hot path would cost more than the rest of it. */
function routed(
  operation: UserOperation,
  shardUid: ShardUid,
  target: RouteTarget,
  deadlineMs: number,
): KeyOperation {
  return {
    verb: operation.verb,
    shardUid,
    copyId: target.copyId,
    term: target.term,
    key: operation.key,
    value: operation.value,
    contentType: operation.contentType,
    ttlMs: operation.ttlMs,
    ifMatch: operation.ifMatch,
    ifNoneMatch: operation.ifNoneMatch,
    anyCopy: operation.anyCopy,
    opId: operation.opId,
    callerOpId: operation.callerOpId,
    deadlineMs,
    requestId: operation.requestId,
    traceparent: operation.traceparent,
  };
}
