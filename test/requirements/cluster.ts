/** Promises about nodes, shards and the cluster as a whole, as users see them. */
import { promised, type Requirement } from './requirement.ts';

/** Contract sections 3 and 4. */
export const CLUSTER: Requirement[] = [
  ...promised('contract 3', {
    'coord.register.answer':
      'POST /register answers 200 with node_id, cluster_id, shards and config.',
    'coord.register.original':
      'A registration without the fields of later versions is a node without data.',
    'coord.register.invalid': 'A registration without id or addr is a 400.',
    'coord.register.again': 'The same id again is a re-registration.',
    'coord.register.in-use':
      "Another data directory under a node id is 409 node_id_in_use while the first one's lease runs.",
    'coord.register.restart': 'A restarted process with the same directory takes over at once.',
    'coord.heartbeat.answer':
      'POST /heartbeat answers state_version, config_version, leader_epoch and lease_ms.',
    'coord.heartbeat.unknown': 'A heartbeat of an unknown node is a 404: it registers again.',
    'coord.forget.dead': 'DELETE /nodes/{id} forgets a node that is dead or drained.',
    'coord.forget.only-copy':
      'Forgetting a node with the only copy of a shard is a 409 unless accept_data_loss=true.',
    'coord.nodes.list':
      'GET /nodes lists id, addr, status, last_health_check, reachable, registered_at and version of each node.',
    'coord.nodes.failed-stays': 'A node that failed stays listed.',
    'coord.nodes.left-gone': 'A node that left gracefully is not listed.',
    'coord.nodes.info':
      'GET /nodes/{id}/info answers shard_count, uptime, available_capacity and the rest; 404 for an unknown id.',
    'coord.nodes.capacity': 'PATCH /nodes/{id} sets max_shards; a bad value is a 400.',
    'coord.shards.list':
      'GET /shards has one entry a shard with ShardID, NodeID, IsPrimary, replicas, in_sync, term and state.',
    'coord.shards.unassigned': 'A shard without a primary has NodeID "" and state unassigned.',
    'coord.assign.empty': 'POST /shards/assign gives an empty shard to the node that is named.',
    'coord.assign.conflict':
      'Assigning to a node that is full, unhealthy or holds that copy is a 409.',
    'coord.assign.lost':
      'A shard whose only copies are lost is assigned again only with accept_data_loss.',
    'coord.assign.data-501':
      'Assigning a shard with data to another node, or a replica, is 501 not_implemented.',
    'coord.later.501':
      'Move, maintenance, evacuate, rebalance, load, upgrade and the _cat tables for them answer 501 not_implemented.',
    'coord.broadcast':
      'POST /broadcast sends a payload to /control of every node and reports each answer.',
    'coord.broadcast.path': 'A broadcast to another path is a 400.',
  }),
  ...promised('contract 4', {
    'cluster.info':
      'GET /cluster/info answers cluster_id, versions, counts of nodes and shards, cluster_state, uptime and state_version.',
    'cluster.colour.green': 'The cluster is green when every copy is live.',
    'cluster.colour.red': 'The cluster is red when a shard has no live primary.',
    'cluster.health':
      'GET /cluster/health answers the colour and counts of primaries, replicas and unassigned shards.',
    'cluster.health.alias': '/_cluster/health answers as /cluster/health.',
    'cluster.health.wait':
      'wait_for_status and wait_for_nodes answer as soon as the cluster is there.',
    'cluster.health.timeout': 'A wait that times out is a 408.',
    'cluster.health.warning':
      '/cluster/health warns when a process listens beyond loopback without authentication.',
    'cluster.explain':
      'GET /cluster/allocation/explain says in words why a copy is where it is or nowhere, each decider with its verdict, and the next request.',
    'cluster.config.get': 'GET /cluster/config answers version and config.',
    'cluster.config.put':
      'PUT /cluster/config takes a part and answers after every live node confirmed, naming each.',
    'cluster.config.unknown': 'An unknown setting or a bad value is a 400 and nothing changes.',
    'cluster.config.read-only': 'read_only: true makes every write a 403, also one sent to a node.',
    'cluster.config.replication-501': 'A replication factor above 1 is 501 not_implemented.',
    'cluster.recover':
      'POST /cluster/recover with accept_missing answers 202 while the cluster recovers, else 409 not_recovering.',
    'cluster.reset':
      "POST /cluster/reset with the cluster's id deletes all data and keeps nodes and config.",
    'cluster.reset.refused': 'Without ALLOW_RESET=true a reset is 403 reset_not_allowed.',
    'cluster.reset.unconfirmed': 'A reset without the right cluster id deletes nothing.',
    'cluster.skip': 'POST /shards/{id}/skip skips a record that is kept aside; 409 when none is.',
    'cluster.coordinators':
      'GET /cluster/coordinators answers the leader and the members: one coordinator is its own leader.',
    'cluster.events.order':
      'GET /cluster/events lists events with seq, time and type, oldest first.',
    'cluster.events.since': '?since= leaves out what was seen, and next says where to go on.',
    'cluster.events.kept': 'At least the last 1,000 events are kept.',
    'cluster.events.stream': 'accept: text/event-stream follows events live.',
    'cluster.cat.nodes': 'GET /_cat/nodes answers an aligned table.',
    'cluster.cat.shards': 'GET /_cat/shards answers an aligned table.',
    'cluster.cat.health': 'GET /_cat/health answers an aligned table.',
    'cluster.cat.options': '_cat takes v, h, s and format=json.',
    'cluster.event.node-joined': 'node_joined tells of a new node.',
    'cluster.event.node-rejoined': 'node_rejoined tells of a known node that came back.',
    'cluster.event.node-unhealthy': 'node_unhealthy tells of a node that failed its health checks.',
    'cluster.event.node-recovered': 'node_recovered tells of a node that answers again.',
    'cluster.event.node-dead': 'node_dead tells of a node that stayed away longer than DEAD_AFTER.',
    'cluster.event.node-leaving': 'node_leaving and node_left tell of a node that stops.',
    'cluster.event.rebalance':
      'rebalance_evaluated names its reason and whether the cluster was imbalanced.',
    'cluster.event.shard-moved':
      'shard_moved tells of a shard that changed its node, with from, to and reason.',
    'cluster.event.config-changed': 'config_changed names the version.',
    'cluster.event.leader-changed': 'leader_changed names the coordinator.',
    'metrics.nodes': 'torua_node_count{status} and torua_shard_distribution{node_id} are exposed.',
    'metrics.requests':
      'torua_requests_total{operation,status}, torua_request_latency_seconds and torua_errors_total{type} are exposed.',
    'metrics.memory': 'torua_heap_usage_bytes{component} is exposed.',
    'metrics.network': 'torua_network_traffic_bytes_total{direction} is exposed.',
    'metrics.log': 'torua_log_fsync_seconds and torua_apply_backlog_rows are exposed.',
    'metrics.cache': 'torua_cache_requests_total{cache,result} is exposed.',
    'metrics.disk': 'torua_disk_bytes{kind} and torua_shard_rows{shard_id} are exposed.',
    'metrics.state': "torua_cluster_state_version and prom-client's process metrics are exposed.",
    'metrics.lag': 'torua_replication_lag_operations{shard_id,node_id} is exposed.',
    'metrics.bounded': 'Labels come from bounded sets, never keys or texts.',
  }),
];
