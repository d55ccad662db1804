/**
 * The seam between a shard copy and what keeps its committed rows. Two implementations pass one contract suite:
 * Kuzu (production) and memory (simulation). No engine type appears here. Source: style guide, pattern 3.
 */
import type { Seq } from '../kernel/ids.ts';

/** What is kept under one key. Exactly one of `value` (up to 64 KiB) and `blob` (SHA-256 of a file, hex) is set. */
export interface StoredValue {
  readonly contentType: string;
  /** 32 hex digits, without quotes. */
  readonly etag: string;
  /** Length of the value in bytes, wherever it is kept. */
  readonly bytes: number;
  /** Hybrid time in milliseconds after which the key no longer exists; 0 = never. */
  readonly expiresAtMs: number;
  readonly value?: Buffer | undefined;
  readonly blob?: string | undefined;
}

/** The newest committed fact about one key. */
export type StoreChange =
  | { readonly kind: 'put'; readonly key: string; readonly stored: StoredValue }
  | { readonly kind: 'delete'; readonly key: string };

/** What a write carrying a caller's `idempotency-key` answered; kept for 10 minutes with the data it belongs to. */
export interface Outcome {
  readonly opId: string;
  /** Hybrid time of the record, milliseconds. */
  readonly recordedAtMs: number;
  /** Tells a repeat from another request under the same id: operation, key and etag, as text. */
  readonly fingerprint: string;
  /** The answer, as JSON. */
  readonly answer: string;
}

/** One transaction: committed changes up to `seq`, distinct keys, at most one change a key. */
export interface ApplyBatch {
  readonly changes: readonly StoreChange[];
  /** Sequence number of the newest record contained; stored in the same transaction. */
  readonly seq: Seq;
  readonly outcomes: readonly Outcome[];
  /** Outcomes recorded before this hybrid time are forgotten in the same transaction. */
  readonly forgetOutcomesBeforeMs: number;
}

/** A row of a listing. */
export interface ListedRow {
  readonly key: string;
  readonly stored: StoredValue;
}

/** A range of keys in ascending order of their UTF-8 bytes. */
export interface KeyRange {
  /** First key wanted; absent = from the beginning. */
  readonly start?: string | undefined;
  /** True: `start` itself is not wanted. */
  readonly startExclusive?: boolean | undefined;
  /** First key not wanted; absent = to the end. */
  readonly end?: string | undefined;
  readonly limit: number;
  /** Whether `value` is filled in. */
  readonly values?: boolean | undefined;
}

/** Sums over all rows, expired ones included until they are swept. */
export interface StoreTotals {
  readonly keys: number;
  readonly bytes: number;
}

/** What maintenance did, and why. */
export interface MaintenanceReport {
  readonly did: 'nothing' | 'checkpoint' | 'rewrite';
  readonly durationMs: number;
}

/** Sizes on disk, in bytes. */
export interface StoreSizes {
  /** The live database's file. */
  readonly live: number;
  /** The live database's file right after its last rewrite. */
  readonly liveAfterRewrite: number;
  /** The engine's write-ahead log beside it, until the next checkpoint. */
  readonly wal: number;
  /** All base generations. */
  readonly base: number;
}

/**
 * Committed rows of one copy. One owner calls `apply`, `maintain`, `rebuild` and `close` one after another;
 * reads may run beside them and are answered from some point between.
 */
export interface ShardStore {
  /** Everything up to here is contained. After a crash it may be lower than before it, never below `baseSeq`. */
  readonly appliedSeq: Seq;
  /** Contained in a durable, verified base generation: log records up to here are no longer needed. */
  readonly baseSeq: Seq;
  readonly totals: StoreTotals;
  /** Applies the batch exactly once; atomic with its seq. Throws when the engine refuses: see `rebuild`. */
  apply(batch: ApplyBatch): Promise<void>;
  read(key: string): Promise<StoredValue | undefined>;
  /** At most `range.limit` rows. */
  list(range: KeyRange): Promise<ListedRow[]>;
  /** Up to `limit` keys whose time is over at `nowMs`. */
  expired(nowMs: number, limit: number): Promise<string[]>;
  /** All remembered outcomes; asked once after opening. */
  outcomes(): Promise<Outcome[]>;
  /** Names of all blobs that rows refer to. */
  blobNames(): Promise<Set<string>>;
  /**
   * Keeps file, pool and log in bounds: checkpoint, or rewrite into a new base generation.
   * `logBytesSinceBase` tells how much log the base holds back; `force` makes a new base now.
   */
  maintain(hint: {
    logBytesSinceBase: number;
    force?: 'checkpoint' | 'rewrite' | undefined;
  }): Promise<MaintenanceReport>;
  /** Throws the live database away and starts again from the base; `appliedSeq` becomes `baseSeq`. */
  rebuild(): Promise<void>;
  sizes(): Promise<StoreSizes>;
  /** Closes it, after a checkpoint when nothing is in doubt. */
  close(): Promise<void>;
}

/** Opens stores. `directory` is the copy's own. */
export interface StoreFactory {
  /** Opens what is there, or creates an empty store. A damaged or doubtful live database is rebuilt from its base. */
  open(directory: string): Promise<ShardStore>;
}
