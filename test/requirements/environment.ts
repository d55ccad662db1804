/** Promises about configuration: the environment of both processes. */
import { promised, type Requirement } from './requirement.ts';

/** Contract section 8. */
export const ENVIRONMENT: Requirement[] = promised('contract 8', {
  'env.coordinator-addr':
    "COORDINATOR_ADDR is the coordinator's listen address; :8080 means all interfaces.",
  'env.coordinator-addr.node':
    'A node finds its coordinators by COORDINATOR_ADDR, one URL or several with commas; it is required.',
  'env.coordinator-identity': 'COORDINATOR_ID and COORDINATOR_URL name the coordinator to others.',
  'env.metadata-url': 'METADATA_URL file: keeps the state in DATA_DIR.',
  'env.node-id': 'NODE_ID names the node and is required.',
  'env.node-listen':
    "NODE_LISTEN is the node's listen address, NODE_ADDR the URL under which others reach it.",
  'env.health': 'HEALTH_CHECK_INTERVAL (2s) and DEAD_AFTER (30s) set the pace of health checks.',
  'env.node-memory': 'NODE_MEMORY is divided among Kuzu pools, memtables and caches.',
  'env.node-memory.default':
    "Without NODE_MEMORY it is 60 % of the cgroup's limit, else 15 % of the machine's memory, at least 256 MiB.",
  'env.cluster-token': 'CLUSTER_TOKEN is the shared secret of both processes.',
  'env.value-cache': 'VALUE_CACHE=off switches the value cache off.',
  'env.timeouts':
    'REQUEST_TIMEOUT, REPLICA_TIMEOUT, LOCK_WAIT and SLOW_QUERY are durations with defaults.',
  'env.max-limits': 'max_* limits are set as MAX_VALUE_BYTES and so on.',
  'env.data-dir': "DATA_DIR holds the coordinator's state and the node's shards.",
  'env.first-start':
    'NUM_SHARDS (4), REPLICATION_FACTOR (1), AUTO_REBALANCE, MIN_NODES (1) and ASSIGNMENT_DELAY (1s) count at the first start.',
  'env.replication-refused': 'A REPLICATION_FACTOR above 1 is refused at start.',
  'env.capacity': 'NODE_MAX_SHARDS and NODE_ZONE describe the node.',
  'env.log-level': 'LOG_LEVEL sets the level of the log.',
  'env.version': 'TORUA_VERSION overrides the reported version.',
  'env.port-zero': 'Port 0 is allowed; NODE_ADDR and COORDINATOR_URL default to the bound address.',
  'env.listening-line': 'Each process prints one JSON line {"event":"listening","url"} on stdout.',
  'env.loopback': 'Without a setting everything listens on 127.0.0.1.',
  'env.open-warning': 'Listening elsewhere without authentication is one warning at start.',
  'env.unknown-name':
    'An unknown TORUA_* name stops the process with one line that suggests a near name.',
  'env.bad-value':
    'A bad value stops the process with one line that names the variable, the value and what is allowed.',
  'env.taken-port': 'A taken port stops the process with one line that names the address.',
  'env.tool-names':
    'TORUA_URL, TORUA_TOKEN, TORUA_HARNESS, TORUA_SEED, TORUA_PORT and TORUA_DATA_SETS are accepted and ignored by both processes.',
});
