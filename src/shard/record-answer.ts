/** What a write becomes: its record's content, and the answer that a repeat of the operation is told. */
import { type LogRecord, RECORD_KIND, type RecordKind } from '../log/log-record.ts';
import type { KeyAnswer } from '../protocol/key-operation.ts';
import { expiryOf } from './expiry.ts';
import { decodeDeleteMany, encodeDelete, encodeDeleteMany, encodePut } from './payload.ts';
import type { Outcome, StoredValue } from './store.ts';
import type { Write } from './write.ts';

/** A key and its new value, undefined for deleted. */
export type KeyChange = readonly [key: string, stored: StoredValue | undefined];

/** What a record says, before it has a place in the log. */
export interface RecordContent {
  readonly kind: RecordKind;
  readonly payload: Buffer;
  readonly changes: readonly KeyChange[];
}

/** The content of a write that is appended at this hybrid time. */
export function contentOf(write: Write, nowMs: number): RecordContent {
  switch (write.verb) {
    case 'put': {
      const { key } = write;
      const { contentType, etag, bytes, blob } = write.stored;
      const expiresAtMs = expiryOf(nowMs, write.ttlMs);
      const { payload, value } = encodePut({
        key,
        stored: { contentType, etag, bytes, expiresAtMs, value: write.stored.value, blob },
      });
      const kind = blob === undefined ? RECORD_KIND.put : RECORD_KIND.putBlob;
      // The record's own bytes, not the caller's: a frame must not stay in memory for as long as one of its values.
      const stored = { contentType, etag, bytes, expiresAtMs, value, blob };
      return { kind, payload, changes: [[key, stored]] };
    }
    case 'delete': {
      const payload = encodeDelete(write.key);
      return { kind: RECORD_KIND.delete, payload, changes: [[write.key, undefined]] };
    }
    case 'deleteMany': {
      const { next, range, isSpared } = write;
      const keys = isSpared ? write.keys.filter((key) => !isSpared(key)) : write.keys;
      const payload = encodeDeleteMany({ keys, next, range });
      return {
        kind: RECORD_KIND.deleteMany,
        payload,
        changes: keys.map((key) => [key, undefined]),
      };
    }
  }
}

/** 204 with the etag for a put, 204 for a delete, 200 with the page's figures as JSON for a range delete. */
export function answerOf(record: Pick<LogRecord, 'kind' | 'payload'>): KeyAnswer {
  switch (record.kind) {
    case RECORD_KIND.put:
    case RECORD_KIND.putBlob:
      return { status: 204, etag: record.payload.toString('hex', 8, 24) };
    case RECORD_KIND.deleteMany: {
      const page = decodeDeleteMany(record.payload);
      return { status: 200, detail: pageDetail(page.keys.length, page.next) };
    }
    default:
      return { status: 204 };
  }
}

/** The figures of a range delete's page. */
export function pageDetail(deleted: number, next: string | undefined): string {
  return JSON.stringify({ deleted, next: next ?? null });
}

/** Tells a repeat from another write under the same `idempotency-key`. */
export function fingerprintOf(write: Write): string {
  switch (write.verb) {
    case 'put':
      return `put ${write.stored.etag} ${write.key}`;
    case 'delete':
      return `delete ${write.key}`;
    case 'deleteMany':
      return `delete range ${write.range}`;
  }
}

/** The same fingerprint from the record, at replay. */
export function fingerprintOfRecord(record: LogRecord, key: string): string {
  switch (record.kind) {
    case RECORD_KIND.put:
    case RECORD_KIND.putBlob:
      return `put ${record.payload.toString('hex', 8, 24)} ${key}`;
    case RECORD_KIND.deleteMany:
      return `delete range ${decodeDeleteMany(record.payload).range}`;
    default:
      return `delete ${key}`;
  }
}

/** What is remembered of a record that carries a caller's `idempotency-key`. */
export function outcomeOf(record: LogRecord, fingerprint: string): Outcome {
  return {
    opId: record.opId,
    recordedAtMs: record.hybridMs,
    fingerprint,
    answer: JSON.stringify(answerOf(record)),
  };
}
