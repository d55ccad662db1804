/** Promises about the house, trouble, speed and the tests themselves. */
import { promised, type Requirement } from './requirement.ts';

/** Issue 2: the house, bad input and trouble, speed, tests, done when. */
export const HOUSE: Requirement[] = [
  ...promised('issue 2, the house', {
    'house.walls':
      'dependency-cruiser holds the walls between rooms, type-only imports and cycles included.',
    'house.walls.count':
      'The check of the walls fails when fewer modules were cruised than a committed minimum.',
    'house.tidy':
      'File and function length, docstrings, banned words and names are checked by a test.',
    'house.globals': 'Clock, random, disk, wire and environment are touched in their homes only.',
    'house.design': 'Each room has a DESIGN.md with the six headings.',
    'house.architecture':
      'ARCHITECTURE.md has problem, terminology and diagrams of topology, PUT, GET, assignment, node lifecycle and shard states.',
    'house.diagrams': 'The two state diagrams are generated from the transition tables.',
    'house.readme':
      'README.md has quick starts of at most three lines, curl lines with their answers and honest limits.',
    'house.documents': 'LICENSE, CONTRIBUTING, SECURITY, CHANGELOG, docs/ and .github/ are there.',
    'house.generated': 'Generated reference pages are as their source says.',
    'house.roadmap': 'docs/roadmap.md is generated from the deferred requirements.',
    'house.adr': 'Decision records say where Torua departs from its first architecture, and why.',
    'house.top-level':
      'The top level is as fixed: sources, features, test, two Procfiles, two Dockerfiles, compose file, Makefile, README, ARCHITECTURE.',
    'house.pins':
      'Wire schemas, error codes, metric names, configuration names and golden routing values are pinned by literals.',
    'house.ledger':
      'Every promise stands in the ledger; unknown ids, and ids without a test, are red.',
    'house.install-scripts':
      'Plain npm ci works on npm 10 and 11, the latter with --strict-allow-scripts.',
  }),
  ...promised('issue 2, bad input and trouble', {
    'trouble.chunked-too-large': 'A chunked body over the limit is a 413.',
    'trouble.gzip-bomb': 'A gzip bomb is a 413 in bounded memory.',
    'trouble.bulk-middle': 'A malformed line in the middle of a bulk fails alone.',
    'trouble.two-nodes-one-id':
      'Of two nodes with one id the second is refused and the first goes on.',
    'trouble.foreign-directory':
      "A node with another cluster's directory is refused with a clear reason and loses nothing.",
    'trouble.shared-directory':
      'One data directory for two processes: the second stops with a clear line.',
    'trouble.garbage-node':
      'A node that answers garbage is a 502 bad_node_answer, and nothing else fails.',
    'trouble.hanging-node': 'A node that hangs costs the deadline of its own requests only.',
    'trouble.slow-client': 'A slow client costs bounded memory and delays nobody.',
    'trouble.disconnect':
      'A client that disconnects in the middle of a PUT leaves the old value whole.',
    'trouble.failing-sync':
      'A failing fdatasync acknowledges nothing and ends the process with 74.',
    'trouble.clock-back': 'A clock that goes back breaks neither TTL nor lease.',
  }),
  ...promised('issue 2, speed', {
    'bench.report':
      'make bench prints CPU per request, fdatasync calls, records per group, machine and versions, as JSON and table.',
    'bench.put.cpu':
      'Coordinator + node CPU per durable PUT at 64 connections is at most 80 us, apply included.',
    'bench.get.cpu': 'Coordinator + node CPU per warm GET at 64 connections is at most 35 us.',
    'bench.latency':
      'At 64 connections p50 is under 5 ms and p99 under 100 ms; at 1 connection p50 is at most 1 ms.',
    'bench.loop-lag': 'Loop lag p99 is under 20 ms.',
    'bench.batched': 'The batched hop costs at most 0.6 of one request per key in the same run.',
    'bench.mission': "docs/benchmarks.md opens with the mission's targets, target beside measured.",
    'bench.stale': 'There are 0 stale reads after acknowledged writes.',
    'bench.lost':
      '0 acknowledged writes are lost over 20 kill -9 rounds and 100 kills of which at least 50 hit a checkpoint.',
    'bench.bounded': 'Backlog and memory stay bounded.',
    'bench.file-size':
      'Each live database file stays within 4x its size after the last rewrite, at least 16 MiB allowed, with a rewrite seen to work.',
  }),
  ...promised('issue 2, tests', {
    'tests.contract-suites':
      'Every implementation of a seam passes its contract suite: shard store, metadata, disk.',
    'tests.properties':
      'Log recovery, routing, placement and reducer invariants are held by properties.',
    'sim.production-code':
      'The simulation runs the production services; clock, random, disk, wire and the store are replaced.',
    'sim.disk-forgets':
      'The simulated disk forgets at a crash what was not synced, keeps any subset of unsynced sectors and loses unsynced directory entries.',
    'sim.sync-removed': 'Removing any one sync call turns a test red.',
    'sim.faults': 'Kill, hang, cut, restart and clock jumps are played.',
    'sim.checkers': 'Nothing acknowledged is lost, no shard is forgotten, one primary per term.',
    'sim.replay': 'The same seed gives the same trace.',
    'sim.seeds': '1,000 seeds run in CI, more by make simulate.',
    'tests.features':
      'features/distributed-storage.feature and cluster-management.feature hold the behaviour against real processes.',
    'tests.coverage': 'More than 90 % of the branches in cluster/, log/ and shard/ are covered.',
  }),
  ...promised('issue 2, done when', {
    'done.load':
      'torua load stores the 994 passages of a corpus, and after kill -9 of everything and a new start all come back byte for byte.',
    'done.curl':
      'Every curl line of README and docs is run by a test against a live cluster with the answer that is printed.',
    'done.guide':
      'docs/guides/testing.md shows the ten-line suite and a GitHub Actions job that a test plays.',
    'done.bench': 'make bench has been run and its table stands in docs/benchmarks.md.',
  }),
];
