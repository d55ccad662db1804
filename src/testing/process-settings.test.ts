/** The settings of a test cluster's processes. */
import { expect, test } from 'vitest';
import { coordinatorSettings, nodeSettings } from './process-settings.ts';

const node = { id: 'node-1', coordinator: 'http://c', dataDir: '/d' };

test('the first assignment waits for all nodes and nothing else, on a free port, fit for tests', () => {
  expect(coordinatorSettings({ nodes: 2, shards: 8, replicas: 1 }, '/d')).toEqual({
    COORDINATOR_ADDR: '127.0.0.1:0',
    DATA_DIR: '/d',
    NUM_SHARDS: '8',
    REPLICATION_FACTOR: '2',
    MIN_NODES: '2',
    ASSIGNMENT_DELAY: '0ms',
    HEALTH_CHECK_INTERVAL: '500ms',
    ALLOW_RESET: 'true',
    LOG_LEVEL: 'info',
  });
  expect(nodeSettings({}, node)).toMatchObject({
    NODE_ID: 'node-1',
    NODE_MEMORY: '256MiB',
    COORDINATOR_ADDR: 'http://c',
  });
});

test('settings of one kind of process win over those of all, and these over the defaults', () => {
  const options = {
    env: { LOG_LEVEL: 'debug', NODE_MEMORY: '512MiB' },
    nodeEnv: { LOG_LEVEL: 'error' },
  };
  expect(nodeSettings(options, node)).toMatchObject({ LOG_LEVEL: 'error', NODE_MEMORY: '512MiB' });
  expect(coordinatorSettings(options, '/d')).toMatchObject({ LOG_LEVEL: 'debug', MIN_NODES: '3' });
});
