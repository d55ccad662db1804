/** What a shard copy wants of the node's log; `log/` satisfies it. */
import type { CopyId, Seq, ShardUid, Term } from '../kernel/ids.ts';
import type { LogRecord } from '../log/log-record.ts';

/** The log as one copy sees it. */
export interface CopyLog {
  /** Resolves when the records are durable. The order of calls is the order in the log. */
  append(
    records: readonly LogRecord[],
    options?: { readonly internal?: boolean | undefined },
  ): Promise<void>;
  /** The place of the next record: behind everything appended, durable or not. */
  nextSeq(copyId: CopyId): Seq;
  /** Consecutive records from `fromSeq`, at most `limitBytes` but at least one when there is one. */
  read(copyId: CopyId, fromSeq: Seq, limitBytes: number): Promise<LogRecord[]>;
  /** Where the copy stands; undefined when the log has never heard of it or it was dropped. */
  position(copyId: CopyId): LogPosition | undefined;
  /** Records up to `baseSeq` are no longer needed by this copy. */
  retain(copyId: CopyId, baseSeq: Seq): void;
  /** Bytes of this copy's records behind `baseSeq`. */
  bytesSince(copyId: CopyId, baseSeq: Seq): number;
}

/** Where a copy stands in the log. */
export interface LogPosition {
  readonly shardUid: ShardUid;
  readonly lastSeq: Seq;
  readonly lastTerm: Term;
  /** First record that can be read; `lastSeq + 1` when there is none. */
  readonly firstSeq: Seq;
  /** Damage: a hole swallowed records of this copy. */
  readonly inDoubt: boolean;
  /** The records that may be missing: behind `after`, up to `until` (absent: not known). */
  readonly missing?: { readonly after: Seq; readonly until?: Seq | undefined } | undefined;
}
