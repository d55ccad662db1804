/** What one record of the log says. The payload is the shard's own business; the log only reads the kinds it honours. */
import type { CopyId, Seq, ShardUid, Term } from '../kernel/ids.ts';

/**
 * Kinds of records. `drop` and `truncate` are honoured by the log itself at replay: after `drop` the copy does not
 * exist; `truncate` says that records behind `payload` (seq, 8 bytes big endian) are void. Numbers are for ever.
 */
export const RECORD_KIND = {
  drop: 1,
  truncate: 2,
  termStart: 3,
  put: 4,
  putBlob: 5,
  delete: 6,
  deleteMany: 7,
  skip: 8,
} as const;
/** One of `RECORD_KIND`'s numbers. */
export type RecordKind = (typeof RECORD_KIND)[keyof typeof RECORD_KIND];

/** One record. Immutable. */
export interface LogRecord {
  readonly kind: RecordKind;
  readonly shardUid: ShardUid;
  readonly copyId: CopyId;
  readonly term: Term;
  /** Gapless per copy, starting at 1. */
  readonly seq: Seq;
  readonly schemaVersion: number;
  /** The write's operation id; empty for records of our own. */
  readonly opId: string;
  /** True when the id is the caller's `idempotency-key`: remembered for 10 minutes, not 60 seconds. */
  readonly callerOpId: boolean;
  /** Hybrid time, milliseconds: never goes back in one log. */
  readonly hybridMs: number;
  readonly payload: Buffer;
}
