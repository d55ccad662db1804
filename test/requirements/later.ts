/** Promises that issue 2 itself leaves to later issues; docs/roadmap.md is made from this file. */
import { deferred, type Requirement } from './requirement.ts';

/** In the order in which the roadmap shows them. */
export const LATER: Requirement[] = [
  ...deferred(
    'design 5',
    'Replication: there is one copy per shard until a second one can be kept in sync.',
    {
      'replication.in-sync': 'A write is committed when, and only when, every in-sync copy has it.',
      'replication.promotion':
        'When a primary fails the most recent, least loaded in-sync copy is promoted.',
      'replication.leave-join':
        'A copy leaves and joins the in-sync set only by a change of the state that the primary asked for.',
      'replication.min-in-sync':
        'min_in_sync refuses writes below that number of copies with 503 not_enough_copies.',
      'replication.ack': 'ack=quorum or primary may answer earlier than the commit.',
      'replication.factor': 'REPLICATION_FACTOR and the setting replication_factor may be above 1.',
      'replication.yellow':
        'The cluster is yellow when all primaries are live and a replica is not.',
      'replication.any-reads':
        'consistency=any reads answer from the next copy at once when a node is killed.',
      'replication.rebuild': 'After DEAD_AFTER the copies of a dead node are rebuilt elsewhere.',
      'replication.event': 'replica_promoted tells of a promotion with its term.',
      'replication.damage': 'A copy in doubt is rebuilt from a peer.',
      'replication.snapshot': 'A replica that is far behind takes a snapshot.',
    },
  ),
  ...deferred(
    'contract 3',
    'Moves of data: shards with data stay where they are until they can be copied and switched.',
    {
      'moves.assign': 'POST /shards/assign moves a primary with its data, or adds a replica.',
      'http.long-work': 'Long work answers 202 and is watched with GET on the same path.',
      'moves.move': 'POST /shards/{id}/move moves a copy from one node to another.',
      'moves.maintenance': 'POST /nodes/maintenance moves the primaries of nodes away.',
      'moves.evacuate':
        'POST, GET and DELETE /nodes/{id}/evacuate empty a node and show how far it is.',
      'moves.rebalance':
        'POST /cluster/rebalance evens shards with data; GET shows its last evaluation and moves.',
      'moves.join': 'Registration of a new node rebalances shards that hold data.',
      'moves.invisible': 'No read or write fails while shards move.',
      'moves.leave': 'SIGTERM on a node moves its shards elsewhere before it exits.',
      'moves.load': 'GET /cluster/load shows requests per second by node and hot shards.',
      'moves.load-events':
        'imbalance_detected, load_imbalance_detected and hot_shards_identified tell of uneven load.',
      'moves.cat': '_cat/allocation, _cat/recovery and _cat/tasks show moves and long work.',
      'moves.split': 'The number of shards changes by an integer factor.',
    },
  ),
  ...deferred('contract 7', 'Several coordinators: one coordinator keeps its state in a file.', {
    'coordinators.etcd':
      'Several coordinators share one etcd: one leader by lease, all serve data and reads.',
    'coordinators.failover': 'When the leader dies or hangs another leads within its lease.',
    'coordinators.nodes-fail-over': 'Nodes fail over by their list of coordinators.',
    'coordinators.redirect':
      "A follower answers cluster changes with 307 and the leader's location.",
    'coordinators.etcd-lost':
      'When etcd has lost its majority data and reads go on with the last state while leases last.',
    'coordinators.metadata-url': 'METADATA_URL takes etcd://host:port.',
  }),
  ...deferred('contract 7', 'Rolling upgrades: they need moves and a second copy.', {
    'upgrade.rolling':
      'POST /cluster/upgrade upgrades one node at a time without a failed request.',
    'upgrade.mixed': 'Old and new processes run mixed.',
  }),
  ...deferred('contract 6', 'The graph: one property graph over all shards, in Cypher.', {
    'graph.cypher': 'POST /cypher gives the answer that one Kuzu with all the data would give.',
    'graph.explain': 'POST /cypher/explain answers the plan that would run.',
    'graph.schema': 'DDL is committed with the cluster state; GET /schema shows the catalog.',
    'graph.statements': 'Statements over several shards are atomic.',
    'graph.import': 'POST /graph/import loads files in bulk and resumes.',
    'graph.rest': 'Nodes, edges, traversals and paths are reached without Cypher.',
    'graph.queries': 'GET and DELETE /queries list and end running statements.',
    'graph.applied-wait': 'A graph read sees every write that was acknowledged before it began.',
  }),
  ...deferred('design 7', 'Retrieval: the graph is the index.', {
    'retrieval.walk':
      'A question seeds a random walk over chunks and entities and finds passages that share no word with it.',
    'retrieval.equal': 'Rankings are equal at any number of shards.',
    'retrieval.answers':
      'Collections, documents, retrieval and answers are served under their own routes.',
  }),
  ...deferred('contract 1', 'Users and roles: until they exist every user may do everything.', {
    'access.roles': "The access of a route is checked against a user's role.",
  }),
  ...deferred(
    'contract 1',
    'Bodies with a timeout of their own come with the graph: POST /cypher is the first.',
    { 'http.deadline.body-wins': 'A timeout in the body wins over the header.' },
  ),
];
