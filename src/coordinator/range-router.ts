/** Listings and range deletes over all shards: every shard is asked, answers are merged by UTF-8 bytes. */
import type { Deadline } from '../kernel/deadline.ts';
import { asToruaError, ToruaError } from '../kernel/errors.ts';
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
import type { StateKeeper } from './state-keeper.ts';

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
  readonly wire: Wire;
  readonly keys: KeyRouter;
  /** A fresh operation id of our own. */
  readonly newOpId: () => string;
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
    const { limit, values, anyCopy } = options;
    const body = { ...boundsOf(range), limit, values, anyCopy };
    const { found, missingShards } = await this.#ofAll(options.partial, (shardId) =>
      this.#parts.keys.withRetry(
        { shardId, operation: { verb: 'list', opId: '' }, deadline },
        (target) =>
          callJson(
            this.#parts.wire,
            {
              address: target.addr,
              path: INTERNAL_PATHS.list,
              request: listRequestSchema,
              body: {
                ...body,
                shardUid: this.#uid(shardId),
                copyId: target.copyId,
                term: target.term,
              },
              answer: listAnswerSchema,
            },
            deadline,
          ),
      ),
    );
    return {
      ...mergePages(
        found.map(({ value }) => value),
        limit,
      ),
      missingShards,
    };
  }

  /** Deletes a range on every shard, page by page; repeatable under `opId`. Returns how many keys went. */
  async deleteRange(
    range: RangeRequest,
    operation: { opId: string; callerOpId: boolean },
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
    operation: { opId: string; callerOpId: boolean },
    deadline: Deadline,
  ): Promise<number> {
    let bounds = boundsOf(range);
    let deleted = 0;
    for (let page = 0; ; page += 1) {
      const { callerOpId } = operation;
      const opId = callerOpId ? `${operation.opId}:${page}` : this.#parts.newOpId();
      const { value } = await this.#parts.keys.withRetry(
        { shardId, operation: { verb: 'delete', opId }, deadline },
        (target) =>
          callJson(
            this.#parts.wire,
            {
              address: target.addr,
              path: INTERNAL_PATHS.deleteRange,
              request: deleteRangeRequestSchema,
              body: {
                ...bounds,
                opId,
                callerOpId,
                shardUid: this.#uid(shardId),
                copyId: target.copyId,
                term: target.term,
              },
              answer: deleteRangeAnswerSchema,
            },
            deadline,
          ),
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
      else if (isUnavailable(asToruaError(outcome.reason))) missingShards.push(shardId);
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

const UNAVAILABLE = new Set([
  'shard_unavailable',
  'node_unreachable',
  'shard_in_doubt',
  'shard_opening',
  'no_lease',
  'waiting_for_assignment',
]);

function isUnavailable(error: ToruaError): boolean {
  return UNAVAILABLE.has(error.code);
}
