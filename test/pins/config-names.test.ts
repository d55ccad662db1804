/** Names of the environment's variables, as literals: operators' files name them. Source: REST contract, section 8. */
import { expect, test } from 'vitest';
import { coordinatorEnvironmentSchema } from '../../src/coordinator/config.ts';
import { nodeEnvironmentSchema } from '../../src/node/config.ts';

const COORDINATOR = [
  'ALLOW_RESET',
  'ASSIGNMENT_DELAY',
  'AUTO_REBALANCE',
  'CLUSTER_TOKEN',
  'COORDINATOR_ADDR',
  'COORDINATOR_ID',
  'COORDINATOR_URL',
  'DATA_DIR',
  'DEAD_AFTER',
  'DRAIN_TIMEOUT',
  'HEALTH_CHECK_INTERVAL',
  'LOCK_WAIT',
  'LOG_LEVEL',
  'MAX_BULK_LINE_BYTES',
  'MAX_CONNECTIONS',
  'MAX_REQUESTS',
  'MAX_VALUE_BYTES',
  'METADATA_URL',
  'MIN_NODES',
  'NUM_SHARDS',
  'REPLICATION_FACTOR',
  'REPLICA_TIMEOUT',
  'REQUEST_TIMEOUT',
  'SLOW_QUERY',
  'TORUA_VERSION',
];

const NODE = [
  'ALLOW_RESET',
  'CLUSTER_TOKEN',
  'COORDINATOR_ADDR',
  'DATA_DIR',
  'DEAD_AFTER',
  'DRAIN_TIMEOUT',
  'HEALTH_CHECK_INTERVAL',
  'LOCK_WAIT',
  'LOG_LEVEL',
  'MAX_CONNECTIONS',
  'MAX_REQUESTS',
  'MAX_VALUE_BYTES',
  'NODE_ADDR',
  'NODE_ID',
  'NODE_LISTEN',
  'NODE_MAX_SHARDS',
  'NODE_MEMORY',
  'NODE_THREADS',
  'NODE_ZONE',
  'REPLICA_TIMEOUT',
  'REQUEST_TIMEOUT',
  'SLOW_QUERY',
  'TORUA_VERSION',
  'VALUE_CACHE',
];

// @req: house.pins
test('the coordinator reads the variables it read', () => {
  expect(Object.keys(coordinatorEnvironmentSchema.shape).sort()).toEqual(COORDINATOR);
});

// @req: house.pins
test('a node reads the variables it read', () => {
  expect(Object.keys(nodeEnvironmentSchema.shape).sort()).toEqual(NODE);
});
