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

/** What is tried against a shard's present route. */
type Attempt<T> = (target: RouteTarget, table: RoutingTable) => Promise<T>;

/** What happened to a request so far. */
interface History {
  readonly startedMs: number;
  tries: number;
  mayHaveHappened: boolean;
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
  execute(operation: UserOperation, deadline: Deadline): Promise<RoutedAnswer> {
    const { shardId, shardUid } = placeOfKey(this.#parts.keeper.routing, operation.key);
    return this.withRetry({ shardId, operation, deadline }, (target, table) =>
      this.#channel(target.addr)
        .submit(routed(operation, shardUid, target, 0), table, deadline)
        .then((answer) => ({ answer: accepted(answer), shardId, nodeId: target.nodeId })),
    );
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
  stream(
    operation: UserOperation,
    deadline: Deadline,
    exchange: (address: string, batch: KeyBatch) => Promise<KeyAnswer>,
    repeatable?: () => boolean,
  ): Promise<RoutedAnswer> {
    const { shardId, shardUid } = placeOfKey(this.#parts.keeper.routing, operation.key);
    return this.withRetry({ shardId, operation, deadline, repeatable }, async (target, table) => {
      const full = routed(operation, shardUid, target, Math.ceil(deadline.remainingMs()));
      const { leaderEpoch, routingVersion, schemaVersion } = table;
      const batch = { leaderEpoch, routingVersion, schemaVersion, operations: [full] };
      const answer = accepted(await exchange(target.addr, batch));
      return { answer, shardId, nodeId: target.nodeId };
    });
  }

  /**
   * Runs `attempt` against the shard's present route, again after failures that may pass, until the deadline.
   * Contract: repeating `attempt` is safe.
   */
  withRetry<T>(request: RoutedRequest, attempt: Attempt<T>): Promise<T> {
    const startedMs = this.#parts.clock.monotonicMs();
    return this.#try(request, attempt, { startedMs, tries: 0, mayHaveHappened: false });
  }

  /** One try. No async frame around it: nearly every request ends with its first. */
  #try<T>(request: RoutedRequest, attempt: Attempt<T>, history: History): Promise<T> {
    const { keeper } = this.#parts;
    let nodeId = '';
    history.tries += 1;
    const failed = (reason: unknown): Promise<T> =>
      this.#tryAgain(request, attempt, history, { reason, nodeId });
    try {
      this.#parts.check();
      if (request.operation.opId !== '') checkWritable(keeper.state.config.readOnly);
      const table = keeper.routing;
      const target = this.#target(table, request.shardId);
      nodeId = target.nodeId;
      return attempt(target, table).catch(failed);
    } catch (reason) {
      return failed(reason);
    }
  }

  async #tryAgain<T>(
    request: RoutedRequest,
    attempt: Attempt<T>,
    history: History,
    failure: { readonly reason: unknown; readonly nodeId: string },
  ): Promise<T> {
    const { clock, random } = this.#parts;
    const { deadline, operation } = request;
    const { nodeId } = failure;
    const error = asToruaError(failure.reason);
    history.mayHaveHappened ||= nodeId !== '' && isOpenEnded(error);
    const delayMs = retryDelayMs(DEFAULT_SCHEDULE, history.tries, random.float());
    const spentMs = clock.monotonicMs() - history.startedMs;
    const possible = mayRepeat(error, spentMs) && (request.repeatable?.() ?? true);
    if (!possible || delayMs >= deadline.remainingMs()) {
      const { mayHaveHappened } = history;
      throw described(error, request, { nodeId, mayHaveHappened });
    }
    this.#parts.onRetry(operation.verb);
    await pause(clock, delayMs);
    return this.#try(request, attempt, history);
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
