/** Reads a copy's records back from the log: at start, and after the store was rebuilt from its base. */
import { assert, present } from '../kernel/assert.ts';
import { seq as asSeq, type CopyId, type Seq } from '../kernel/ids.ts';
import { type LogRecord, RECORD_KIND } from '../log/log-record.ts';
import type { CopyLog } from './copy-log.ts';
import { type Generation, Memtable, type MemtableLimits } from './memtable.ts';
import { decodeDelete, decodeDeleteMany, decodePut } from './payload.ts';
import { fingerprintOfRecord, type KeyChange, outcomeOf } from './record-answer.ts';
import type { Outcome } from './store.ts';

/** Bytes of records read at once: bounds memory at replay. */
const READ_BYTES = 1 << 20;

/** What a record does to keys. */
export function changesOfRecord(record: LogRecord): KeyChange[] {
  switch (record.kind) {
    case RECORD_KIND.put:
    case RECORD_KIND.putBlob: {
      const put = decodePut(record.payload, record.kind === RECORD_KIND.putBlob);
      return [[put.key, put.stored]];
    }
    case RECORD_KIND.delete:
      return [[decodeDelete(record.payload), undefined]];
    case RECORD_KIND.deleteMany:
      return decodeDeleteMany(record.payload).keys.map((key) => [key, undefined]);
    default:
      return [];
  }
}

/** Whether a user's write made the record; an empty copy has none. */
export function isUserRecord(record: LogRecord): boolean {
  return record.kind >= RECORD_KIND.put && record.kind <= RECORD_KIND.deleteMany;
}

/** The remembered outcome of a record that carries a caller's `idempotency-key`. */
export function outcomeOfRecord(record: LogRecord): Outcome | undefined {
  if (!record.callerOpId) return undefined;
  const key = changesOfRecord(record)[0]?.[0] ?? '';
  return outcomeOf(record, fingerprintOfRecord(record, key));
}

/** Which records are read. */
export interface RecordSpan {
  readonly copyId: CopyId;
  readonly from: Seq;
  /** Last one wanted. */
  readonly upTo: Seq;
}

/** The records of a span in order; checks that none is missing. */
export async function* recordsOf(log: CopyLog, span: RecordSpan): AsyncGenerator<LogRecord> {
  const { copyId, upTo } = span;
  let next = span.from;
  while (next <= upTo) {
    const records = await log.read(copyId, next, READ_BYTES);
    assert(records.length > 0, `the log holds record ${next} of copy ${copyId}`);
    for (const record of records) {
      assert(record.seq === next, `the log of copy ${copyId} is gapless at ${next}`);
      if (record.seq > upTo) return;
      yield record;
      next = asSeq(next + 1);
    }
  }
}

/**
 * Hands a span's changes to `apply` in batches of a memtable's size; the last one stands at `span.upTo`.
 * `isCovered` tells which changes are passed over.
 */
export async function replayBatches(
  log: CopyLog,
  span: RecordSpan,
  options: {
    limits: MemtableLimits;
    isCovered: (key: string, seq: Seq) => boolean;
    apply: (batch: Generation) => Promise<void>;
  },
): Promise<void> {
  const { isCovered, apply } = options;
  const memtable = new Memtable(options.limits, asSeq(span.from - 1));
  for await (const record of recordsOf(log, span)) {
    const { seq } = record;
    const outcome = outcomeOfRecord(record);
    if (outcome) memtable.note(outcome);
    for (const [key, stored] of changesOfRecord(record)) {
      if (!isCovered(key, seq)) memtable.set(key, { stored, seq });
    }
    memtable.pass(seq);
    if (!memtable.full || seq === span.upTo) continue;
    await apply(memtable.swap());
    memtable.applied();
  }
  if (span.from <= span.upTo) await apply(memtable.swap());
}

/**
 * The first retained record that is at most `windowMs` older than the newest one; one past the last when none is kept.
 * Measured against the newest record, not against the clock: a restart of any length, or a clock that jumped, makes it
 * no later. Times never fall within a log, so halving finds it in some twenty small reads.
 */
export async function firstSeqWithin(log: CopyLog, copyId: CopyId, windowMs: number): Promise<Seq> {
  const position = present(log.position(copyId), 'a copy that is replayed is known to the log');
  const { firstSeq, lastSeq } = position;
  if (firstSeq > lastSeq) return asSeq(lastSeq + 1);
  const timeAt = async (at: number): Promise<number> => {
    const [record] = await log.read(copyId, asSeq(at), 1);
    return present(record, `the log holds record ${at} of copy ${copyId}`).hybridMs;
  };
  const horizonMs = (await timeAt(lastSeq)) - windowMs;
  let low: number = firstSeq;
  let high: number = lastSeq;
  while (low < high) {
    const middle = low + ((high - low) >> 1);
    if ((await timeAt(middle)) < horizonMs) low = middle + 1;
    else high = middle;
  }
  return asSeq(low);
}
