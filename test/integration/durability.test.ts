/**
 * What was acknowledged is there: rounds of kill -9 on real processes under writers, kills that hit a checkpoint, and
 * the size of the databases under updates. ROUNDS and SEED play more of the first, or one again.
 */
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createClient, type ToruaClient } from '../../src/client/client.ts';
import { type Cluster, eventually, startCluster } from '../../src/testing/testing.ts';
import { simRandom } from '../simulation/sim-random.ts';
import { Promises, writeUntil } from './support-writers.ts';

const rounds = Number(process.env.ROUNDS ?? 4);
const seed = Number(process.env.SEED ?? Date.now() % 1_000_000);
const random = simRandom(seed);

const WRITERS = 8;
const VICTIMS = [
  ['coordinator', 'node-1', 'node-2'],
  ['coordinator', 'node-1', 'node-2'],
  ['node-1', 'node-2'],
  ['node-1'],
  ['node-2'],
  ['coordinator'],
] as const;

/** Half of the writers repeat what failed, half take the first answer: both must find what they were promised. */
function writersOf(cluster: Cluster): ToruaClient[] {
  return Array.from({ length: WRITERS }, (_, index) =>
    createClient({
      url: cluster.url,
      timeoutMs: index % 2 === 0 ? 8_000 : 1_000,
      ...(index % 2 === 0 ? {} : { retry: false }),
    }),
  );
}

/** One round: writers write, processes die in the middle and come back, and the writers see both. */
async function killRound(cluster: Cluster, promises: Promises, round: number): Promise<void> {
  const clients = writersOf(cluster);
  let isOver = false;
  const writers = clients.map((client, index) =>
    writeUntil(() => isOver, {
      client,
      promises,
      name: `writer ${index}`,
      seed: seed + round * WRITERS + index,
    }),
  );
  const killAt = promises.acknowledged + 50 + random.integer(1_000);
  await eventually(() => expect(promises.acknowledged).toBeGreaterThan(killAt), {
    timeoutMs: 10_000,
  });
  const victims = random.pick(VICTIMS);
  await Promise.all(victims.map((victim) => cluster.kill(victim)));
  await Promise.all(victims.map((victim) => cluster.restart(victim)));
  const killedAt = promises.acknowledged;
  await eventually(() => expect(promises.acknowledged).toBeGreaterThan(killedAt + 20), {
    timeoutMs: 10_000,
  });
  isOver = true;
  await Promise.all(writers);
  await Promise.all(clients.map((client) => client.close()));
}

// @req: kv.put.durable, bench.lost, failure.node-killed, coord.state.kill, coord.health.never-recreated
test(
  `no acknowledged write is lost in ${rounds} rounds of kill -9 under 8 writers (SEED=${seed})`,
  async () => {
    const cluster = await startCluster({ nodes: 2 });
    try {
      const promises = new Promises();
      for (let round = 0; round < rounds; round += 1) {
        await killRound(cluster, promises, round);
        await cluster.waitFor('green');
        expect(await promises.broken(cluster.client)).toEqual([]);
      }
      expect(promises.acknowledged).toBeGreaterThan(rounds * 50);
      process.stderr.write(
        `${rounds} rounds: ${promises.acknowledged} writes acknowledged, ${promises.failed} not\n`,
      );
    } finally {
      await cluster.close();
    }
  },
  60_000 + rounds * 10_000,
);

/** The folder of the only copy on a node. */
function storeOf(cluster: Cluster, nodeId: string): string {
  const copies = join(cluster.dataDir, nodeId, 'copies');
  const names = readdirSync(copies);
  expect(names).toHaveLength(1);
  return join(copies, names[0] ?? '');
}

const stateIs = (store: string, state: string): boolean =>
  readFileSync(join(store, 'STATE'), 'utf8').includes(`"${state}"`);
const generationOf = (store: string): number =>
  (JSON.parse(readFileSync(join(store, 'CURRENT'), 'utf8')) as { generation: number }).generation;

interface Moment {
  readonly name: string;
  /** What leads to it: an orderly end, or the wish for a new base. */
  readonly cause: 'stop' | 'compact';
  isThere(store: string): boolean;
}

/** Moments of a store's maintenance in which its process had better not die, as its files show them. */
const MOMENTS: readonly Moment[] = [
  { name: 'checkpoint', cause: 'stop', isThere: (store) => stateIs(store, 'checkpointing') },
  {
    name: 'new base',
    cause: 'compact',
    isThere: (store) => existsSync(join(store, `base-${generationOf(store) + 1}`)),
  },
  { name: 'switch', cause: 'compact', isThere: (store) => stateIs(store, 'opening') },
];

