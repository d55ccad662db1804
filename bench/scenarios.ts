/** Everything that is measured, each on a cluster of its own or one handed in; figures only, no verdicts. */
import { randomInt } from 'node:crypto';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createClient } from '../src/client/client.ts';
import {
  type BenchCluster,
  end,
  load,
  measured,
  memoryMiB,
  metric,
  startCluster,
  startProcess,
  untilApplied,
  untilGreen,
} from './lib.ts';
import type { LoadPlan } from './load-driver.ts';

/** Distinct keys of the small-value runs. */
export const KEYS = 65_536;
/** How long the durable PUT run lasts, seconds. */
export const PUT_SECONDS = Number(process.env['BENCH_SECONDS'] ?? 30);
const SHORT_SECONDS = Math.min(10, PUT_SECONDS);

const plan = (cluster: BenchCluster, part: Partial<LoadPlan>): LoadPlan => ({
  url: cluster.coordinator.url,
  connections: 64,
  seconds: SHORT_SECONDS,
  keys: KEYS,
  prefix: 'k',
  valueBytes: 100,
  reads: 0,
  seed: randomInt(2 ** 31),
  ...part,
});

/** Small values at 1, 16, 64 and 256 connections: PUT, warm GET, cold GET, and a mix with staleness checked. */
export async function smallValues() {
  const cluster = await startCluster({ nodes: 2, shards: 4 });
  try {
    await load(plan(cluster, { requests: KEYS }));
    await untilApplied(cluster.nodes);
    const log = await logFigures(cluster);
    const put = await measured(cluster, plan(cluster, { seconds: PUT_SECONDS }));
    const logAfter = await logFigures(cluster);
    const byConnections: Record<
      string,
      { put: Awaited<ReturnType<typeof measured>>; get: Awaited<ReturnType<typeof measured>> }
    > = {};
    for (const connections of [1, 16, 64, 256]) {
      byConnections[connections] = {
        put: connections === 64 ? put : await measured(cluster, plan(cluster, { connections })),
        get: await measured(cluster, plan(cluster, { connections, reads: 1 })),
      };
    }
    const mix = await measured(
      cluster,
      plan(cluster, { reads: 0.8, verify: true, seconds: SHORT_SECONDS }),
    );
    const lag = await Promise.all(
      [cluster.coordinator, ...cluster.nodes].map((process) =>
        metric(process.url, 'nodejs_eventloop_lag_p99_seconds'),
      ),
    );
    const memory = {
      coordinator: memoryMiB(cluster.coordinator),
      nodes: cluster.nodes.map(memoryMiB),
    };
    const syncs = logAfter.syncs - log.syncs;
    return {
      byConnections,
      put,
      mix,
      lagMsMax: Math.max(...lag) * 1_000,
      memory,
      syncs,
      recordsPerGroup: (logAfter.records - log.records) / syncs,
    };
  } finally {
    await cluster.stop();
  }
}

/** Reads that find nothing in memory: the cache is off and the memtables are empty. */
export async function coldReads() {
  const cluster = await startCluster({ nodes: 2, shards: 4, node: { VALUE_CACHE: 'off' } });
  try {
    await load(plan(cluster, { requests: KEYS }));
    await untilApplied(cluster.nodes);
    return await measured(cluster, plan(cluster, { reads: 1 }));
  } finally {
    await cluster.stop();
  }
}

/** Values of 1 MiB and 16 MiB, 8 clients. Memory is the highest of the run. */
export async function largeValues() {
  const cluster = await startCluster({ nodes: 2, shards: 4 });
  try {
    const rate = (result: { perSecond: number }, bytes: number): number =>
      Math.round((result.perSecond * bytes) / 2 ** 20);
    const figures: Record<string, { putMiBps: number; getMiBps: number }> = {};
    for (const [name, valueBytes, keys] of [
      ['1 MiB', 2 ** 20, 64],
      ['16 MiB', 2 ** 24, 8],
    ] as const) {
      const put = await load(
        plan(cluster, {
          connections: 8,
          valueBytes,
          keys,
          prefix: `v${valueBytes}-`,
          requests: keys * 2,
        }),
      );
      const get = await load(
        plan(cluster, {
          connections: 8,
          valueBytes,
          keys,
          prefix: `v${valueBytes}-`,
          reads: 1,
          requests: keys,
        }),
      );
      figures[name] = { putMiBps: rate(put, valueBytes), getMiBps: rate(get, valueBytes) };
    }
    return {
      figures,
      coordinatorMiB: memoryMiB(cluster.coordinator).peak,
      nodeMiB: Math.max(...cluster.nodes.map((node) => memoryMiB(node).peak)),
    };
  } finally {
    await cluster.stop();
  }
}

/** Cold start of a cluster, recovery of a node after kill -9 with a million keys, and what they weigh. */
export async function startAndRecovery(keys: number) {
  const began = performance.now();
  const cluster = await startCluster({ nodes: 2, shards: 4 });
  const coldStartMs = performance.now() - began;
  try {
    await fill(cluster.coordinator.url, keys);
    const killed = performance.now();
    const node = await cluster.restartNode(0, 'SIGKILL');
    await until(async () => (await fetch(`${node.url}/readyz`)).status === 200);
    const recoveryMs = performance.now() - killed;
    await untilGreen(cluster.coordinator.url);
    return {
      coldStartMs,
      recoveryMs,
      keys,
      nodeMiB: memoryMiB(node).now,
    };
  } finally {
    await cluster.stop();
  }
}

