/** A node's environment: what is required, defaults of the contract, and what is refused at start. */
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { nodeConfig } from './config.ts';

const REQUIRED = { NODE_ID: 'n1', COORDINATOR_ADDR: 'http://127.0.0.1:8080' };
const read = (environment: Record<string, string> = {}) =>
  nodeConfig({ ...REQUIRED, ...environment });

// @req: env.loopback, env.health, env.timeouts, env.max-limits, env.data-dir
test('two settings are enough; the others are as the contract says', () => {
  expect(read()).toMatchObject({
    id: 'n1',
    listen: '127.0.0.1:8081',
    addr: undefined,
    coordinators: ['http://127.0.0.1:8080'],
    directory: join(process.cwd(), 'data', 'n1'),
    healthIntervalMs: 2_000,
    drainTimeoutMs: 30_000,
    requestTimeoutMs: 10_000,
    valueCache: 'auto',
    valueBytesMax: 16 * 2 ** 20,
    maxShards: undefined,
  });
});

// @req: env.node-memory.default
test('memory has a default that fits the machine', () => {
  const { memoryBytes } = read();
  expect(memoryBytes).toBeGreaterThanOrEqual(256 * 2 ** 20);
  expect(memoryBytes).toBeLessThanOrEqual(Math.max(256 * 2 ** 20, totalmem() * 0.6));
  expect(read({ NODE_MEMORY: '512MiB' }).memoryBytes).toBe(512 * 2 ** 20);
});

// @req: env.coordinator-addr.node, env.node-listen, env.capacity
test('addresses are understood as people write them', () => {
  const given = { COORDINATOR_ADDR: ':8080, http://b:1/,c:2', NODE_ADDR: 'me:9', NODE_ZONE: 'z' };
  expect(read({ ...given, NODE_MAX_SHARDS: '0' })).toMatchObject({
    coordinators: ['http://127.0.0.1:8080', 'http://b:1', 'http://c:2'],
    addr: 'http://me:9',
    zone: 'z',
    maxShards: 0,
  });
});

// @req: env.bad-value, env.unknown-name, env.node-id
test.each<[Record<string, string>, RegExp]>([
  [{ NODE_ID: '' }, /^NODE_ID is not set: it is required/],
  [{ COORDINATOR_ADDR: '' }, /^COORDINATOR_ADDR is not set: it is required/],
  [{ COORDINATOR_ADDR: 'a:1,,b:2' }, /^COORDINATOR_ADDR is .*each must be a URL/],
  [{ COORDINATOR_ADDR: 'etcd://a' }, /^COORDINATOR_ADDR is "etcd:\/\/a"/],
  [{ NODE_ADDR: 'http://h/path' }, /^NODE_ADDR is .*must be a URL/],
  [{ NODE_ID: 'a b' }, /^NODE_ID is "a b": must be visible ASCII/],
  [{ NODE_ID: '..' }, /^NODE_ID is ".."/],
  [{ NODE_ID: 'nöde' }, /^NODE_ID is "nöde"/],
  [{ NODE_LISTEN: '8081' }, /^NODE_LISTEN is "8081": must be host:port/],
  [{ NODE_MAX_SHARDS: '-1' }, /^NODE_MAX_SHARDS is "-1": must be a whole number from 0/],
  [{ VALUE_CACHE: 'on' }, /^VALUE_CACHE is "on"/],
  [{ LOG_LEVEL: 'loud' }, /^LOG_LEVEL is "loud"/],
  [{ TORUA_NODE_ID: 'x' }, /^TORUA_NODE_ID is not a setting/],
])('%j is refused with a line that names it', (environment, line) => {
  expect(() => read(environment)).toThrow(
    expect.objectContaining({ code: 'config_invalid', detail: expect.stringMatching(line) }),
  );
});
