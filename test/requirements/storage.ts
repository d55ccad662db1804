/** Promises about what is stored: cluster state, log, store, and their seams. */
import { promised, type Requirement } from './requirement.ts';

/** Design sections 1 to 4. */
export const STORAGE: Requirement[] = [
  ...promised('design 2', {
    'state.pushed':
      'Every committed state is pushed to all nodes, which store it synced before they act on it.',
    'state.file.atomic': 'The state is a file, written atomically and synced.',
    'state.empty-coordinator':
      'A coordinator with an empty directory that meets nodes of an existing cluster creates nothing and takes the newest state they hold.',
    'state.empty-coordinator.all':
      'It goes on by itself once every node named in the state has registered.',
    'process.coordinator-no-kuzu': 'A coordinator never loads Kuzu.',
  }),
  ...promised('design 3', {
    'state.pure': 'reduce(state, command, now) is pure; services only run its effects.',
    'state.commit-first': 'A state is committed before it is pushed.',
    'state.invariants':
      'The invariants of the state are checked after every transition, in production too.',
    'state.one-primary':
      'A shard has at most one primary per term, and primary is in in_sync, which is in copies.',
    'state.distinct-nodes': 'No two copies of a shard lie on one node.',
    'state.only-copy': 'An only copy is never forgotten.',
    'state.volatile':
      'A heartbeat writes nothing: last heartbeat, load and leases are memory of the leader.',
    'state.shard-uid': "A shard_uid is never used twice; the number in URLs is the shard's place.",
    'state.copy-id': 'A copy has an id of its own, stored in its manifest and its records.',
    'state.lost-copy':
      'An assigned copy that its node does not list leaves the in-sync set by a recorded change; a last one turns the shard red.',
    'state.incarnation':
      "A new incarnation on the same directory voids the old one's lease; its later requests get 409 node_id_in_use.",
    'state.other-directory':
      'Another directory under a known id, after the lease ran out, is a node that lost its copies.',
    'state.routing':
      'Routing is {routing_version, num_shards} in the state and travels with each request.',
    'state.placement.even':
      'Placement evens counts first, then zones, then bytes, then takes the fewest moves.',
    'state.release':
      'A shard without user records changes its node under a new term only after its holder confirmed a release.',
    'state.release.declined':
      'A holder declines a release when a write came first, and a silent holder keeps the shard.',
    'state.release.refuses':
      'After a release the holder refuses reads and writes of the shard with 409 stale_term.',
    'state.transition-table':
      'Each state machine has a transition table that is total over state and event.',
  }),
  ...promised('design 4', {
    'log.gapless': "A shard's sequence in the log is gapless.",
    'log.record':
      'A record holds format version, shard_uid, copy_id, term, seq, kind, schema version, op_id, hybrid time and payload.',
    'log.batch': 'A batch holds magic, number, length and CRC.',
    'log.group-commit':
      'Group commit takes all that wait, one write, one fdatasync; the next batch is written only after it returned.',
    'log.torn-tail': 'An invalid last batch is a torn tail and is cut.',
    'log.damage': 'An invalid batch with a valid one behind it is damage, and no torn tail.',
    'log.damage.intact': 'After damage a copy whose sequence continues behind the hole is intact.',
    'log.damage.in-doubt':
      "After damage a copy with a gap is in doubt and is not served; an operator's accept_data_loss keeps what the base holds.",
    'log.last-seqs':
      'Every segment starts with, and every idle batch holds, the last seq of each copy.',
    'log.control-records': 'Truncation, reset and drop of a copy are records that replay honours.',
    'log.index': "An index in memory maps a copy's seq to segment and offset.",
    'log.retention':
      'When retained bytes pass a limit the copy that pins the oldest segment advances its base or re-appends its few live records.',
    'log.failed-sync':
      "A failed write or fdatasync ends the log's life: no retry, nothing more acknowledged, exit 74.",
    'log.disk-full': 'Disk full cuts back to the last good offset and answers 507.',
    'log.reserve': 'A reserve of 16 MiB is freed for internal records when the disk is full.',
    'log.op-id': 'Every record of a write carries its op_id.',
    'log.hybrid-time': 'Hybrid time never goes back, also when the clock does.',
    'shard.write-order': 'A write is committed, then visible, then acknowledged, in that order.',
    'shard.conditions': 'Conditions are decided against the newest appended value.',
    'shard.apply.exactly-once':
      "A record is applied exactly once per file: the applied seq lies in the data's transaction.",
    'shard.apply.lazy': 'Committed records reach Kuzu lazily, in large transactions.',
    'shard.apply.bounded':
      'The backlog of unapplied rows is bounded: writes wait when the memtable passes its bound.',
    'shard.apply.total': 'Apply is total: what could fail is checked before the append.',
    'shard.apply.recovers':
      'If apply fails: reopen with a larger pool, rebuild from base once, then bisect to the one record.',
    'shard.apply.aside':
      'A record that cannot be applied is kept aside with event and metric; key-value data goes on.',
    'shard.base': 'A copy keeps a clean base generation plus every record since it.',
    'shard.base.complete':
      'Base + log is complete: outcomes and schema version lie in Kuzu with the applied seq.',
    'shard.doubt': 'After any doubt the live database is rebuilt from base + log, never repaired.',
    'shard.checkpoint.measured':
      'The checkpoint strategy was chosen by measurement, docs/adr/0001.',
    'shard.checkpoint.kill': 'A kill in a checkpoint loses nothing acknowledged.',
    'shard.rewrite': 'A live database file beyond 4x its size after the last rewrite is rewritten.',
    'shard.blob.file': 'A value over 64 KiB is an immutable file named by its SHA-256.',
    'shard.blob.order':
      'A blob is written and synced, file and directory, before the record that names it is appended.',
    'shard.blob.sweep': 'Blobs that nothing names are removed by mark and sweep.',
    'shard.op-id.own':
      "Outcomes of the coordinator's own ids are kept in memory and segments for 60 s.",
    'shard.op-id.caller':
      "Outcomes under a caller's key are kept 10 minutes, stored with the applied seq, across restarts.",
    'shard.op-id.full':
      'Above 100,000 remembered keys per shard a new keyed write is 503 idempotency_window_full.',
    'shard.read-order': 'A key is read from memtable, then value cache, then Kuzu.',
    'shard.cache.bounded': 'The value cache is bounded by bytes.',
    'shard.wrong-shard': 'A shard refuses a key that is not its own.',
    'shard.ttl.clock': 'A clock that goes back brings no expired key back.',
    'shard.ttl.swept': 'Expired keys are not listed and are swept.',
  }),
  ...promised('design 9', {
    'limits.named':
      'Every queue, batch, fan-out, body, retry and wait has a bound with a name in the configuration, a metric and an error.',
    'limits.loop': "Nothing synchronous lasts over 5 ms on the node's main thread.",
    'limits.loop.metric': 'Loop delay has a metric.',
    'limits.livez-first': 'Heartbeat and /livez stay on the main loop and are served before data.',
    'limits.threads': 'A process started as the contract says has a thread pool of 32.',
    'limits.entry':
      'dist/node/main.js and dist/coordinator/main.js are CommonJS entries that set UV_THREADPOOL_SIZE and import the ESM build.',
  }),
  ...promised('issue 2', {
    'data.format': 'Each data directory has a FORMAT file.',
    'data.lock': 'Each data directory has a lock; a second process is refused.',
    'data.newer': 'A directory of a newer format is refused, untouched.',
    'data.foreign-cluster': "A node with another cluster's data directory is refused.",
    'data.documented': 'docs/reference/data-directory.md lists every file.',
    'data.statistics': 'Statistics and sizes of copies are told and right.',
  }),
];