/** 200,000 updates of 25,000 keys: the databases must not grow without end, and a rewrite must be seen. */
export async function growth(updates: number, keys: number) {
  const cluster = await startCluster({ nodes: 2, shards: 4 });
  const urls = cluster.nodes.map((node) => node.url);
  let worst = { bytes: 0, allowedBytes: LIVE_BYTES_ALLOWED };
  const look = (): void => {
    for (const found of liveFiles(cluster.directory))
      if (found.bytes / found.allowedBytes > worst.bytes / worst.allowedBytes) worst = found;
  };
  const watch = setInterval(look, 100);
  try {
    await load(plan(cluster, { requests: updates, keys, prefix: 'g' }));
    await untilApplied(cluster.nodes);
    look();
    const rewrites = await Promise.all(urls.map((url) => countOf(url, 'rewrite')));
    const checkpoints = await Promise.all(urls.map((url) => countOf(url, 'checkpoint')));
    const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);
    return {
      worstMiB: worst.bytes / 2 ** 20,
      allowedMiB: worst.allowedBytes / 2 ** 20,
      rewrites: sum(rewrites),
      checkpoints: sum(checkpoints),
    };
  } finally {
    clearInterval(watch);
    await cluster.stop();
  }
}

/** Rounds of kill -9 under load; every acknowledged write is asked for afterwards. */
export async function killRounds(rounds: number) {
  const cluster = await startCluster({ nodes: 2, shards: 4 });
  const client = createClient({ url: cluster.coordinator.url });
  const acknowledged = new Map<string, string>();
  let lost = 0;
  try {
    for (let round = 0; round < rounds; round += 1) {
      const stop = { now: false };
      const writers = Array.from({ length: 16 }, async (_, writer) => {
        for (let count = 0; !stop.now; count += 1) {
          const key = `w${writer}-${count % 2_000}`;
          const value = `${round}-${count}`;
          // A write without an answer may or may not be there; only acknowledged ones count.
          acknowledged.delete(key);
          await client.put(key, value).then(
            () => acknowledged.set(key, value),
            () => {},
          );
        }
      });
      await new Promise((resolve) => setTimeout(resolve, 500 + randomInt(1_500)));
      await cluster.restartNode(round % 2, 'SIGKILL');
      stop.now = true;
      await Promise.all(writers);
      await untilGreen(cluster.coordinator.url);
      for (const [key, value] of acknowledged) {
        const found = await client.get(key);
        if (found === undefined || Buffer.from(found.value).toString() !== value) lost += 1;
      }
    }
    return { rounds, checked: acknowledged.size, lost };
  } finally {
    await client.close();
    await cluster.stop();
  }
}

/** How long a node takes to be listed, and a health check to be answered; milliseconds. */
export async function registration() {
  const cluster = await startCluster({ nodes: 1, shards: 1 });
  const node = await startProcess('node', {
    NODE_ID: 'late',
    NODE_LISTEN: '127.0.0.1:0',
    COORDINATOR_ADDR: cluster.coordinator.url,
    DATA_DIR: join(cluster.directory, 'late'),
  });
  try {
    const began = performance.now();
    await until(async () =>
      (
        (await (await fetch(`${cluster.coordinator.url}/nodes`)).json()) as {
          nodes: { id: string }[];
        }
      ).nodes.some(({ id }) => id === 'late'),
    );
    const registrationMs = performance.now() - began;
    const times: number[] = [];
    for (let count = 0; count < 200; count += 1) {
      const asked = performance.now();
      await (await fetch(`${node.url}/livez`)).text();
      times.push(performance.now() - asked);
    }
    times.sort((left, right) => left - right);
    return { registrationMs, healthCheckMs: times[Math.floor(times.length * 0.99)] ?? 0 };
  } finally {
    await end(node, 'SIGTERM');
    await cluster.stop();
  }
}

async function logFigures(cluster: BenchCluster): Promise<{ syncs: number; records: number }> {
  const of = async (name: string): Promise<number> =>
    (await Promise.all(cluster.nodes.map((node) => metric(node.url, name)))).reduce(
      (sum, value) => sum + value,
      0,
    );
  return {
    syncs: await of('torua_log_fsync_seconds_count'),
    records: await of('torua_log_records_total'),
  };
}

async function countOf(url: string, kind: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return Number(
    new RegExp(`^torua_maintenance_seconds_count\\{kind="${kind}"\\} (\\S+)`, 'm').exec(
      text,
    )?.[1] ?? 0,
  );
}

/** Every live database file may have this many bytes, or four times those it had right after its last rewrite. */
const LIVE_BYTES_ALLOWED = 16 * 2 ** 20;

/** Live database files below a cluster's directory, each with what it may have. A live file begins as a copy of its base. */
function liveFiles(directory: string): { bytes: number; allowedBytes: number }[] {
  const bytesOf = (path: string): number =>
    statSync(join(directory, path), { throwIfNoEntry: false })?.size ?? 0;
  return readdirSync(directory, { recursive: true })
    .map(String)
    .filter((path) => /\/live-\d+\/x$/.test(path))
    .map((path) => ({
      bytes: bytesOf(path),
      allowedBytes: Math.max(
        LIVE_BYTES_ALLOWED,
        4 * bytesOf(path.replace(/live-(\d+)\/x$/, 'base-$1/x')),
      ),
    }));
}

async function fill(url: string, keys: number): Promise<void> {
  const client = createClient({ url });
  const lines = async function* () {
    for (let number = 0; number < keys; number += 1)
      yield { op: 'put' as const, key: `m${number}`, value: `value ${number}` };
  };
  for await (const answer of client.bulk(lines())) {
    if (answer.status !== 204)
      throw new Error(`a line of the bulk load failed: ${JSON.stringify(answer)}`);
  }
  await client.close();
}

async function until(isDone: () => Promise<boolean>): Promise<void> {
  while (!(await isDone().catch(() => false)))
    await new Promise((resolve) => setTimeout(resolve, 5));
}
