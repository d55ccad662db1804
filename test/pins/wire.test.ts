/**
 * The wire between Torua's processes, as literals. Red means: a message changed. Then PROTOCOL_VERSION grows, version.ts
 * gets a line of history, mixed versions are thought through, and these literals are taken over last.
 */
import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { copyId, shardUid, term } from '../../src/kernel/ids.ts';
import * as clusterState from '../../src/protocol/cluster-state.ts';
import { encodeAnswers, encodeBatch } from '../../src/protocol/frame.ts';
import * as messages from '../../src/protocol/messages.ts';
import { MIN_SUPPORTED_PROTOCOL, PROTOCOL_VERSION } from '../../src/protocol/version.ts';

/** Schema → hash of its JSON Schema, for protocol version 1. */
const PINNED = {
  acceptDamageRequestSchema: '65d4e2f74f92e75a',
  clusterConfigSchema: '8c63a0ba9d89ece6',
  clusterStateSchema: '3920371a4525d2ba',
  copySchema: 'a438a0c1f170fb26',
  deleteRangeAnswerSchema: '6571b0e781431384',
  deleteRangeRequestSchema: '044d5e0fc3d62941',
  doneSchema: '56b8a034aeb6d6eb',
  heartbeatAnswerSchema: 'cd799e0d159d8d26',
  heartbeatRequestSchema: '4aa70c2df2cb978b',
  heldCopySchema: 'd280e2028876663e',
  idSchema: 'ac83f33eedf041fe',
  leavingAnswerSchema: '8a47838667ee1067',
  leavingRequestSchema: 'bc5e8f92dbf76d58',
  listAnswerSchema: '90b1863a60ed9189',
  listRequestSchema: '90b9cb3fb88a7392',
  listRowSchema: '699ccc4ca6ea5999',
  nodeSchema: '0d723b7bd2d2929a',
  pushStateAnswerSchema: 'd1b1289b1c19ab81',
  pushStateSchema: '9314b68ea5a00a88',
  registerAnswerSchema: 'b5bd2112d9282168',
  registerRequestSchema: '579d41d222529882',
  releaseAnswerSchema: '6cec7189bd08d0fd',
  releaseRequestSchema: '65d4e2f74f92e75a',
  shardSchema: '12a7f33ae7eaadce',
  skipRequestSchema: '16c0a10eb2944930',
  storedStateSchema: 'c3515d91904ab5eb',
};

function hashesOf(module: object): Record<string, string> {
  const schemas = Object.entries(module).flatMap(([name, value]) =>
    name.endsWith('Schema') && value instanceof z.ZodType ? [[name, value] as const] : [],
  );
  return Object.fromEntries(schemas.map(([name, schema]) => [name, hashOf(schema)]));
}

function hashOf(schema: z.ZodType): string {
  const text = JSON.stringify(z.toJSONSchema(schema, { io: 'input' }));
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

// @req: house.pins
test('messages and state of protocol version 1 are what they were', () => {
  expect({ PROTOCOL_VERSION, MIN_SUPPORTED_PROTOCOL }).toEqual({
    PROTOCOL_VERSION: 1,
    MIN_SUPPORTED_PROTOCOL: 1,
  });
  expect({ ...hashesOf(clusterState), ...hashesOf(messages) }).toEqual(PINNED);
});

test('paths between the processes are what they were', () => {
  expect(messages.INTERNAL_PATHS).toEqual({
    register: '/register',
    heartbeat: '/heartbeat',
    leaving: '/internal/v1/leaving',
    state: '/internal/v1/state',
    release: '/internal/v1/release',
    batch: '/internal/v1/batch',
    list: '/internal/v1/list',
    deleteRange: '/internal/v1/delete-range',
    skip: '/internal/v1/skip',
    acceptDamage: '/internal/v1/accept-damage',
    value: '/internal/v1/value',
  });
});

test('a batch and its answers have the bytes they had', () => {
  const operation = {
    verb: 'put',
    shardUid: shardUid('00000000000000a1'),
    copyId: copyId('00000000000000b2'),
    term: term(3),
    key: 'key/数字',
    value: Buffer.from('value'),
    contentType: 'text/plain',
    ttlMs: 1_000,
    ifMatch: '"aa"',
    ifNoneMatch: '*',
    opId: '0011223344556677',
    callerOpId: false,
    deadlineMs: 2_500,
    requestId: 'r-1',
    traceparent: undefined,
  } as const;
  const batch = { leaderEpoch: 4, routingVersion: 1, schemaVersion: 0, operations: [operation] };
  expect(encodeBatch(batch).toString('hex')).toBe(BATCH_BYTES);
  const answers = [
    { status: 200, etag: 'ab', contentType: 'text/plain', bytes: 5, value: Buffer.from('value') },
    { status: 404, code: 'key_not_found', detail: 'The key does not exist.' },
  ];
  expect(encodeAnswers(answers).toString('hex')).toBe(ANSWER_BYTES);
});

const BATCH_BYTES = [
  '544b01010100000000000000000010400100000000000000010010003030303030303030303030303030',
  '6131100030303030303030303030303030306232000000000000084001000a00746578742f706c61696e',
  '0000027cc40900000a006b65792fe695b0e5ad971000303031313232333334343535363637370300722d',
  '3100000000000000408f4004002261612201002a0500000076616c7565',
].join('');
const ANSWER_BYTES = [
  '544b01020200000001000a00746578742f706c61696ec8000f0200616200000000000000001440050000',
  '0076616c75659401300d006b65795f6e6f745f666f756e641700546865206b657920646f6573206e6f74',
  '2065786973742e',
].join('');
