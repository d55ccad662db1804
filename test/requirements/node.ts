/** Promises about nodes: their own routes, leases, health, and what happens when something fails. */
import { promised, type Requirement } from './requirement.ts';

/** Contract sections 5 and 7, design sections 5 and 8. */
export const NODE: Requirement[] = [
  ...promised('contract 5', {
    'node.info':
      'GET /info lists every copy held, also empty ones, with ID, Primary, State, KeyCount and ByteSize.',
    'node.info.coordinator': 'GET /info shows the coordinator with url, connected and failovers.',
    'node.info.memory': 'GET /info shows how NODE_MEMORY is divided and used.',
    'node.store.keys': 'PUT, GET and DELETE /shard/{id}/store/{key} work as /data/{key}.',
    'node.store.not-held': 'A shard that the node does not hold is a 404.',
    'node.store.read-only': 'A write to a node of a read-only cluster is a 403.',
    'node.store.wrong-shard': 'A key that does not hash to the shard is 421 wrong_shard.',
    'node.store.not-primary':
      "A copy that is not the primary answers 409 not_primary with the primary's address.",
    'node.store.list': 'GET /shard/{id}/store answers keys and count.',
    'node.stats': 'GET /shard/{id}/stats answers operations and storage.',
    'node.control.ping': 'POST /control with op ping answers 204.',
    'node.control.compact': 'POST /control with op compact makes a new base.',
    'node.control.log-level': 'POST /control with op log_level changes the level at run time.',
    'node.control.shutdown': 'POST /control with op shutdown stops the node as SIGTERM does.',
    'node.control.unknown': 'An unknown op is a 400 with the list.',
    'node.internal.versioned':
      'Routes under /internal/v1/ carry protocol version, term and remaining deadline.',
  }),
  ...promised('contract 7', {
    'node.known-returns':
      'A known node that comes back is healthy again and has its own copies with their data.',
    'coord.rebalance.empty':
      'Registration of a new node evens the empty shards, unless automatic rebalancing is off.',
    'coord.assign.first': 'The first assignment waits for MIN_NODES and ASSIGNMENT_DELAY.',
    'coord.assign.even':
      'The assignment is even whatever the order in which nodes register: 4 shards on 2 nodes are 2 and 2.',
    'coord.assign.late': 'Three nodes started minutes apart before the first write end 2/1/1.',
    'coord.nodes.appear': 'A node appears in /nodes within 5 s of its start.',
    'coord.health.livez':
      "The leader asks each node's /livez every HEALTH_CHECK_INTERVAL with that timeout.",
    'coord.health.three': '3 failures in a row make a node unhealthy.',
    'coord.health.hang': 'A process that hangs becomes unhealthy too.',
    'coord.health.heartbeat': 'Heartbeats do not count as health checks.',
    'coord.health.dead': 'After DEAD_AFTER an unhealthy node is dead.',
    'coord.health.keeps-place':
      'With one copy a shard keeps its place while its node is away and answers 502 or 503.',
    'coord.health.never-recreated': 'A shard with data is never silently created again empty.',
    'node.lease.refuses':
      'A node whose lease has run out refuses writes and primary reads with 503 no_lease.',
    'node.lease.any-reads': 'Without a lease consistency=any reads go on.',
    'node.lease.registers': 'A node without a lease keeps trying to register.',
  }),
  ...promised('design 5', {
    'node.lease.from-sent':
      'A lease runs 2 health intervals from the moment the node sent the request, on its monotonic clock.',
    'coord.lease.longer': 'The leader counts the same span + 10 % from the grant.',
    'coord.lease.unhealthy': 'The leader grants no lease to a node it declares unhealthy.',
    'coord.lease.reassign':
      'A shard is reassigned only when the grant of its holder has run out or its holder released it.',
    'coord.lease.first-span':
      'A new or restarted leader reassigns nothing from a silent holder during its first lease span.',
    'node.lease.compared':
      'The lease is compared with the clock at the acknowledgement of a write and at the answer of each primary read.',
    'node.fence.epoch': 'A node refuses orders of an older leader epoch, also after a restart.',
    'node.fence.term': 'A copy refuses requests of an older term, also after a restart.',
  }),
  ...promised('design 8', {
    'failure.node-killed':
      'When a node process is killed its shards answer 502 or 503 until its supervisor has restarted it; nothing acknowledged is lost.',
    'failure.node-hangs':
      'A node that was stopped and goes on serves nothing under a lease that has run out.',
    'failure.node-cut':
      'A node cut off from the coordinator refuses writes and primary reads and rejoins by itself.',
    'failure.coordinator-killed': 'A killed coordinator serves again within 3 s of its restart.',
    'failure.coordinator-disk':
      'A coordinator that lost its disk answers 503 recovering, then rebuilds the state from the nodes.',
    'failure.coordinator-disk.missing':
      'With nodes missing the rebuilt state goes on only after recover --accept-missing.',
    'failure.coordinator-disk.epoch': 'After a rebuild leader epoch and every term are one higher.',
    'failure.disk-full': "On a full disk writes are 507 with the node's name and reads go on.",
    'failure.disk-full.recovers': 'After space was freed writes go on without a restart.',
    'failure.flipped-bytes': 'Torn or flipped bytes are found by CRC and never served.',
    'failure.engine-crash': 'An engine crash costs one restart of the node and no data.',
  }),
  ...promised('issue 2', {
    'node.only-assigned':
      'A node holds the copies that the coordinator assigned to it, and no others.',
    'node.stop.clean':
      'SIGTERM stops accepting, flushes, checkpoints, closes and exits 0 within 10 s.',
    'node.stop.keeps': 'A node that was stopped keeps its shards and they come back with it.',
    'node.heavy-reads':
      'Eight endless heavy reads on the reader connections leave PUT p99 under 100 ms and no health check fails.',
    'coord.state.kill': "The coordinator's state survives kill -9.",
    'coord.push': 'Assignments come with the registration answer and are pushed on change.',
    'coord.capacity': 'No node gets more copies than its capacity.',
    'coord.recovery.noticed': 'A node that answers its health checks again is healthy.',
  }),
];
