/** Reads a copy's records back from the log: at start, and after the store was rebuilt from its base. */
import { assert, present } from '../kernel/assert.ts';
import { seq as asSeq, type CopyId, type Seq } from '../kernel/ids.ts';
import { type LogRecord, RECORD_KIND } from '../log/log-record.ts';
import type { CopyLog } from './copy-log.ts';
import { decodeDelete, decodeDeleteMany, decodePut } from './payload.ts';
import { answerOf, fingerprintOfRecord } from './record-answer.ts';
import type { Outcome, StoredValue } from './store.ts';

/** Bytes of records read at once: bounds memory at replay. */
const READ_BYTES = 1 << 20;

/** What a record does to keys: pairs of key and new value, undefined for deleted. */
export function changesOfRecord(record: LogRecord): [string, StoredValue | undefined][] {
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
  return {
    opId: record.opId,
    recordedAtMs: record.hybridMs,
    fingerprint: fingerprintOfRecord(record, key),
    answer: JSON.stringify(answerOf(record)),
  };
}

/** Every record of the copy from `fromSeq` to the end, in order; checks that none is missing. */
export async function* recordsFrom(
  log: CopyLog,
  copyId: CopyId,
  fromSeq: Seq,
): AsyncGenerator<LogRecord> {
  let next = fromSeq;
  const lastSeq = (): number =>
    present(log.position(copyId), 'a copy that is replayed is known to the log').lastSeq;
  while (next <= lastSeq()) {
    const records = await log.read(copyId, next, READ_BYTES);
    assert(records.length > 0, `the log holds record ${next} of copy ${copyId}`);
    for (const record of records) {
      assert(record.seq === next, `the log of copy ${copyId} is gapless at ${next}`);
      yield record;
      next = asSeq(next + 1);
    }
  }
}

/**
 * The first retained record that is as young as `hybridMs`, one past the last when none is. Times never fall within a
 * log, so halving finds it in some twenty small reads.
 */
export async function firstSeqSince(log: CopyLog, copyId: CopyId, hybridMs: number): Promise<Seq> {
  const position = present(log.position(copyId), 'a copy that is replayed is known to the log');
  let low: number = position.firstSeq;
  let high = position.lastSeq + 1;
  while (low < high) {
    const middle = low + ((high - low) >> 1);
    const [record] = await log.read(copyId, asSeq(middle), 1);
    if (record && record.hybridMs < hybridMs) low = record.seq + 1;
    else high = middle;
  }
  return asSeq(low);
}
