/**
 * `make bench`: measures a real cluster and writes docs/benchmarks.md. BENCH_SECONDS and BENCH_RECOVERY_KEYS shorten it while trying
 * something out; what is committed is measured with the default.
 */
import { execFileSync } from 'node:child_process';
import { cpus, totalmem } from 'node:os';
import { measureHop } from './hop.ts';
import { type Row, table, writeReport } from './report.ts';
import {
  coldReads,
  growth,
  KEYS,
  killRounds,
  largeValues,
  PUT_SECONDS,
  registration,
  smallValues,
  startAndRecovery,
} from './scenarios.ts';

const MIB = 2 ** 20;
const recoveryKeys = Number(process.env['BENCH_RECOVERY_KEYS'] ?? 1_000_000);
const step = async <T>(name: string, work: () => Promise<T>): Promise<T> => {
  process.stderr.write(`${name} ... `);
  const began = performance.now();
  const result = await work();
  process.stderr.write(`${((performance.now() - began) / 1_000).toFixed(0)} s\n`);
  return result;
};

const small = await step('small values', smallValues);
const cold = await step('cold reads', coldReads);
const hop = await step('the hop alone', measureHop);
const large = await step('large values', largeValues);
const joined = await step('registration', registration);
const recovery = await step('recovery', () => startAndRecovery(recoveryKeys));
const grown = await step('growth', () => growth(200_000, 25_000));
const kills = await step('kill rounds', () => killRounds(20));

const at64 = small.byConnections['64'];
const at1 = small.byConnections['1'];
if (!at64 || !at1) throw new Error('runs at 1 and 64 connections are part of every measurement');
const us = (value: number): string => `${value.toFixed(1)} µs`;
const ms = (value: number): string => `${value.toFixed(2)} ms`;
const rate = (value: number): string => `${Math.round(value).toLocaleString('en')}/s`;
const row = (what: string, wanted: string, measured: string, met?: boolean): Row => ({
  what,
  wanted,
  measured,
  met,
});

