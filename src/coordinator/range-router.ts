/** Listings and range deletes over all shards: every shard is asked, answers are merged by UTF-8 bytes. */
import type { Clock } from '../kernel/clock.ts';
import { type Deadline, deadlineIn } from '../kernel/deadline.ts';
import { asToruaError, type ErrorCode, ToruaError } from '../kernel/errors.ts';
import { compareUtf8 } from '../kernel/utf8-order.ts';
import type { Decoded } from '../protocol/case.ts';
import {
  deleteRangeAnswerSchema,
  deleteRangeRequestSchema,
  INTERNAL_PATHS,
  listAnswerSchema,
  listRequestSchema,
  type listRowSchema,
} from '../protocol/messages.ts';
import { callJson } from '../transport/json-call.ts';
import type { Wire } from '../transport/wire.ts';
import type { KeyRouter } from './key-router.ts';
import type { OperationIdentity } from './operation-identity.ts';
import type { StateKeeper } from './state-keeper.ts';

/** Part of the request's time that each shard has when the answer may be partial. */
const PARTIAL_SHARE = 0.8;

/** One row of a listing. */
export type ListRow = Decoded<typeof listRowSchema>;

/** Which keys. `after`: only keys behind this one. */
export interface RangeRequest {
  readonly start?: string | undefined;
  readonly after?: string | undefined;
  readonly end?: string | undefined;
}

/** A page over all shards; `next` is the key to go on behind, absent at the end. */
export interface MergedPage {
  readonly rows: readonly ListRow[];
  readonly next: string | undefined;
  readonly missingShards: readonly number[];
}

/** What the router is given. */
export interface RangeRouterParts {
  readonly keeper: StateKeeper;
  readonly clock: Clock;
  readonly wire: Wire;
  readonly keys: KeyRouter;
}

/** See the module. */
export class RangeRouter {
  readonly #parts: RangeRouterParts;

  constructor(parts: RangeRouterParts) {
    this.#parts = parts;
  }

  /**
   * One page. Each shard may contribute all of it, so each is asked for a whole one.
   * Errors: `shards_unavailable` with `missing_shards`, unless `partial`.
   */
  async list(
    range: RangeRequest,
    options: { limit: number; values: boolean; anyCopy: boolean; partial: boolean },
    deadline: Deadline,
  ): Promise<MergedPage> {
    const { limit, partial } = options;
    // What comes from the other shards must still be sent when one of them used up its time.
    const remainingMs = deadline.remainingMs() * (partial ? PARTIAL_SHARE : 1);
    const patience = deadlineIn(this.#parts.clock, remainingMs);
    const { found, missingShards } = await this.#ofAll(partial, (shardId) =>
      this.#pageOf(shardId, { ...boundsOf(range), ...options }, patience),
    );
    return { ...mergePages(found, limit), missingShards };
  }

