/** One large value's operation and answer, as headers: what goes in comes out, and anything else is refused. */
import { expect, test } from 'vitest';
import { copyId, shardUid, term } from '../kernel/ids.ts';
import type { KeyBatch } from './key-operation.ts';
import {
  decodeAnswerHeader,
  decodeOperationHeader,
  encodeAnswerHeader,
  encodeOperationHeader,
} from './value-stream-form.ts';

const operation = {
  verb: 'put',
  shardUid: shardUid('00000000000000a1'),
  copyId: copyId('00000000000000b2'),
  term: term(3),
  key: 'k'.repeat(4_096),
  contentType: 'text/plain',
  opId: '0011223344556677',
  callerOpId: false,
  deadlineMs: 1_000,
  requestId: 'r',
} as const;
const batch: KeyBatch = {
  leaderEpoch: 2,
  routingVersion: 1,
  schemaVersion: 0,
  operations: [operation],
};

test('an operation with the longest key fits into a header and comes back', () => {
  const header = encodeOperationHeader(batch);
  expect(header).toMatch(/^[A-Za-z0-9+/=]+$/);
  expect(header.length).toBeLessThan(8_192);
  expect(decodeOperationHeader(header)).toMatchObject({ leaderEpoch: 2, operations: [operation] });
});

test.each([undefined, '', 'junk', ['a', 'b'], Buffer.from('junk').toString('base64')])(
  'the operation header %j is refused',
  (header) => {
    expect(() => decodeOperationHeader(header)).toThrow(
      expect.objectContaining({ code: 'invalid_request' }),
    );
  },
);

test('a batch of two operations is no large value', () => {
  const header = encodeOperationHeader({ ...batch, operations: [operation, operation] });
  expect(() => decodeOperationHeader(header)).toThrow(/one operation, not 2/);
});

test('an answer comes back, and anything else is the node’s fault', () => {
  const answer = { status: 404, code: 'key_not_found', detail: 'The key does not exist.' };
  expect(decodeAnswerHeader(encodeAnswerHeader(answer))).toMatchObject(answer);
  for (const header of [undefined, '', 'junk']) {
    expect(() => decodeAnswerHeader(header)).toThrow(
      expect.objectContaining({ code: 'bad_node_answer' }),
    );
  }
});
