/** One key-value operation on its way from the coordinator to a shard's copy, and its answer. Data only. */
import type { CopyId, ShardUid, Term } from '../kernel/ids.ts';

/** What happens to a key. */
export type KeyVerb = 'get' | 'head' | 'put' | 'delete';

/** One operation. `etag`s are 32 hex digits without quotes; `*` in a condition means "any value". */
export interface KeyOperation {
  readonly verb: KeyVerb;
  readonly shardUid: ShardUid;
  readonly copyId: CopyId;
  readonly term: Term;
  readonly key: string;
  /** Only for `put`: up to 64 KiB; larger values are streamed. */
  readonly value?: Buffer | undefined;
  readonly contentType?: string | undefined;
  readonly ttlMs?: number | undefined;
  readonly ifMatch?: string | undefined;
  readonly ifNoneMatch?: string | undefined;
  /** Reads: answer from any copy, even without a lease. */
  readonly anyCopy?: boolean | undefined;
  /** Writes: repeating the operation under this id is safe. Empty for reads. */
  readonly opId: string;
  /** True when `opId` is the caller's `idempotency-key`. */
  readonly callerOpId: boolean;
  /** What remains of the request's time, in milliseconds. */
  readonly deadlineMs: number;
  readonly requestId: string;
  readonly traceparent?: string | undefined;
}

/** The answer to one operation. `status` is the HTTP status a user would see. */
export interface KeyAnswer {
  readonly status: number;
  readonly etag?: string | undefined;
  readonly contentType?: string | undefined;
  /** Length of the value; on `head`, and when the value must be streamed (`value` absent on a 200 to `get`). */
  readonly bytes?: number | undefined;
  readonly value?: Buffer | undefined;
  /** Error code and detail when `status` is one. */
  readonly code?: string | undefined;
  readonly detail?: string | undefined;
}

/** A batch: operations for one node, planned under one routing and schema version of one leader. */
export interface KeyBatch {
  readonly leaderEpoch: number;
  readonly routingVersion: number;
  readonly schemaVersion: number;
  readonly operations: readonly KeyOperation[];
}

/** Values up to this many bytes travel in batches and lie in the database; larger ones are streamed into files. */
export const INLINE_VALUE_BYTES_MAX = 64 * 1024;