  async #pageOf(
    shardId: number,
    page: ReturnType<typeof boundsOf> & { limit: number; values: boolean; anyCopy: boolean },
    deadline: Deadline,
  ): Promise<Decoded<typeof listAnswerSchema>> {
    const { start, startExclusive, end, limit, values, anyCopy } = page;
    const { wire, keys } = this.#parts;
    return keys.withRetry(
      { shardId, operation: { verb: 'list', opId: '' }, deadline },
      ({ addr: address, copyId, term }) => {
        const range = { start, startExclusive, end, limit, values, anyCopy };
        const body = { ...range, shardUid: this.#uid(shardId), copyId, term };
        const path = INTERNAL_PATHS.list;
        const call = { address, path, request: listRequestSchema, answer: listAnswerSchema };
        return callJson(wire, { ...call, body }, deadline);
      },
    );
  }

  /** Deletes a range on every shard, page by page; repeatable under `opId`. Returns how many keys went. */
  async deleteRange(
    range: RangeRequest,
    operation: OperationIdentity,
    deadline: Deadline,
  ): Promise<number> {
    const { found } = await this.#ofAll(false, (shardId) =>
      this.#deleteOn(shardId, range, operation, deadline),
    );
    return found.reduce((sum, count) => sum + count, 0);
  }

  async #deleteOn(
    shardId: number,
    range: RangeRequest,
    operation: OperationIdentity,
    deadline: Deadline,
  ): Promise<number> {
    const { wire, keys } = this.#parts;
    const shardUid = this.#uid(shardId);
    let bounds = boundsOf(range);
    let deleted = 0;
    for (let page = 0; ; page += 1) {
      const { opId, callerOpId } = operation.part(page);
      const value = await keys.withRetry(
        { shardId, operation: { verb: 'delete', opId, callersId: operation.opId }, deadline },
        ({ addr: address, copyId, term }) => {
          const body = { ...bounds, opId, callerOpId, shardUid, copyId, term };
          const path = INTERNAL_PATHS.deleteRange;
          const schemas = { request: deleteRangeRequestSchema, answer: deleteRangeAnswerSchema };
          return callJson(wire, { address, path, ...schemas, body }, deadline);
        },
      );
      deleted += value.deleted;
      if (value.next === null) return deleted;
      bounds = { ...bounds, start: value.next, startExclusive: true };
    }
  }

  /** Asks every shard at once. Shards without a live copy are collected, not thrown one by one. */
  async #ofAll<T>(
    partial: boolean,
    ask: (shardId: number) => Promise<T>,
  ): Promise<{ found: T[]; missingShards: number[] }> {
    const { numShards } = this.#parts.keeper.routing;
    const settled = await Promise.allSettled(
      Array.from({ length: numShards }, (_, shardId) => ask(shardId)),
    );
    const found: T[] = [];
    const missingShards: number[] = [];
    for (const [shardId, outcome] of settled.entries()) {
      if (outcome.status === 'fulfilled') found.push(outcome.value);
      else if (isUnavailable(asToruaError(outcome.reason), partial)) missingShards.push(shardId);
      else throw outcome.reason;
    }
    if (missingShards.length > 0 && !partial) {
      throw new ToruaError(
        'shards_unavailable',
        `Shards ${missingShards.join(', ')} have no live copy.`,
        {
          retryAfterMs: 1_000,
          fields: { missing_shards: missingShards },
        },
      );
    }
    return { found, missingShards };
  }

  #uid(shardId: number): string {
    return this.#parts.keeper.routing.places[shardId]?.shardUid ?? '';
  }
}

/**
 * Merges pages that each are ascending. A shard that stopped early bounds what may be shown: behind the smallest `next`
 * some shard may still have keys.
 */
export function mergePages(
  pages: readonly { readonly rows: readonly ListRow[]; readonly next?: string | undefined }[],
  limit: number,
): { rows: ListRow[]; next: string | undefined } {
  let bound: string | undefined;
  for (const { next } of pages) {
    if (next !== undefined && (bound === undefined || compareUtf8(next, bound) < 0)) bound = next;
  }
  const rows = pages
    .flatMap((page) => page.rows)
    .filter((row) => bound === undefined || compareUtf8(row.key, bound) <= 0)
    .sort((left, right) => compareUtf8(left.key, right.key));
  if (rows.length <= limit) return { rows, next: bound };
  const shown = rows.slice(0, limit);
  return { rows: shown, next: shown.at(-1)?.key };
}

function boundsOf(range: RangeRequest): {
  start?: string | undefined;
  startExclusive?: boolean;
  end?: string | undefined;
} {
  const { start, after, end } = range;
  const behind = after !== undefined && (start === undefined || compareUtf8(after, start) >= 0);
  return behind ? { start: after, startExclusive: true, end } : { start, end };
}

/** Codes that mean: nobody serves this shard now. */
const UNAVAILABLE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'shard_unavailable',
  'node_unreachable',
  'shard_in_doubt',
  'shard_opening',
  'no_lease',
  'shutting_down',
  'waiting_for_assignment',
]);

/** Who asks for a part of the answer gets it also while a node hangs or makes no sense. */
const UNAVAILABLE_IN_PART: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'deadline_exceeded',
  'bad_node_answer',
]);

function isUnavailable({ code }: ToruaError, partial: boolean): boolean {
  return UNAVAILABLE.has(code) || (partial && UNAVAILABLE_IN_PART.has(code));
}
