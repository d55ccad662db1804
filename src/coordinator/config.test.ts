/** The coordinator's environment: defaults of the contract, and what is refused at start. */
import { expect, test } from 'vitest';
import { coordinatorConfig } from './config.ts';

const read = (environment: Record<string, string> = {}) => coordinatorConfig(environment);

// @req: env.first-start, env.health, env.loopback, env.timeouts, env.max-limits, env.metadata-url
test('without a setting everything is as the contract says', () => {
  const config = read();
  expect(config).toMatchObject({
    listen: '127.0.0.1:8080',
    url: undefined,
    clusterToken: undefined,
    requestTimeoutMs: 10_000,
    slowMs: 1_000,
    valueBytesMax: 16 * 2 ** 20,
    allowReset: false,
    logLevel: 'info',
  });
  expect(config.founding).toEqual({
    numShards: 4,
    config: {
      healthCheckIntervalMs: 2_000,
      deadAfterMs: 30_000,
      replicationFactor: 1,
      autoRebalance: true,
      readOnly: false,
      maxShardsPerNode: 1_024,
      minInSync: 1,
      minNodes: 1,
      assignmentDelayMs: 1_000,
    },
  });
  expect(config.version).toMatch(/^\d+\.\d+\.\d+/);
});

// @req: env.version, env.coordinator-identity, env.coordinator-addr
test('settings are taken over with their units', () => {
  const given = {
    COORDINATOR_ADDR: ':8080',
    COORDINATOR_ID: 'c7',
    COORDINATOR_URL: 'http://c7:8080',
    TORUA_VERSION: '9.9',
    MAX_VALUE_BYTES: '1MiB',
    MIN_NODES: '3',
    ASSIGNMENT_DELAY: '0ms',
  };
  expect(read(given)).toMatchObject({
    listen: ':8080',
    id: 'c7',
    url: 'http://c7:8080',
    version: '9.9',
    valueBytesMax: 2 ** 20,
    founding: { config: { minNodes: 3, assignmentDelayMs: 0 } },
  });
});

// @req: env.replication-refused, env.bad-value, env.unknown-name
test.each<[Record<string, string>, RegExp]>([
  [{ REPLICATION_FACTOR: '2' }, /^REPLICATION_FACTOR is "2"/],
  [{ DEAD_AFTER: '1s', HEALTH_CHECK_INTERVAL: '5s' }, /^DEAD_AFTER.*below health_check_interval/],
  [{ NUM_SHARDS: '0' }, /^NUM_SHARDS is "0": must be a whole number from 1 to 4096/],
  [{ COORDINATOR_ADDR: 'http://127.0.0.1:8080' }, /^COORDINATOR_ADDR is .*must be host:port/],
  [{ COORDINATOR_URL: 'c7' }, /^COORDINATOR_URL is "c7"/],
  [{ METADATA_URL: 'etcd://a:1' }, /^METADATA_URL is .*must be file:/],
  [{ ALLOW_RESET: '1' }, /^ALLOW_RESET is "1": must be true or false/],
  [{ TORUA_VERSIO: '1' }, /^TORUA_VERSIO .*TORUA_VERSION/],
])('%j is refused with a line that names it', (environment, line) => {
  expect(() => read(environment)).toThrow(
    expect.objectContaining({ code: 'config_invalid', detail: expect.stringMatching(line) }),
  );
});
