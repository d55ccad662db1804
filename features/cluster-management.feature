@req:tests.features
Feature: Nodes, shards and the cluster as a whole
  Nodes come by themselves and get their share. Every automatic act is an event, every refusal names its reason and the
  next step, and a failure shows what it costs and nothing else.

  Rule: A node joins by registering, and is seen with its status

    @req:coord.nodes.list @req:http.json.time
    Scenario: Nodes are listed with address, status and health check
      When I send GET "/nodes"
      Then the answer is 200
      And each entry of "nodes" has "id, addr, status, last_health_check, reachable, registered_at, version"
      And each entry of "nodes" has "status" "healthy"
      And each entry of "nodes" has "reachable" "true"
      And each entry of "nodes" has a time in "registered_at"
      And every node has had a health check

    @req:coord.nodes.info
    Scenario: One node is shown with what it holds and what it could take
      Given I remember any node as "a node"
      When I send GET "/nodes/<a node>/info"
      Then the answer is 200
      And the answer field "node_id" is "<a node>"
      And the answer has the fields "address, status, shard_count, last_heartbeat, uptime, available_capacity, max_shards, version"

    @req:coord.nodes.info
    Scenario: A node nobody knows is a 404
      When I send GET "/nodes/nobody/info"
      Then the answer is 404
      And the answer is the problem "node_not_found"

    @req:coord.register.answer @req:coord.register.original @req:coord.nodes.appear @req:coord.health.livez
    Scenario: A client of the original implementation registers and becomes a healthy node
      Given a process "go-1" that answers health checks
      When "go-1" registers as the original's clients do
      Then the answer is 200
      And the answer field "node_id" is "go-1"
      And the answer has the fields "cluster_id, shards, config"
      And the answer field "shards" is "[]"
      And the node "go-1" becomes "healthy"
      And the node "go-1" was asked for its /livez
      And there is an event "node_joined" with node_id "go-1"

    @req:coord.register.original
    Scenario: A node without a data directory gets no shard
      Given a process "go-1" that answers health checks
      When "go-1" registers as the original's clients do
      And the node "go-1" becomes "healthy"
      Then no shard is placed on "go-1"

    @req:coord.register.again
    Scenario: The same id again is the same node
      Given a process "go-1" that answers health checks
      And "go-1" registers as the original's clients do
      When "go-1" registers as the original's clients do
      Then the answer is 200
      And the node "go-1" is listed once

    @req:coord.health.three @req:coord.forget.dead @req:coord.nodes.failed-stays @settings
    Scenario: A node that stops answering is unhealthy, then dead, and can be forgotten
      Given a process "go-1" that answers health checks
      And "go-1" registers as the original's clients do
      And the node "go-1" becomes "healthy"
      When "go-1" stops answering
      Then the node "go-1" becomes "unhealthy"
      And there is an event "node_unhealthy" with node_id "go-1"
      When I send DELETE "/nodes/go-1"
      Then the answer is 409
      And the answer is the problem "node_not_gone"
      When I change the setting "dead_after" to "2s"
      Then the node "go-1" becomes "dead"
      And there is an event "node_dead" with node_id "go-1"
      When I send DELETE "/nodes/go-1"
      Then the answer is 204
      And the node "go-1" is not listed

    @req:coord.health.heartbeat @req:coord.lease.unhealthy @req:coord.heartbeat.answer
    Scenario: Heartbeats do not count as health checks, and earn an unhealthy node no lease
      Given a process "beats" that answers health checks
      And "beats" registers with a data directory and no room for shards
      When "beats" sends a heartbeat
      Then the answer is 200
      And the answer has the fields "state_version, config_version, leader_epoch, lease_ms"
      When "beats" stops answering
      Then "beats" becomes "unhealthy" although it goes on sending heartbeats
      When "beats" sends a heartbeat
      Then the answer field "lease_ms" is "0"

    @req:coord.register.in-use @req:state.incarnation
    Scenario Outline: Registering under the id of a running node with <what> is refused
      Given I remember any node as "a node"
      When somebody registers as "<a node>" with <fields>
      Then the answer is 409
      And the answer is the problem "<code>"

      Examples:
        | what                                | fields                                                      | code           |
        | another data directory              | {"directory_id":"00000000000000aa","incarnation":"impostor"} | node_id_in_use |

      @req:data.foreign-cluster
      Examples:
        | what                                | fields                                                       | code           |
        | the directory of another cluster    | {"directory_id":"00000000000000aa","cluster_id":"0000000000000001"} | wrong_cluster |

    @req:coord.register.invalid
    Scenario Outline: The registration <body> is refused
      When I send POST "/register" with '<body>'
      Then the answer is 400

      Examples:
        | body                              |
        | {}                                |
        | {"node":{}}                       |
        | {"node":{"id":"n"}}               |
        | {"node":{"addr":"127.0.0.1:1"}}   |
        | {"node":{"id":"","addr":"a:1"}}   |
        | not json                          |

    @req:http.json.unknown-field.internal
    Scenario: Fields nobody knows are ignored between processes
      Given a process "newer" that answers health checks
      When somebody registers as "newer" with {"colour":"blue"}
      Then the answer is 200

    @req:http.protocol.too-old
    Scenario: A process that speaks a protocol too old is told so
      When somebody registers as "ancient" with {"protocol_version":0}
      Then the answer is 426
      And the answer is the problem "protocol_too_old"
      And the node "ancient" is not listed

    @req:coord.heartbeat.unknown
    Scenario: A heartbeat of a node nobody knows is a 404
      When I send POST "/heartbeat" with '{"node_id":"nobody","incarnation":"1","copies":[]}'
      Then the answer is 404
      And the answer is the problem "node_not_found"

    @req:coord.forget.dead
    Scenario: A node that lives is not forgotten
      Given I remember any node as "a node"
      When I send DELETE "/nodes/<a node>"
      Then the answer is 409
      And the answer is the problem "node_not_gone"
      When I send GET "/nodes/<a node>/info"
      Then the answer field "status" is "healthy"

    @req:coord.nodes.capacity
    Scenario: The capacity of a node can be changed
      Given a process "roomy" that answers health checks
      And "roomy" registers as the original's clients do
      When I send PATCH "/nodes/roomy" with '{"max_shards":7}'
      Then the answer is 200
      And the answer field "max_shards" is "7"
      And the answer field "available_capacity" is "7"

    @req:coord.nodes.capacity
    Scenario Outline: The capacity <body> is refused
      Given I remember any node as "a node"
      When I send PATCH "/nodes/<a node>" with '<body>'
      Then the answer is 400

      Examples:
        | body                 |
        | {"max_shards":-1}    |
        | {"max_shards":1.5}   |
        | {"max_shards":"4"}   |
        | {"max_shard":4}      |
        | {}                   |

    @req:coord.nodes.capacity
    Scenario: The capacity of a node nobody knows is a 404
      When I send PATCH "/nodes/nobody" with '{"max_shards":1}'
      Then the answer is 404

    @req:coord.broadcast
    Scenario: A broadcast reaches every node
      When I send POST "/broadcast" with '{"path":"/control","payload":{"op":"ping"}}'
      Then the answer is 200
      And the answer field "sent_to" is the number of nodes
      And each entry of "results" has "node_id"
      And no entry of "results" has "err"

    @req:coord.broadcast
    Scenario: What a node says against a broadcast is reported
      When I send POST "/broadcast" with '{"path":"/control","payload":{"op":"dance"}}'
      Then the answer is 200
      And each entry of "results" has "err"

    @req:coord.broadcast.path
    Scenario Outline: The broadcast <body> is refused
      When I send POST "/broadcast" with '<body>'
      Then the answer is 400

      Examples:
        | body                              |
        | {"path":"/info","payload":{}}     |
        | {"path":"/control"}               |
        | {"payload":{"op":"ping"}}         |

  Rule: A node answers for the shards it holds

    @req:node.info @req:node.info.coordinator @req:node.info.memory @req:node.only-assigned
    Scenario: A node lists every copy it holds, also empty ones
      Given I remember the holder of shard 0 as "holder"
      When I send GET "/info" to the node "<holder>"
      Then the answer is 200
      And the answer field "node_id" is "<holder>"
      And each entry of "shards" has "ID, Primary, State, KeyCount, ByteSize"
      And the entries of "shards" are the shards placed on "<holder>"
      And the answer has the fields "shard_count, version, config_version, coordinator.url, coordinator.failovers, memory.budget"
      And the answer field "coordinator.connected" is "true"

    @req:node.info @req:data.statistics
    Scenario: A node counts the keys and bytes of each shard
      Given the cluster has 4 shards
      And I store "12345" under the key "key4"
      And I remember the answer header "x-node-id" as "holder"
      When I send GET "/info" to the node "<holder>"
      Then the entry of "shards" with "ID" "0" has "KeyCount" "1"
      And the entry of "shards" with "ID" "0" has "ByteSize" "5"

    @req:node.store.keys
    Scenario: Keys can be written, read and deleted at the node that holds them
      Given the cluster has 4 shards
      And I remember the holder of shard 0 as "holder"
      When I send PUT "/shard/0/store/key4" with "directly" to the node "<holder>"
      Then the answer is 204
      And the answer has the header "etag"
      And the key "key4" has the value "directly"
      When I send GET "/shard/0/store/key4" to the node "<holder>"
      Then the answer text is "directly"
      When I send GET "/shard/0/store/key4?consistency=any" to the node "<holder>"
      Then the answer text is "directly"
      When I send DELETE "/shard/0/store/key4" to the node "<holder>"
      Then the answer is 204
      And the key "key4" does not exist

    @req:node.store.keys
    Scenario: A missing key is a 404 at the node too
      Given I remember the holder of shard 0 as "holder"
      And the cluster has 4 shards
      When I send GET "/shard/0/store/key4" to the node "<holder>"
      Then the answer is 404
      And the answer is the problem "key_not_found"

    @req:node.store.wrong-shard
    Scenario: A key that belongs to another shard is refused
      Given the cluster has 4 shards
      And I remember the holder of shard 0 as "holder"
      When I send PUT "/shard/0/store/key1" with "astray" to the node "<holder>"
      Then the answer is 421
      And the answer is the problem "wrong_shard"

    @req:node.store.not-held
    Scenario Outline: <method> <path> of a shard that a node does not hold is a 404
      Given I remember the holder of shard 0 as "holder"
      When I send <method> "<path>" to the node "<holder>"
      Then the answer is 404
      And the answer is the problem "shard_not_found"

      Examples:
        | method | path                |
        | PUT    | /shard/9999/store/k |
        | GET    | /shard/9999/store/k |
        | DELETE | /shard/9999/store/k |
        | GET    | /shard/9999/store   |
        | GET    | /shard/9999/stats   |

    @req:node.store.list @req:node.stats
    Scenario: A node lists the keys of a shard and counts its operations
      Given the cluster has 4 shards
      And I reset the cluster
      And I store "12345" under the key "key4"
      And I remember the answer header "x-node-id" as "holder"
      When I send GET "/shard/0/store" to the node "<holder>"
      Then the answer field "keys" is '["key4"]'
      And the answer field "count" is "1"
      When I send GET "/shard/0/stats" to the node "<holder>"
      Then the answer field "shard_id" is "0"
      And the answer field "operations.Puts" is "1"
      And the answer field "operations.Deletes" is "0"
      And the answer field "storage.keys" is "1"
      And the answer field "storage.bytes" is "5"

    Scenario Outline: The order <order> to a node is answered <status>
      Given I remember the holder of shard 0 as "holder"
      When I send POST "/control" with '<order>' to the node "<holder>"
      Then the answer is <status>

      @req:node.control.ping
      Examples:
        | order                                          | status |
        | {"op":"ping"}                                  | 204    |

      @req:node.control.log-level
      Examples:
        | order                                          | status |
        | {"op":"log_level","params":{"level":"info"}}   | 204    |
        | {"op":"log_level","params":{"level":"shout"}}  | 400    |

      @req:node.control.unknown
      Examples:
        | order                                          | status |
        | {"op":"dance"}                                 | 400    |

    @req:node.control.unknown
    Scenario: The refusal of an unknown order lists the known ones
      Given I remember the holder of shard 0 as "holder"
      When I send POST "/control" with '{"op":"dance"}' to the node "<holder>"
      Then the answer says "ping"
      And the answer says "compact"
      And the answer says "log_level"
      And the answer says "shutdown"

    @req:node.control.compact
    Scenario: A node that compacts keeps every key
      Given 200 keys that start with "compacted-"
      When I send POST "/broadcast" with '{"path":"/control","payload":{"op":"compact"}}'
      Then no entry of "results" has "err"
      And all 200 keys that start with "compacted-" are there

    @procs @req:node.control.shutdown
    Scenario: A node that is told to shut down leaves as after SIGTERM
      Given a cluster of 2 nodes and 4 shards
      And 50 keys that start with "kept-"
      When I send POST "/control" with '{"op":"shutdown"}' to the node "node-1"
      Then the answer is 204
      And the process of "node-1" ends by itself
      When I start "node-1" again
      Then the cluster becomes green
      And all 50 keys that start with "kept-" are there

  Rule: Shards lie evenly, and as long as they are empty every change evens them again

    @procs @req:coord.assign.even @req:coord.assign.first
    Scenario Outline: 4 shards on <nodes> nodes lie <spread>
      Given a cluster of <nodes> nodes and 4 shards
      Then the primaries are spread "<spread>"
      And the shards say so at each node

      Examples:
        | nodes | spread  |
        | 1     | 4       |
        | 2     | 2/2     |
        | 3     | 2/1/1   |

    @procs @req:coord.assign.even @req:coord.assign.first @req:http.readyz.waiting @req:http.readyz.node
    Scenario Outline: The first assignment waits for three nodes, here in the order <order>
      Given a cluster of 4 shards that waits for 3 nodes
      When the nodes "<first>, <second>" start one after the other
      Then no shard has a place
      And the node "<first>" answers /readyz with 503, "waiting_for_assignment", 2 nodes of 3
      And a write is refused with "waiting_for_assignment"
      When the nodes "<third>" start one after the other
      Then the cluster becomes green
      And the primaries are spread "2/1/1"
      And the node "<first>" answers /readyz with 200

      Examples:
        | order               | first | second | third |
        | of the alphabet     | ada   | bob    | cid   |
        | against it          | cid   | bob    | ada   |

    @procs @req:coord.assign.late @req:coord.rebalance.empty @req:cluster.event.rebalance @req:cluster.event.shard-moved @req:cluster.event.node-joined
    Scenario: Nodes that join before the first write even the shards out
      Given a cluster of 1 node and 4 shards
      And the primaries are spread "4"
      When I add the node "node-2"
      Then the primaries are spread "2/2"
      When I add the node "node-3"
      Then the primaries are spread "2/1/1"
      And the cluster becomes green
      And there is an event "node_joined" with node_id "node-3"
      And there is an event "rebalance_evaluated" with reason "node_joined"
      And there is an event "rebalance_evaluated" with imbalanced "true"
      And there is an event "shard_moved" with to "node-3"

    @procs @req:coord.rebalance.empty
    Scenario: A shard that holds data stays where it is when a node joins
      Given a cluster of 1 node and 4 shards
      And the key "key4" holds "in shard 0"
      When I add the node "node-2"
      Then the primaries are spread "2/2"
      And the shard 0 is on "node-1"
      And the key "key4" has the value "in shard 0"

    @procs @req:coord.rebalance.empty
    Scenario: Without automatic rebalancing a new node gets nothing
      Given the cluster setting AUTO_REBALANCE is "false"
      And a cluster of 1 node and 4 shards
      When I add the node "node-2"
      And the node "node-2" becomes "healthy"
      And 50 keys that start with "stay-"
      Then the primaries are spread "4/0"
      And there is no event "shard_moved"

    @procs @req:coord.capacity @req:env.capacity
    Scenario: No node gets more shards than it has room for
      Given a cluster of 1 node and 4 shards
      When I add the node "small" with room for 1 shard
      Then the primaries are spread "3/1"
      And there is an event "shard_moved" with to "small"

    @procs @req:coord.capacity @req:coord.shards.unassigned @req:cluster.explain @req:cluster.colour.red
    Scenario: Shards for which no node has room have no place, and the cluster says why
      Given a cluster of 4 shards whose only node "tiny" has room for 3
      Then 3 shards are placed on "tiny"
      And 1 shard has no place and the state "unassigned"
      And the cluster becomes red
      When I ask why the shard without a place is where it is
      Then the answer field "state" is "unassigned"
      And the decider "capacity" says no to "tiny"
      And the answer has the field "next"
      When I send PATCH "/nodes/tiny" with '{"max_shards":4}'
      Then the cluster becomes green

    @req:coord.shards.list
    Scenario: Shards are listed with holder, term and state
      When I send GET "/shards"
      Then the answer is 200
      And the answer field "num_shards" is the number of entries of "shards"
      And each entry of "shards" has "ShardID, NodeID, IsPrimary, replicas, in_sync, term, state"
      And each entry of "shards" has "IsPrimary" "true"
      And each entry of "shards" has "state" "active"

    @procs @req:coord.assign.empty @req:cluster.event.shard-moved
    Scenario: An empty shard goes to the node that is named
      Given a cluster of 2 nodes and 4 shards
      And I remember the holder of shard 0 as "holder"
      And I remember the node that is not "<holder>" as "other"
      When I send POST "/shards/assign" with '{"shard_id":0,"node_id":"<other>","is_primary":true}'
      Then the answer is 200 or 202
      And the shard 0 comes to lie on "<other>"
      And there is an event "shard_moved" with reason "manual"
      When I store "new home" under the key "key4"
      Then the answer header "x-node-id" is "<other>"

    Scenario Outline: An assignment <what> is refused
      Given I remember the holder of shard 0 as "holder"
      And I remember the node that is not "<holder>" as "other"
      When I send POST "/shards/assign" with '<body>'
      Then the answer is <status>
      And the answer is the problem "<code>"

      @req:coord.assign.conflict
      Examples:
        | what                          | body                                                     | status | code                |
        | to the node that holds it     | {"shard_id":0,"node_id":"<holder>","is_primary":true}    | 409    | assignment_conflict |

      @req:coord.assign.data-501
      Examples:
        | what                          | body                                                     | status | code                |
        | of a replica                  | {"shard_id":0,"node_id":"<other>","is_primary":false}    | 501    | not_implemented     |

      @req:http.json.unknown-field
      Examples:
        | what                          | body                                                     | status | code                |
        | with an unknown field         | {"shard_id":0,"node":"x","is_primary":true}              | 400    | unknown_field       |
        | without is_primary            | {"shard_id":0}                                           | 400    | invalid_request     |
        | of a negative shard           | {"shard_id":-1,"is_primary":true}                        | 400    | invalid_request     |
        | of no such shard              | {"shard_id":9999,"is_primary":true}                      | 404    | shard_not_found     |
        | to no such node               | {"shard_id":0,"node_id":"nobody","is_primary":true}      | 404    | node_not_found      |

    @req:coord.assign.data-501 @req:state.release.declined
    Scenario: A shard that holds data is not moved yet
      Given the cluster has 4 shards
      And the key "key4" holds "in shard 0"
      And I remember the holder of shard 0 as "holder"
      And I remember the node that is not "<holder>" as "other"
      Then assigning shard 0 to "<other>" is soon refused with 501 "not_implemented"
      And the shard 0 is on "<holder>"
      And the key "key4" has the value "in shard 0"

    @req:coord.assign.conflict
    Scenario: Nothing is assigned to a node without room
      Given a process "full" that answers health checks
      And "full" registers with a data directory and no room for shards
      And the node "full" becomes "healthy"
      When I send POST "/shards/assign" with '{"shard_id":0,"node_id":"full","is_primary":true}'
      Then the answer is 409
      And the answer is the problem "no_capacity"

    @req:coord.assign.conflict
    Scenario: Nothing is assigned to a node that is unhealthy
      Given a process "ill" that answers health checks
      And "ill" registers with a data directory and no room for shards
      And "ill" stops answering
      And the node "ill" becomes "unhealthy"
      When I send POST "/shards/assign" with '{"shard_id":0,"node_id":"ill","is_primary":true}'
      Then the answer is 409
      And the answer is the problem "assignment_conflict"

    @req:cluster.explain
    Scenario: The place of a shard is explained in words
      Given I remember the holder of shard 0 as "holder"
      When I send GET "/cluster/allocation/explain?shard_id=0"
      Then the answer is 200
      And the answer field "shard_id" is "0"
      And the answer field "state" is "active"
      And the answer has the fields "explanation, copies[0].explanation, copies[0].role"
      And the answer field "copies[0].node_id" is "<holder>"
      And each entry of "nodes" has "node_id, verdict, deciders"
      And the answer field "next" is "null"

    @req:cluster.explain
    Scenario: A shard that does not exist is not explained
      When I send GET "/cluster/allocation/explain?shard_id=9999"
      Then the answer is 404
      And the answer is the problem "shard_not_found"

  Rule: The cluster tells how it is

    @req:cluster.info @req:cluster.colour.green
    Scenario: The cluster in numbers
      When I send GET "/cluster/info"
      Then the answer is 200
      And the answer has the fields "cluster_id, coordinator_version, uptime, state_version"
      And the answer field "total_nodes" is the number of nodes
      And the answer field "healthy_nodes" is the number of nodes
      And the answer field "assigned_shards" is the number of shards
      And the answer field "total_shards" is the number of shards
      And the answer field "cluster_state" is "green"

    Scenario Outline: The health of the cluster at <path>
      When I send GET "<path>"
      Then the answer is 200
      And the answer field "status" is "green"
      And the answer field "timed_out" is "false"
      And the answer field "active_primaries" is the number of shards
      And the answer field "active_replicas" is "0"
      And the answer field "unassigned_shards" is "0"

      @req:cluster.health
      Examples:
        | path             |
        | /cluster/health  |

      @req:cluster.health.alias
      Examples:
        | path             |
        | /_cluster/health |

      @req:cluster.health.wait
      Examples:
        | path                                                        |
        | /cluster/health?wait_for_status=green&timeout=5s            |
        | /cluster/health?wait_for_status=red                         |
        | /cluster/health?wait_for_nodes=1&timeout=5s                 |

    @req:cluster.health.timeout
    Scenario: A wait for more nodes than there are times out
      When I send GET "/cluster/health?wait_for_nodes=999&timeout=200ms"
      Then the answer is 408
      And the answer field "timed_out" is "true"
      And the answer field "status" is "green"

    @procs @req:cluster.health.wait
    Scenario: A wait ends as soon as the cluster is there
      Given a cluster of 1 node and 1 shard
      When I begin to wait for 2 nodes
      And I add the node "node-2"
      Then the wait ends with 200

    Scenario Outline: The question <path> is refused
      When I send GET "<path>"
      Then the answer is 400
      And the answer is the problem "<code>"

      @req:http.json.duration
      Examples:
        | path                                    | code            |
        | /cluster/health?timeout=soon            | invalid_request |
        | /cluster/health?timeout=5               | invalid_request |

      @req:http.json.unknown-field
      Examples:
        | path                                    | code            |
        | /cluster/health?wait_for_status=blue    | invalid_request |
        | /cluster/health?wait_for_state=green    | unknown_field   |
        | /cluster/events?since=yesterday         | invalid_request |
        | /_cat/nodes?h=nonsense                  | invalid_request |

    @req:cluster.coordinators
    Scenario: One coordinator is its own leader
      When I send GET "/cluster/coordinators"
      Then the answer is 200
      And the answer has the fields "leader.id, leader.url"
      And the answer field "members[0].role" is "leader"
      And the answer field "members[1]" is absent

    Scenario Outline: The table <name> is aligned text
      When I send GET "/_cat/<name>?v"
      Then the answer is 200
      And the answer is a table with the columns "<columns>"

      @req:cluster.cat.nodes
      Examples:
        | name   | columns                                                          |
        | nodes  | id, addr, status, shards, max_shards, zone, version, last_heartbeat |

      @req:cluster.cat.shards
      Examples:
        | name   | columns                                                          |
        | shards | shard, role, state, node, term, keys, bytes                      |

      @req:cluster.cat.health
      Examples:
        | name   | columns                                                          |
        | health | time, cluster, status, nodes, healthy, shards, assigned, unassigned |

    @req:cluster.cat.options
    Scenario: A table shows the columns that are asked for, sorted as asked for
      When I send GET "/_cat/shards?v&h=shard,node&s=shard:desc"
      Then the answer is a table with the columns "shard, node"
      And the first column of the table descends
      When I send GET "/_cat/shards?h=shard"
      Then the answer is a table without headings of as many rows as there are shards
      When I send GET "/_cat/shards?format=json&h=shard,node"
      Then the answer is a list of as many entries as there are shards with "shard, node"

  Rule: Settings are changed in one place and reach every node

    @req:cluster.config.get
    Scenario: The settings are shown with their version
      When I send GET "/cluster/config"
      Then the answer is 200
      And the answer has the fields "version, config.health_check_interval, config.dead_after, config.replication_factor, config.auto_rebalance"
      And the answer has the fields "config.read_only, config.max_shards_per_node, config.min_in_sync"

    @settings @req:cluster.config.put @req:cluster.event.config-changed @req:coord.push
    Scenario: A change is answered when every node has it
      When I send PUT "/cluster/config" with '{"dead_after":"45s"}'
      Then the answer is 200
      And the answer field "acknowledged" is "true"
      And the answer field "config.dead_after" is "45s"
      And each entry of "nodes" has "acknowledged" "true"
      And "nodes" has as many entries as there are nodes
      When I remember the answer field "version" as "version"
      Then each node has the configuration version "<version>"
      And there is an event "config_changed" with version "<version>"

    @settings @req:cluster.config.put
    Scenario: What is not named stays as it is
      Given I send PUT "/cluster/config" with '{"dead_after":"45s"}'
      When I send PUT "/cluster/config" with '{"max_shards_per_node":100}'
      Then the setting "dead_after" is "45s"
      And the setting "max_shards_per_node" is "100"

    @settings
    Scenario Outline: The change <body> is refused and changes nothing
      Given I remember the settings
      When I send PUT "/cluster/config" with '<body>'
      Then the answer is <status>
      And the answer is the problem "<code>"
      And the settings are as remembered

      @req:cluster.config.unknown
      Examples:
        | body                                         | status | code            |
        | {"read_onyl":true}                           | 400    | unknown_field   |
        | {"read_only":"yes"}                          | 400    | invalid_request |
        | {"dead_after":"soon"}                        | 400    | invalid_request |
        | {"dead_after":"45s","health_check_interval":"0ms"} | 400 | invalid_request |
        | {"max_shards_per_node":0}                    | 400    | invalid_request |
        | {"min_in_sync":2}                            | 400    | invalid_request |
        | not json                                     | 400    | invalid_json    |

      @req:cluster.config.replication-501
      Examples:
        | body                                         | status | code            |
        | {"replication_factor":2}                     | 501    | not_implemented |

    @req:http.error.detail @req:cluster.config.unknown
    Scenario: A misspelt setting is answered with the near name
      When I send PUT "/cluster/config" with '{"read_onyl":true}'
      Then the answer says "read_onyl"
      And the answer says "read_only"

  Rule: Everything the cluster does is an event

    @settings @req:cluster.events.order
    Scenario: Events are numbered and dated, oldest first
      Given I change the setting "dead_after" to "45s"
      And I change the setting "dead_after" to "50s"
      When I send GET "/cluster/events"
      Then the answer is 200
      And each entry of "events" has "seq, time, type"
      And each entry of "events" has a time in "time"
      And the entries of "events" ascend by "seq"
      And the answer has the field "next"

    @settings @req:cluster.events.since
    Scenario: What was seen is left out the next time
      Given I send GET "/cluster/events"
      And I remember the answer field "next" as "next"
      And I change the setting "dead_after" to "45s"
      When I send GET "/cluster/events?since=<next>"
      Then the answer field "events[0].type" is "config_changed"
      And the answer field "events[1]" is absent

    @settings @req:cluster.events.stream
    Scenario: Events are followed as they happen
      Given I follow the events
      When I change the setting "dead_after" to "45s"
      Then an event "config_changed" arrives within 2 seconds
      And the events that arrived ascend by their number

    @procs @req:cluster.event.leader-changed
    Scenario: A coordinator that starts says that it leads
      Given a cluster of 1 node and 1 shard
      Then there is an event "leader_changed" with coordinator_id "coordinator-1"

  Rule: All data can be deleted, where that is allowed

    @req:cluster.reset
    Scenario: A reset deletes all data and keeps nodes and settings
      Given 20 keys that start with "doomed-"
      And I remember the settings
      And I send GET "/cluster/info"
      And I remember the answer field "cluster_id" as "cluster"
      When I send POST "/cluster/reset" with '{"confirm":"<cluster>"}'
      Then the answer is 204
      And the list of keys with the prefix "" is empty
      And the settings are as remembered
      And the cluster becomes green
      When I send PUT "/data/doomed-1" with "a new life"
      Then the answer is 204

    @req:cluster.reset.unconfirmed
    Scenario Outline: A reset confirmed by <body> deletes nothing
      Given the key "precious" holds "data"
      When I send POST "/cluster/reset" with '<body>'
      Then the answer is 400
      And the key "precious" has the value "data"

      Examples:
        | body                    |
        | {"confirm":"yes"}       |
        | {"confirm":""}          |
        | {}                      |

    @procs @req:cluster.reset.refused
    Scenario: Where it is not allowed a reset is refused
      Given the cluster setting ALLOW_RESET is "false"
      And a cluster of 1 node and 1 shard
      And the key "precious" holds "data"
      And I send GET "/cluster/info"
      And I remember the answer field "cluster_id" as "cluster"
      When I send POST "/cluster/reset" with '{"confirm":"<cluster>"}'
      Then the answer is 403
      And the answer is the problem "reset_not_allowed"
      And the key "precious" has the value "data"

    @req:cluster.skip
    Scenario: There is nothing to skip when nothing was kept aside
      When I send POST "/shards/0/skip" with '{"seq":1,"accept_data_loss":true}'
      Then the answer is 409
      And the answer is the problem "nothing_kept_aside"

    @req:cluster.skip
    Scenario: A record is not skipped without accepting the loss
      When I send POST "/shards/0/skip" with '{"seq":1}'
      Then the answer is 400

    @req:cluster.recover
    Scenario: A cluster that has its state has nothing to recover
      When I send POST "/cluster/recover" with '{"accept_missing":true}'
      Then the answer is 409
      And the answer is the problem "not_recovering"

  Rule: What comes later says so

    @req:coord.later.501
    Scenario Outline: <method> <path> is not built yet
      When I send <method> "<path>" with '<body>'
      Then the answer is 501
      And the answer is the problem "not_implemented"

      Examples:
        | method | path                 | body                     |
        | POST   | /shards/0/move       | {"from":"a","to":"b"}    |
        | POST   | /nodes/maintenance   | {"nodes":["a"]}          |
        | POST   | /nodes/a/evacuate    | {}                       |
        | DELETE | /nodes/a/evacuate    |                          |
        | POST   | /cluster/rebalance   | {"dry_run":true}         |
        | POST   | /cluster/upgrade     | {"version":"2"}          |

    @req:coord.later.501
    Scenario Outline: GET <path> is not built yet
      When I send GET "<path>"
      Then the answer is 501
      And the answer is the problem "not_implemented"

      Examples:
        | path                 |
        | /nodes/a/evacuate    |
        | /cluster/rebalance   |
        | /cluster/load        |
        | /cluster/upgrade     |
        | /_cat/allocation     |
        | /_cat/recovery       |
        | /_cat/tasks          |

  Rule: Every answer keeps the general rules

    @req:http.error.problem
    Scenario: An error is a problem document
      Given the request header "x-request-id" is "mine-1"
      When I send GET "/data/nowhere"
      Then the answer is the problem "key_not_found"
      And the answer has the fields "type, title, detail"
      And the answer field "status" is "404"
      And the answer field "instance" is "/data/nowhere"
      And the answer field "retryable" is "false"
      And the answer field "request_id" is "mine-1"

    @req:http.error.no-stack
    Scenario Outline: <method> <path> fails without showing the inside
      When I send <method> "<path>" with '<body>'
      Then the answer shows nothing of the inside

      Examples:
        | method | path                | body        |
        | PUT    | /cluster/config     | {"a         |
        | POST   | /register           | []          |
        | PUT    | /data/%zz           | x           |
        | POST   | /nothing/here       | {}          |

    @req:http.request-id.echoed
    Scenario: A request keeps the id it came with
      Given the request header "x-request-id" is "mine-1"
      When I send GET "/cluster/info"
      Then the answer header "x-request-id" is "mine-1"

    @req:http.request-id.echoed
    Scenario: A request without an id gets one
      When I send GET "/cluster/info"
      Then the answer has the header "x-request-id"

    @req:http.not-found
    Scenario: A path nobody knows is a problem too
      When I send GET "/no/such/thing"
      Then the answer is 404
      And the answer is the problem "not_found"

    @req:http.method
    Scenario Outline: <method> <path> is answered with the methods that are allowed
      When I send <method> "<path>" with '{}'
      Then the answer is 405
      And the answer is the problem "method_not_allowed"
      And the answer header "allow" lists "<allowed>"

      Examples:
        | method | path             | allowed  |
        | PUT    | /cluster/info    | GET      |
        | DELETE | /cluster/config  | GET, PUT |
        | POST   | /nodes           | GET      |
        | PUT    | /shards/assign   | POST     |
        | DELETE | /_cat/nodes      | GET      |

    @req:http.deadline.header
    Scenario Outline: The deadline <value> is refused
      Given the request header "x-torua-deadline-ms" is "<value>"
      When I send GET "/data/k"
      Then the answer is 400
      And the answer says "x-torua-deadline-ms"

      Examples:
        | value  |
        | 0      |
        | -1     |
        | 600001 |
        | 1.5    |
        | soon   |

    @req:http.json.pretty
    Scenario Outline: ?pretty indents <path>
      When I send GET "<path>"
      Then the answer is indented JSON

      Examples:
        | path                      |
        | /cluster/info?pretty      |
        | /data?pretty              |
        | /data/nowhere?pretty      |
        | /cluster/health?pretty=true |

    @req:http.error.table
    Scenario: Every error code stands in one table
      When I send GET "/errors"
      Then the answer is 200
      And each entry of "errors" has "code, title, status, retryable, remedy"
      And the entry of "errors" with "code" "key_not_found" has "status" "404"

    @req:http.openapi.served
    Scenario: The API describes itself
      When I send GET "/openapi.json"
      Then the answer is 200
      And the OpenAPI document has version 3.1 and describes:
        | GET    | /cluster/health    |
        | PUT    | /cluster/config    |
        | GET    | /nodes             |
        | POST   | /shards/assign     |
        | POST   | /data/_bulk        |

    @req:http.openapi.page
    Scenario: The description can be browsed
      When I send GET "/docs"
      Then the answer is a page

    Scenario Outline: <path> answers that the process is well
      When I send GET "<path>"
      Then the answer is 200

      @req:http.livez
      Examples:
        | path    |
        | /livez  |

      @req:http.readyz.coordinator
      Examples:
        | path    |
        | /readyz |

      @req:http.version
      Examples:
        | path     |
        | /version |

    @req:http.health
    Scenario: /health shows the process, the cluster and the last seconds
      When I send GET "/health"
      Then the answer is 200
      And the answer field "status" is "healthy"
      And the answer has the fields "version, uptime, cluster.nodes, cluster.shards, cluster.replicas, cluster.state"
      And the answer has the fields "metrics.qps, metrics.latency_p99_ms, metrics.cache_hit_rate, reasons"

    @procs @req:http.readyz.coordinator @req:http.livez
    Scenario: A coordinator without any node is ready
      Given a cluster of 4 shards that waits for 1 nodes
      When I send GET "/readyz"
      Then the answer is 200
      When I send GET "/data/k"
      Then the answer is 503
      And the answer is the problem "waiting_for_assignment"
      And the answer has the header "retry-after"

    Scenario Outline: The <process> exposes <metric>
      Given the key "measured" holds "once"
      And I send GET "/data/measured"
      And I send GET "/data/not-there"
      Then the <process> exposes the metric '<metric>'

      @req:metrics.nodes
      Examples:
        | process     | metric                                   |
        | coordinator | torua_node_count{status="healthy"}       |
        | coordinator | torua_shard_distribution{node_id=        |

      @req:metrics.requests
      Examples:
        | process     | metric                                   |
        | coordinator | torua_requests_total{operation="get",status= |
        | coordinator | torua_request_latency_seconds_bucket     |
        | coordinator | torua_errors_total{type="key_not_found"} |
        | node        | torua_requests_total{operation=          |
        | node        | torua_request_latency_seconds_bucket     |

      @req:metrics.memory
      Examples:
        | process     | metric                                   |
        | coordinator | torua_heap_usage_bytes{component=        |
        | node        | torua_heap_usage_bytes{component=        |

      @req:metrics.network
      Examples:
        | process     | metric                                   |
        | coordinator | torua_network_traffic_bytes_total{direction="sent"} |
        | node        | torua_network_traffic_bytes_total{direction="received"} |

      @req:metrics.log
      Examples:
        | process     | metric                                   |
        | node        | torua_log_fsync_seconds                  |
        | node        | torua_apply_backlog_rows                 |

      @req:metrics.cache
      Examples:
        | process     | metric                                   |
        | node        | torua_cache_requests_total{cache="value" |

      @req:metrics.disk
      Examples:
        | process     | metric                                   |
        | node        | torua_disk_bytes{kind="log"}             |
        | node        | torua_disk_bytes{kind="database"}        |
        | node        | torua_disk_bytes{kind="blobs"}           |
        | node        | torua_disk_bytes{kind="free"}            |
        | node        | torua_shard_rows{shard_id=               |

      @req:metrics.state
      Examples:
        | process     | metric                                   |
        | coordinator | torua_cluster_state_version              |
        | coordinator | process_cpu_seconds_total                |
        | node        | torua_cluster_state_version              |
        | node        | process_resident_memory_bytes            |

    @req:metrics.bounded
    Scenario: No metric holds a key
      Given the key "a-very-special-key" holds "once"
      And I send GET "/data/another-special-key"
      Then no metric of any process holds "special-key"

  Rule: A failure costs what it must and heals by itself

    @procs @req:coord.health.hang @req:coord.health.three @req:coord.recovery.noticed @req:failure.node-hangs @req:cluster.event.node-unhealthy @req:cluster.event.node-recovered @req:coord.nodes.failed-stays
    Scenario: A node that hangs becomes unhealthy, and healthy again when it goes on
      Given a cluster of 2 nodes and 4 shards with health checks every "250ms"
      And 40 keys that start with "before-"
      When I suspend "node-1"
      Then the node "node-1" becomes "unhealthy"
      And there is an event "node_unhealthy" with node_id "node-1"
      And the cluster becomes red
      When I resume "node-1"
      Then the node "node-1" becomes "healthy"
      And there is an event "node_recovered" with node_id "node-1"
      And the cluster becomes green
      And all 40 keys that start with "before-" are there

    @procs @req:failure.node-hangs @req:node.lease.compared
    Scenario: A node that goes on after a stop longer than its lease serves nothing under the old one
      Given a cluster of 1 node and 1 shard with health checks every "250ms"
      And the key "k" holds "v"
      When I suspend "coordinator"
      And I suspend "node-1"
      And the lease of "node-1" has certainly run out
      And I resume "node-1"
      Then the first answers of "node-1" to a read of "k" are all 503 "no_lease"
      When I resume "coordinator"
      Then the key "k" has the value "v"

    @procs @req:cluster.event.node-dead @req:coord.health.dead @req:cluster.event.node-rejoined @req:node.known-returns
    Scenario: A node that stays away is dead, and rejoins with its shards when it comes back
      Given a cluster of 2 nodes and 4 shards with health checks every "250ms" and dead after "1s"
      And 40 keys that start with "kept-"
      When I kill "node-2"
      Then the node "node-2" becomes "dead"
      And there is an event "node_dead" with node_id "node-2"
      When I start "node-2" again
      Then the node "node-2" becomes "healthy"
      And there is an event "node_rejoined" with node_id "node-2"
      And the cluster becomes green
      And the primaries are spread "2/2"
      And all 40 keys that start with "kept-" are there

    @procs @req:coord.forget.only-copy @req:coord.assign.lost @req:coord.shards.unassigned
    Scenario: The only copy of data is given up only when somebody says so
      Given a cluster of 2 nodes and 2 shards with health checks every "250ms" and dead after "1s"
      And the key "key4" holds "in shard 0"
      And I remember the holder of shard 0 as "holder"
      And I remember the node that is not "<holder>" as "other"
      When I kill the node that holds the key "key4"
      And the node that was killed becomes "dead"
      And I send DELETE "/nodes/<holder>"
      Then the answer is 409
      And the answer is the problem "holds_only_copy"
      When I send DELETE "/nodes/<holder>?accept_data_loss=true"
      Then the answer is 204
      And the shard 0 has no place
      When I send POST "/shards/assign" with '{"shard_id":0,"node_id":"<other>","is_primary":true}'
      Then the answer is 409
      And the answer is the problem "data_loss_not_accepted"
      When I send POST "/shards/assign" with '{"shard_id":0,"node_id":"<other>","is_primary":true,"accept_data_loss":true}'
      Then the answer is 200
      And the cluster becomes green
      And the key "key4" does not exist

    @procs @req:failure.coordinator-killed @req:coord.state.kill
    Scenario: A coordinator that was killed serves again within 3 seconds of its start
      Given a cluster of 2 nodes and 4 shards
      And 100 keys that start with "kept-"
      And I remember the placement
      When I kill "coordinator"
      Then it serves a write and a read within 3 seconds of being started again
      And all 100 keys that start with "kept-" are there
      And the placement is as remembered
      And the cluster becomes green

    @procs @req:node.lease.refuses @req:node.lease.any-reads @req:node.lease.registers @req:failure.node-cut
    Scenario Outline: A node whose coordinator is <lost> refuses writes and primary reads, and goes on with other reads
      Given a cluster of 1 node and 1 shard with health checks every "250ms"
      And the key "k" holds "v"
      When I <lose> "coordinator"
      And the lease of "node-1" has certainly run out
      Then these requests to "node-1" are answered:
        | method | path                             | status | code     |
        | PUT    | /shard/0/store/k                 | 503    | no_lease |
        | DELETE | /shard/0/store/k                 | 503    | no_lease |
        | GET    | /shard/0/store/k                 | 503    | no_lease |
        | GET    | /shard/0/store/k?consistency=any | 200    |          |
      When I <return> "coordinator"
      Then the key "k" has the value "v"
      And the cluster becomes green

      Examples:
        | lost      | lose    | return  |
        | suspended | suspend | resume  |
        | killed    | kill    | restart |

    @procs @req:failure.coordinator-disk @req:state.empty-coordinator @req:state.empty-coordinator.all @req:failure.coordinator-disk.epoch
    Scenario: A coordinator that lost its disk takes the state from the nodes
      Given a cluster of 2 nodes and 4 shards
      And 100 keys that start with "kept-"
      And I remember the placement
      And I remember the terms
      When I kill "node-2"
      And the coordinator is killed and loses its disk
      And I start "coordinator" again
      Then the coordinator answers /readyz with 503 "recovering"
      And a read is refused with "recovering"
      And the answer field "missing_nodes" is '["node-2"]'
      When I start "node-2" again
      Then the cluster becomes green
      And the placement is as remembered
      And every term is one higher than remembered
      And all 100 keys that start with "kept-" are there

    @procs @req:failure.coordinator-disk.missing @req:cluster.recover
    Scenario: An operator may go on without the nodes that are missing
      Given a cluster of 2 nodes and 4 shards
      And 60 keys that start with "kept-"
      When I kill "node-2"
      And the coordinator is killed and loses its disk
      And I start "coordinator" again
      And the coordinator answers /readyz with 503 "recovering"
      When I send POST "/cluster/recover" with '{"accept_missing":true}'
      Then the answer is 202
      And the answer field "missing_nodes" is '["node-2"]'
      And the node "node-2" becomes "dead"
      And the keys of "kept-" that lie on "node-1" are there
      When I start "node-2" again
      Then the cluster becomes green
      And all 60 keys that start with "kept-" are there

    @procs @req:node.stop.clean @req:node.stop.keeps
    Scenario: A node with data that is stopped keeps its shards and ends cleanly
      Given a cluster of 2 nodes and 4 shards
      And 100 keys that start with "kept-"
      And I remember the placement
      When I stop "node-1"
      Then "node-1" ended with the exit code 0
      And the placement is as remembered
      When I start "node-1" again
      Then the cluster becomes green
      And all 100 keys that start with "kept-" are there

    @procs @req:cluster.event.node-leaving @req:coord.nodes.left-gone
    Scenario: A node with nothing but empty shards gives them away when it is stopped
      Given a cluster of 2 nodes and 4 shards
      When I stop "node-2"
      Then "node-2" ended with the exit code 0
      And there is an event "node_leaving" with node_id "node-2"
      And there is an event "node_drained" with node_id "node-2"
      And there is an event "node_left" with node_id "node-2"
      And the node "node-2" is not listed
      And the primaries are spread "4"
      And the cluster becomes green

    @procs @req:node.stop.clean @req:node.stop.keeps
    Scenario: A whole cluster is stopped and started and moves nothing
      Given a cluster of 2 nodes and 4 shards
      And 100 keys that start with "kept-"
      And I remember the placement
      When I stop every process, the coordinator first
      And I start every process again
      Then the cluster becomes green
      And the placement is as remembered
      And all 100 keys that start with "kept-" are there

    @procs @req:trouble.two-nodes-one-id @req:coord.register.in-use
    Scenario: Of two nodes with one id the first goes on and the second waits outside
      Given a cluster of 1 node and 2 shards with health checks every "250ms"
      And 40 keys that start with "kept-"
      When a second process starts as "node-1" with a directory of its own
      Then the second process is neither ready nor connected
      And the node "node-1" is listed once
      And all 40 keys that start with "kept-" are there

    @procs @req:coord.register.restart @req:state.incarnation
    Scenario: A process that was killed takes over its id at once when it starts again
      Given a cluster of 1 node and 2 shards
      And 20 keys that start with "kept-"
      When I kill "node-1"
      And I start "node-1" again
      Then the node "node-1" is ready within 3 seconds
      And all 20 keys that start with "kept-" are there

    @procs @req:state.lost-copy @req:coord.health.never-recreated @req:state.other-directory @req:cluster.colour.red
    Scenario: A node that comes back without its disk has lost its shards, and they are not created anew
      Given a cluster of 2 nodes and 4 shards with health checks every "250ms"
      And the key "key4" holds "in shard 0"
      And I remember the holder of shard 0 as "holder"
      When the node that holds the key "key4" is killed and loses its disk
      And I start the node that was killed again
      Then the node that was killed becomes "healthy"
      And the shard 0 has no place
      And the cluster becomes red
      And the request header "x-torua-deadline-ms" is "500"
      When I send GET "/data/key4"
      Then the answer is 503
