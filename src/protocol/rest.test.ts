/** The users' JSON surface: what requests may hold, and how nested names of answers are read. */
import { expect, test } from 'vitest';
import { parseDuration } from '../kernel/config.ts';
import { EVENT_FIELDS } from './public.ts';
import { bulkLineSchema, deleteRangeQuerySchema, listQuerySchema, putQuerySchema } from './rest.ts';
import { configPatchSchema } from './rest-cluster.ts';
import { shardViewOf } from './rest-nodes.ts';

test('flags of a query may stand alone, and anything but true and false is refused', () => {
  expect(listQuerySchema.parse({ values: '' }).values).toBe(true);
  expect(listQuerySchema.parse({ values: 'true' }).values).toBe(true);
  expect(listQuerySchema.parse({ values: 'false' }).values).toBe(false);
  expect(deleteRangeQuerySchema.safeParse({ all: 'yes' }).success).toBe(false);
});

test.each([
  ['1', true],
  ['10000', true],
  ['0', false],
  ['10001', false],
  ['-1', false],
  ['1.5', false],
  ['', false],
])('a limit of %j is allowed: %j', (limit, allowed) => {
  expect(listQuerySchema.safeParse({ limit }).success).toBe(allowed);
});

// @req: kv.put.ttl.bad
test('a ttl becomes milliseconds; none, and one of centuries, are refused', () => {
  expect(putQuerySchema.parse({ ttl: '30s' }).ttl).toBe(parseDuration('30s'));
  for (const ttl of ['0s', '', 'soon', '9999999h']) {
    expect(putQuerySchema.safeParse({ ttl }).success).toBe(false);
  }
});

test('a line of a bulk is one of three, and nothing besides', () => {
  for (const line of [
    { op: 'put', key: 'k', value: 'v' },
    { op: 'put', key: 'k', value_base64: 'dg==', content_type: 'text/plain' },
    { op: 'get', key: 'k' },
    { op: 'delete', key: 'k' },
  ]) {
    expect(bulkLineSchema.parse(line)).toEqual(line);
  }
  for (const line of [
    { op: 'get', key: 'k', value: 'v' },
    { op: 'copy', key: 'k' },
    { op: 'get' },
  ]) {
    expect(bulkLineSchema.safeParse(line).success).toBe(false);
  }
});

// @req: cluster.config.unknown
test('settings come in units, and unknown ones are refused', () => {
  expect(configPatchSchema.parse({ health_check_interval: '500ms' })).toEqual({
    health_check_interval: 500,
  });
  expect(configPatchSchema.safeParse({ read_onyl: true }).success).toBe(false);
  expect(configPatchSchema.safeParse({ read_only: 'true' }).success).toBe(false);
});

test('a shard is read in the code’s names', () => {
  const wire = {
    ShardID: 2,
    NodeID: 'n1',
    IsPrimary: true as const,
    replicas: [],
    in_sync: ['n1'],
    term: 3,
    state: 'active' as const,
  };
  expect(shardViewOf(wire)).toEqual({
    shardId: 2,
    nodeId: 'n1',
    replicas: [],
    inSync: ['n1'],
    term: 3,
    state: 'active',
  });
});

test('event types and their fields are snake_case', () => {
  for (const [type, fields] of Object.entries(EVENT_FIELDS)) {
    expect(type).toMatch(/^[a-z]+(_[a-z]+)*$/);
    for (const field of fields) expect(field).toMatch(/^[a-z]+(_[a-z]+)*\??$/);
  }
});
