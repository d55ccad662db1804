/** The answer that a write's record stands for: what a repeat of the operation is told. */
import { type LogRecord, RECORD_KIND } from '../log/log-record.ts';
import type { KeyAnswer } from '../protocol/key-operation.ts';
import { decodeDeleteMany } from './payload.ts';
import type { Write } from './write.ts';

/** 204 with the etag for a put, 204 for a delete, 200 with the page's figures as JSON for a range delete. */
export function answerOf(record: LogRecord): KeyAnswer {
  switch (record.kind) {
    case RECORD_KIND.put:
    case RECORD_KIND.putBlob:
      return { status: 204, etag: record.payload.toString('hex', 8, 24) };
    case RECORD_KIND.deleteMany: {
      const page = decodeDeleteMany(record.payload);
      return {
        status: 200,
        detail: JSON.stringify({ deleted: page.keys.length, next: page.next ?? null }),
      };
    }
    default:
      return { status: 204 };
  }
}

/** Tells a repeat from another write under the same `idempotency-key`. */
export function fingerprintOf(write: Write): string {
  switch (write.verb) {
    case 'put':
      return `put ${write.stored.etag} ${write.key}`;
    case 'delete':
      return `delete ${write.key}`;
    case 'deleteMany':
      return 'delete range';
  }
}

/** The same fingerprint from the record, at replay. */
export function fingerprintOfRecord(record: LogRecord, key: string): string {
  switch (record.kind) {
    case RECORD_KIND.put:
    case RECORD_KIND.putBlob:
      return `put ${record.payload.toString('hex', 8, 24)} ${key}`;
    case RECORD_KIND.deleteMany:
      return 'delete range';
    default:
      return `delete ${key}`;
  }
}