/** Updates in requests of 5,000 lines. Without idempotency-keys: the shard would have to remember them. */
async function update(url: string, updates: { from: number; count: number; keys: number }) {
  const { from, count, keys } = updates;
  for (let done = 0; done < count; done += 5_000) {
    const lines = Array.from({ length: Math.min(5_000, count - done) }, (_, index) => {
      const number = from + done + index;
      const value = `${number} `.padEnd(100, 'v');
      return JSON.stringify({ op: 'put', key: `key ${number % keys}`, value });
    });
    const answer = await fetch(`${url}/data/_bulk`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson' },
      body: `${lines.join('\n')}\n`,
    });
    const bad = (await answer.text()).split('\n').find((line) => line && !line.includes('204'));
    expect(bad).toBeUndefined();
  }
}

const control = (url: string, op: string) =>
  fetch(`${url}/control`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ op }),
  });

/** Leads the node to the moment and kills it there; whether its files show that the moment was hit. */
async function killIn(cluster: Cluster, moment: Moment): Promise<boolean> {
  const store = storeOf(cluster, 'node-1');
  const [node] = cluster.nodes;
  let isOver = false;
  const work = async (): Promise<void> => {
    if (moment.cause === 'compact') await control(node?.url ?? '', 'compact');
    else await cluster.kill('node-1', 'SIGTERM');
  };
  const worked = work()
    .catch(() => {}) // the process that answers is killed
    .finally(() => {
      isOver = true;
    });
  // As often as can be: the moments are short.
  while (!moment.isThere(store) && !isOver) await new Promise(setImmediate);
  if (!isOver) process.kill(node?.pid ?? 0, 'SIGKILL');
  await worked;
  await eventually(() => expect(cluster.nodes[0]?.pid).toBeUndefined());
  const isHit = moment.isThere(store);
  await cluster.restart('node-1');
  await cluster.waitFor('green');
  return isHit;
}

// @req: shard.checkpoint.kill, shard.doubt, bench.lost
// @req: failure.engine-crash
test('a node killed while it writes a checkpoint or a new base has every acknowledged write again', async () => {
  const cluster = await startCluster({ nodes: 1, shards: 1 });
  try {
    const promises = new Promises();
    await update(cluster.url, { from: 0, count: 10_000, keys: 10_000 });
    for (const [round, moment] of MOMENTS.entries()) {
      let tries = 0;
      for (let isHit = false; !isHit; tries += 1) {
        expect(`${moment.name}, try ${tries}`).not.toBe(`${moment.name}, try 4`);
        let isOver = false;
        const writers = Array.from({ length: 4 }, (_, index) =>
          writeUntil(() => isOver, {
            client: cluster.client,
            promises,
            name: `w${index}`,
            seed: seed + round * 40 + tries * 4 + index,
          }),
        );
        const before = promises.acknowledged;
        await eventually(() => expect(promises.acknowledged).toBeGreaterThan(before + 100));
        isHit = await killIn(cluster, moment);
        isOver = true;
        await Promise.all(writers);
        expect(await promises.broken(cluster.client)).toEqual([]);
      }
    }
    expect(cluster.logs('node-1')).toContain('beginning again from the base');
  } finally {
    await cluster.close();
  }
}, 120_000);

const MIB = 2 ** 20;

/** Bytes of the live database and of the base that it was begun from. */
function sizesOf(store: string): { live: number; afterRewrite: number; generation: number } {
  const generation = generationOf(store);
  const size = (path: string) => statSync(join(store, path), { throwIfNoEntry: false })?.size ?? 0;
  return {
    live: size(`live-${generation}/x`),
    afterRewrite: size(`base-${generation}/x`),
    generation,
  };
}

// @req: bench.file-size, shard.rewrite, shard.apply.lazy
test('60,000 updates of 25,000 keys leave the live database within its bound, by a rewrite', async () => {
  const cluster = await startCluster({ nodes: 1, shards: 1 });
  try {
    await update(cluster.url, { from: 0, count: 25_000, keys: 25_000 });
    const store = storeOf(cluster, 'node-1');
    const first = sizesOf(store).generation;
    let largest = 0;
    for (let from = 0; from < 60_000; from += 5_000) {
      await update(cluster.url, { from: from * 7, count: 5_000, keys: 25_000 });
      const { live, afterRewrite } = sizesOf(store);
      largest = Math.max(largest, live / Math.max(4 * afterRewrite, 16 * MIB));
    }
    const nodeUrl = cluster.nodes[0]?.url ?? '';
    await eventually(
      async () => {
        const metrics = await (await fetch(`${nodeUrl}/metrics`)).text();
        expect(metrics).toMatch(/^torua_apply_backlog_rows 0$/m);
      },
      { timeoutMs: 30_000 },
    );
    const { live, afterRewrite, generation } = sizesOf(store);
    largest = Math.max(largest, live / Math.max(4 * afterRewrite, 16 * MIB));
    process.stderr.write(
      `live ${live}, after the rewrite ${afterRewrite}, generation ${generation}, largest ${largest.toFixed(2)}\n`,
    );
    expect(largest).toBeLessThanOrEqual(1);
    expect(generation).toBeGreaterThan(first);
    expect((await cluster.client.get('key 24999'))?.bytes).toBe(100);
  } finally {
    await cluster.close();
  }
}, 120_000);
