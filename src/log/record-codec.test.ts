import fc from 'fast-check';
import { expect, test } from 'vitest';
import { copyId, seq, shardUid, term } from '../kernel/ids.ts';
import { type LogRecord, RECORD_KIND } from './log-record.ts';
import {
  decodeRecord,
  encodeIds,
  encodeRecord,
  RECORD_HEADER_BYTES,
  type RecordHead,
  readHead,
  recordBytes,
} from './record-codec.ts';

const id = fc
  .array(fc.constantFrom(...'0123456789abcdef'), { minLength: 16, maxLength: 16 })
  .map((digits) => digits.join(''));
const u32 = fc.integer({ min: 0, max: 0xffff_ffff });
const anyRecord: fc.Arbitrary<LogRecord> = fc.record({
  kind: fc.constantFrom(...Object.values(RECORD_KIND)),
  shardUid: id.map(shardUid),
  copyId: id.map(copyId),
  term: u32.map(term),
  seq: fc.maxSafeNat().map(seq),
  schemaVersion: u32,
  opId: fc.string({ maxLength: 40, unit: 'grapheme' }),
  callerOpId: fc.boolean(),
  hybridMs: fc.maxSafeNat(),
  payload: fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
});

function encoded(record: LogRecord, offset = 0): Buffer {
  const bytes = Buffer.alloc(offset + recordBytes(record));
  expect(encodeRecord(bytes, offset, record, encodeIds(record))).toBe(bytes.length);
  return bytes;
}

// @req: log.record
test('a record is read as it was written, at any offset', () => {
  fc.assert(
    fc.property(anyRecord, fc.integer({ min: 0, max: 20 }), (record, offset) => {
      expect(decodeRecord(encoded(record, offset), offset)).toEqual(record);
    }),
  );
});

test('a record with any changed bit is not read', () => {
  fc.assert(
    fc.property(anyRecord, fc.nat(), (record, where) => {
      const bytes = encoded(record);
      const bit = where % (bytes.length * 8);
      bytes[bit >>> 3] = (bytes[bit >>> 3] ?? 0) ^ (1 << (bit & 7));
      expect(decodeRecord(bytes, 0)).toBeUndefined();
    }),
  );
});

// @req: state.copy-id
test('the head holds what replay needs', () => {
  fc.assert(
    fc.property(anyRecord, (record) => {
      const head = {} as RecordHead;
      readHead(encoded(record), 0, head);
      const { kind, shardUid: shard, copyId: copy, seq: at, term: term_, hybridMs } = record;
      const length = recordBytes(record);
      expect(head).toEqual({
        length,
        kind,
        shardUid: shard,
        copyId: copy,
        seq: at,
        term: term_,
        hybridMs,
      });
    }),
  );
});

test('bytes that end too early are no record', () => {
  const record: LogRecord = fc.sample(anyRecord, { numRuns: 1, seed: 1 })[0] as LogRecord;
  const bytes = encoded(record);
  expect(decodeRecord(bytes.subarray(0, RECORD_HEADER_BYTES - 1), 0)).toBeUndefined();
  expect(decodeRecord(bytes.subarray(0, bytes.length - 1), 0)).toBeUndefined();
});

// @req: log.record
test('a record of a newer format is refused, not misread', () => {
  const record: LogRecord = fc.sample(anyRecord, { numRuns: 1, seed: 1 })[0] as LogRecord;
  const bytes = encoded(record);
  bytes[8] = 2;
  expect(() => readHead(bytes, 0, {} as RecordHead)).toThrow('directory_too_new');
});

test('ids that are not 16 hex digits are a bug', () => {
  expect(() => encodeIds({ shardUid: shardUid('short'), copyId: copyId('x') })).toThrow(
    'invariant_broken',
  );
});
