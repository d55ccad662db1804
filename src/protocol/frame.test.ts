import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ToruaError } from '../kernel/errors.ts';
import { copyId, shardUid, term } from '../kernel/ids.ts';
import {
  decodeAnswers,
  decodeBatch,
  encodeAnswers,
  encodeBatch,
  FRAME_OPERATIONS_MAX,
} from './frame.ts';
import type { KeyAnswer, KeyOperation } from './key-operation.ts';

const text = fc.string({ unit: 'grapheme', maxLength: 90 });
const hex = fc.constantFrom('0000000000000001', '00000000000000ff', 'abcdefabcdefabcd');
const optional = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined });
const bytes = fc.uint8Array({ maxLength: 300 }).map((array) => Buffer.from(array));

const operation: fc.Arbitrary<KeyOperation> = fc.record({
  verb: fc.constantFrom('get', 'head', 'put', 'delete'),
  shardUid: hex.map(shardUid),
  copyId: hex.map(copyId),
  term: fc.nat().map(term),
  key: text,
  value: optional(bytes),
  contentType: optional(
    fc.constantFrom('text/plain', 'application/json; charset=utf-8', '', 'x/ä'),
  ),
  ttlMs: optional(fc.maxSafeNat()),
  ifMatch: optional(text),
  ifNoneMatch: optional(text),
  anyCopy: fc.boolean(),
  opId: text,
  callerOpId: fc.boolean(),
  deadlineMs: fc.nat(600_000),
  requestId: text,
  traceparent: optional(text),
});

const answer: fc.Arbitrary<KeyAnswer> = fc.record({
  status: fc.integer({ min: 100, max: 599 }),
  etag: optional(text),
  contentType: optional(fc.constantFrom('text/plain', 'image/png')),
  bytes: optional(fc.maxSafeNat()),
  value: optional(bytes),
  code: optional(text),
  detail: optional(fc.string({ unit: 'grapheme', maxLength: 2_000 })),
});

const batch = fc.record({
  leaderEpoch: fc.maxSafeNat(),
  routingVersion: fc.nat(0xffffffff),
  schemaVersion: fc.nat(0xffffffff),
  operations: fc.array(operation, { maxLength: 20 }),
});

/** What the reader says about bytes: a value, or the code of a ToruaError. Anything else fails the test. */
function outcome(read: () => unknown): unknown {
  try {
    return read();
  } catch (error) {
    if (error instanceof ToruaError) return error.code;
    throw error;
  }
}

test('a batch comes back as it was sent', () => {
  fc.assert(
    fc.property(batch, (sent) => {
      expect(decodeBatch(encodeBatch(sent))).toEqual(sent);
    }),
  );
});

test('answers come back as they were sent', () => {
  fc.assert(
    fc.property(fc.array(answer, { maxLength: 20 }), (sent) => {
      expect(decodeAnswers(encodeAnswers(sent))).toEqual(sent);
    }),
  );
});

test('a remaining time stands for the deadline of its operation', () => {
  const [sent] = fc.sample(
    batch.filter(({ operations }) => operations.length > 1),
    1,
  );
  const times = (sent?.operations ?? []).map((_, index) => index + 0.5);
  const got = decodeBatch(encodeBatch(sent as never, times));
  expect(got.operations.map(({ deadlineMs }) => deadlineMs)).toEqual(times.map(Math.ceil));
});

test('values are views into the frame, not copies', () => {
  const frame = encodeAnswers([{ status: 200, value: Buffer.from('abc') }]);
  const [got] = decodeAnswers(frame);
  frame.fill('x');
  expect(got?.value?.toString()).toBe('xxx');
});

test('random bytes are refused with a code, never a crash', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 400 }), (array) => {
      expect(outcome(() => decodeBatch(Buffer.from(array)))).toBe('invalid_request');
      expect(outcome(() => decodeAnswers(Buffer.from(array)))).toBe('bad_node_answer');
    }),
  );
});

test('a frame with one byte changed is read or refused, never a crash', () => {
  fc.assert(
    fc.property(batch, fc.nat(), fc.nat(255), (sent, place, byte) => {
      const frame = Buffer.from(encodeBatch(sent));
      frame[place % frame.length] = byte;
      outcome(() => decodeBatch(frame));
    }),
  );
});

test('a frame cut anywhere, or with bytes behind its end, is refused', () => {
  const frame = encodeBatch(fc.sample(batch, { numRuns: 1, seed: 7 })[0] as never);
  for (let length = 0; length < frame.length; length += 1) {
    expect(outcome(() => decodeBatch(frame.subarray(0, length)))).toBe('invalid_request');
  }
  expect(outcome(() => decodeBatch(Buffer.concat([frame, Buffer.from([0])])))).toBe(
    'invalid_request',
  );
  const answers = encodeAnswers([{ status: 204, etag: 'e' }]);
  expect(outcome(() => decodeAnswers(answers.subarray(0, -1)))).toBe('bad_node_answer');
  expect(outcome(() => decodeAnswers(Buffer.concat([answers, Buffer.from([0])])))).toBe(
    'bad_node_answer',
  );
});

test('a frame of another version, another kind or with too many operations is refused', () => {
  const frame = Buffer.from(encodeAnswers([]));
  expect(outcome(() => decodeBatch(frame))).toBe('invalid_request');
  frame[2] = 2;
  expect(outcome(() => decodeAnswers(frame))).toBe('bad_node_answer');
  frame[2] = 1;
  frame.writeUInt32LE(FRAME_OPERATIONS_MAX + 1, 4);
  expect(outcome(() => decodeAnswers(frame))).toBe('bad_node_answer');
});

test('the layout is pinned: these bytes are what version 1 means', () => {
  const frame = encodeBatch({
    leaderEpoch: 3,
    routingVersion: 1,
    schemaVersion: 0,
    operations: [
      {
        verb: 'put',
        shardUid: shardUid('0000000000000001'),
        copyId: copyId('00000000000000ff'),
        term: term(2),
        key: 'k',
        value: Buffer.from('v'),
        contentType: 'a/b',
        opId: 'o',
        callerOpId: true,
        deadlineMs: 1_000,
        requestId: 'r',
      },
    ],
  });
  expect(frame.toString('hex')).toBe(
    '544b01010100000000000000000008400100000000000000' +
      '0100' +
      '100030303030303030303030303030303031' +
      '100030303030303030303030303030306666' +
      '0000000000000040' +
      '0100' +
      '0300612f62' +
      '0000' +
      '020e' +
      'e8030000' +
      '01006b' +
      '01006f' +
      '010072' +
      '0000' +
      '01000000' +
      '76',
  );
});