const mission = [
  row('node registration', '< 100 ms', ms(joined.registrationMs), joined.registrationMs < 100),
  row('health check, p99', '< 10 ms', ms(joined.healthCheckMs), joined.healthCheckMs < 10),
  row(
    'operations per second and node (warm GET, 64 connections, 2 nodes)',
    '10,000/s',
    rate(at64.get.perSecond / 2),
    at64.get.perSecond / 2 >= 10_000,
  ),
  row(
    'durable PUT per second and node (64 connections, 2 nodes)',
    '10,000/s',
    rate(small.put.perSecond / 2),
    small.put.perSecond / 2 >= 10_000,
  ),
  row(
    'latency p50 (durable PUT, 64 connections)',
    '< 10 ms',
    ms(small.put.p50),
    small.put.p50 < 10,
  ),
  row(
    'latency p99 (durable PUT, 64 connections)',
    '< 100 ms',
    ms(small.put.p99),
    small.put.p99 < 100,
  ),
];
const targets = [
  row(
    'coordinator + node CPU per durable PUT, apply included',
    '≤ 80 µs',
    us(small.put.cpuMicros),
    small.put.cpuMicros <= 80,
  ),
  row(
    'coordinator + node CPU per warm GET',
    '≤ 35 µs',
    us(at64.get.cpuMicros),
    at64.get.cpuMicros <= 35,
  ),
  row(
    'PUT p50, p99',
    '< 5 ms, < 100 ms',
    `${ms(small.put.p50)}, ${ms(small.put.p99)}`,
    small.put.p50 < 5 && small.put.p99 < 100,
  ),
  row(
    'GET p50, p99',
    '< 5 ms, < 100 ms',
    `${ms(at64.get.p50)}, ${ms(at64.get.p99)}`,
    at64.get.p50 < 5 && at64.get.p99 < 100,
  ),
  row('PUT p50 at 1 connection', '≤ 1 ms', ms(at1.put.p50), at1.put.p50 <= 1),
  row('GET p50 at 1 connection', '≤ 1 ms', ms(at1.get.p50), at1.get.p50 <= 1),
  row('loop lag p99, worst process', '< 20 ms', ms(small.lagMsMax), small.lagMsMax < 20),
  row(
    'the batched hop against one request per key',
    '≤ 0.6',
    hop.ratio.toFixed(2),
    hop.ratio <= 0.6,
  ),
];
const conditions = [
  row('stale reads after acknowledged writes', '0', String(small.mix.stale), small.mix.stale === 0),
  row(
    `acknowledged writes lost over ${kills.rounds} rounds of kill -9`,
    '0',
    String(kills.lost),
    kills.lost === 0,
  ),
  row(
    'live database file nearest to its bound, over 200,000 updates of 25,000 keys',
    `≤ ${grown.allowedMiB.toFixed(0)} MiB`,
    `${grown.worstMiB.toFixed(1)} MiB`,
    grown.worstMiB <= grown.allowedMiB,
  ),
  row(
    'checkpoints and rewrites seen in it',
    '≥ 1 rewrite',
    `${grown.checkpoints}, ${grown.rewrites}`,
    grown.rewrites >= 1,
  ),
  row(
    '8 clients with 16 MiB values: coordinator, node at their highest',
    '< 400 MiB',
    `${large.coordinatorMiB}, ${large.nodeMiB} MiB`,
    large.coordinatorMiB < 400 && large.nodeMiB < 400,
  ),
];
const all = [
  ...Object.entries(small.byConnections).flatMap(([connections, { put, get }]) => [
    row(
      `PUT, ${connections} connections`,
      '',
      `${rate(put.perSecond)}, p50 ${ms(put.p50)}, p99 ${ms(put.p99)}, ${us(put.coordinatorMicros)} + ${us(put.nodeMicros)}`,
    ),
    row(
      `warm GET, ${connections} connections`,
      '',
      `${rate(get.perSecond)}, p50 ${ms(get.p50)}, p99 ${ms(get.p99)}, ${us(get.coordinatorMicros)} + ${us(get.nodeMicros)}`,
    ),
  ]),
  row(
    '80 % GET, 64 connections',
    '',
    `${rate(small.mix.perSecond)}, p50 ${ms(small.mix.p50)}, p99 ${ms(small.mix.p99)}, ${us(small.mix.cpuMicros)}`,
  ),
  row(
    'cold GET (VALUE_CACHE=off), 64 connections',
    '',
    `${rate(cold.perSecond)}, p50 ${ms(cold.p50)}, p99 ${ms(cold.p99)}, ${us(cold.coordinatorMicros)} + ${us(cold.nodeMicros)}`,
  ),
  row(
    'syncs of the log, records per group (PUT, 64 connections)',
    '',
    `${small.syncs}, ${small.recordsPerGroup.toFixed(1)}`,
  ),
  ...Object.entries(large.figures).map(([name, figure]) =>
    row(
      `${name} values, 8 clients`,
      '',
      `PUT ${figure.putMiBps} MiB/s, GET ${figure.getMiBps} MiB/s`,
    ),
  ),
  row(
    'the hop alone: batched, one by one',
    '',
    `${us(hop.batchedMicros)}, ${us(hop.singleMicros)}`,
  ),
  row('cold start of coordinator and 2 nodes until green', '', ms(recovery.coldStartMs)),
  row(
    `recovery of a node after kill -9, ${recovery.keys.toLocaleString('en')} keys in the cluster`,
    '',
    ms(recovery.recoveryMs),
  ),
  row('memory of that node after its recovery', '', `${recovery.nodeMiB} MiB`),
  row(
    'memory after the small-value runs: coordinator, nodes',
    '',
    `${small.memory.coordinator.now}, ${small.memory.nodes.map((node) => node.now).join(', ')} MiB`,
  ),
];
const version = (name: string): string => execFileSync(name, ['--version']).toString().trim();
const machine = [
  `${cpus().length} cores (${cpus()[0]?.model.trim()})`,
  `${Math.round(totalmem() / MIB / 1_024)} GiB`,
  `Node ${version(process.execPath)}`,
  'kuzu 0.11.3',
  `${KEYS.toLocaleString('en')} keys`,
  `PUT run ${PUT_SECONDS} s`,
  `${new Date().toISOString().slice(0, 10)}.`,
].join(', ');

writeReport(
  machine,
  [
    { marker: 'mission', rows: mission },
    { marker: 'targets', rows: targets },
    { marker: 'conditions', rows: conditions },
    { marker: 'all', rows: all },
  ],
  { small, cold, hop, large, joined, recovery, grown, kills },
);
for (const rows of [mission, targets, conditions, all]) process.stdout.write(`${table(rows)}\n\n`);
