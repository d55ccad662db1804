/** Bounds that are reached: more requests than allowed, answers worth compressing, a lost disk and a full one. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, statfsSync, truncateSync, writeFileSync } from 'node:fs';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, expect, test } from 'vitest';
import { createClient } from '../../src/client/client.ts';
import { type Cluster, eventually, startCluster } from '../../src/testing/testing.ts';
import { simRandom } from '../simulation/sim-random.ts';
import { Stage } from './support-programs.ts';

const stage = new Stage();
let cluster: Cluster | undefined;
afterEach(async () => {
  await cluster?.close();
  cluster = undefined;
  await stage.close();
});

async function started(options: Parameters<typeof startCluster>[0] = {}): Promise<Cluster> {
  cluster = await startCluster({ nodes: 1, ...options });
  return cluster;
}

/** A PUT whose body does not come: it is answered for as long as the test wants. */
function openPut(url: string, key: string): ClientRequest {
  const put = request(`${url}/data/${key}`, { method: 'PUT', headers: { 'content-length': 10 } });
  put.on('error', () => {}); // torn off at the end
  put.write('12345');
  return put;
}

// @req: kv.bounded, http.overload.retry-after, limits.livez-first, env.max-limits
test('the request over MAX_REQUESTS is refused with 503 and retry-after, probes are answered', async () => {
  const { url } = await started({ coordinatorEnv: { MAX_REQUESTS: '4' } });
  const open = Array.from({ length: 4 }, (_, index) => openPut(url, `open-${index}`));
  const refused = await eventually(async () => {
    const answer = await fetch(`${url}/data/x`);
    expect(answer.status).toBe(503);
    return answer;
  });
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
  expect(await refused.json()).toMatchObject({ code: 'overloaded', retryable: true });
  expect((await fetch(`${url}/livez`)).status).toBe(200);
  for (const put of open) put.end('67890');
  await eventually(async () => {
    const answers = await Promise.all(open.map((_, index) => fetch(`${url}/data/open-${index}`)));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200]);
  });
});

// @req: kv.bounded, kv.retry
test('a flood over a node with few places ends in answers: stored, or 429 or 503 with retry-after', async () => {
  const { url, client } = await started({ nodeEnv: { MAX_REQUESTS: '2' } });
  const answers = await Promise.all(
    Array.from({ length: 400 }, async (_, index) => {
      const answer = await fetch(`${url}/data/flood-${index}`, { method: 'PUT', body: 'x' });
      await answer.arrayBuffer();
      return { index, status: answer.status, retryAfter: answer.headers.get('retry-after') };
    }),
  );
  for (const { status, retryAfter } of answers)
    expect(status === 204 || ([429, 503].includes(status) && retryAfter !== null)).toBe(true);
  const stored = answers.filter(({ status }) => status === 204);
  expect(stored.length).toBeGreaterThan(0);
  for (const { index } of stored) expect((await client.get(`flood-${index}`))?.text()).toBe('x');
}, 30_000);

/** A GET with gzip allowed and the bytes as they came, which `fetch` would unpack. */
function getPacked(url: string): Promise<{ answer: IncomingMessage; body: Buffer }> {
  return new Promise((resolve, reject) => {
    request(url, { headers: { 'accept-encoding': 'gzip' } }, (answer) => {
      const pieces: Buffer[] = [];
      answer.on('data', (piece: Buffer) => pieces.push(piece));
      answer.once('end', () => resolve({ answer, body: Buffer.concat(pieces) }));
    })
      .on('error', reject)
      .end();
  });
}

// @req: http.gzip.answer, http.gzip.compressed-value
test('answers over 8 KiB are compressed when asked; what is compressed already is left alone', async () => {
  const { url, client } = await started();
  const text = 'all the same '.repeat(1_000);
  const noise = Buffer.from(simRandom(1).hex(100_000), 'hex');
  const values: [key: string, value: Buffer, packed: boolean][] = [
    ['short', Buffer.from('short'), false],
    ['text', Buffer.from(text), true],
    ['long-text', Buffer.from(text.repeat(20)), true],
    ['packed', gzipSync(noise.subarray(0, 20_000)), false],
    ['long-packed', gzipSync(noise), false],
  ];
  for (const [key, value, isPacked] of values) {
    await client.put(key, value);
    const { answer, body } = await getPacked(`${url}/data/${key}`);
    const encoding = answer.headers['content-encoding'] ?? 'none';
    expect(`${key}: ${encoding}`).toBe(`${key}: ${isPacked ? 'gzip' : 'none'}`);
    expect((isPacked ? gunzipSync(body) : body).equals(value)).toBe(true);
    expect(body.length).toBeLessThanOrEqual(value.length);
  }
  const plain = await fetch(`${url}/data/text`, { headers: { 'accept-encoding': 'identity' } });
  expect([plain.headers.get('content-encoding'), await plain.text()]).toEqual([null, text]);
});

interface ShownShard {
  readonly ShardID: number;
  readonly NodeID: string;
  readonly term: number;
}

const shardsOf = async (url: string): Promise<ShownShard[]> =>
  ((await (await fetch(`${url}/shards`)).json()) as { shards: ShownShard[] }).shards;

/** The coordinator's disk is gone: killed, folder emptied, started again. */
async function loseCoordinatorDisk(running: Cluster): Promise<void> {
  await running.kill('coordinator');
  rmSync(join(running.dataDir, 'coordinator'), { recursive: true });
  await running.restart('coordinator');
}

// @req: failure.coordinator-disk, failure.coordinator-disk.epoch, state.empty-coordinator
// @req: state.empty-coordinator.all, coord.health.never-recreated
test('a coordinator that lost its disk rebuilds the state from the nodes, with terms one higher', async () => {
  const running = await started({ nodes: 2 });
  const { client, url } = running;
  const keys = Array.from({ length: 50 }, (_, index) => `k${index}`);
  await Promise.all(keys.map((key) => client.put(key, key)));
  const before = await shardsOf(url);
  await loseCoordinatorDisk(running);
  await running.waitFor({ status: 'green', healthyNodes: 2 });
  expect((await shardsOf(url)).map(({ NodeID, term }) => ({ NodeID, term }))).toEqual(
    before.map(({ NodeID, term }) => ({ NodeID, term: term + 1 })),
  );
  for (const key of keys) expect((await client.get(key))?.text()).toBe(key);
  await client.put('after', 'x');
}, 30_000);

// @req: failure.coordinator-disk.missing, cluster.recover
test('with a node missing it answers 503 recovering until an operator accepts that', async () => {
  const running = await started({ nodes: 2 });
  const { client, url } = running;
  const keys = Array.from({ length: 50 }, (_, index) => `k${index}`);
  await Promise.all(keys.map((key) => client.put(key, key)));
  const lost = new Set(
    (await shardsOf(url)).flatMap(({ ShardID, NodeID }) => (NodeID === 'node-2' ? [ShardID] : [])),
  );
  await running.kill('node-2');
  await loseCoordinatorDisk(running);
  const once = createClient({ url, retry: false, timeoutMs: 1_000 });
  await eventually(async () => {
    const answer = await fetch(`${url}/readyz`);
    expect([answer.status, await answer.json()]).toEqual([
      503,
      expect.objectContaining({ code: 'recovering' }),
    ]);
  });
  await expect(once.put('k0', 'new')).rejects.toMatchObject({ code: 'recovering', status: 503 });
  await eventually(async () =>
    expect(await once.recover()).toMatchObject({ accepted: true, missingNodes: ['node-2'] }),
  );
  await eventually(
    async () => {
      for (const key of keys) {
        const answer = await once.get(key).catch((error: { status?: number }) => error.status);
        if (typeof answer === 'object') expect(answer.text()).toBe(key);
        else expect([502, 503]).toContain(answer);
      }
      await once.put(keys.find((key) => !lost.has(shardIn(key))) ?? '', 'again');
    },
    { timeoutMs: 10_000 },
  );
  await once.close();
}, 40_000);

/** FNV-1a 32 of the key, modulo 4: written out here, since the product's own would agree with itself. */
function shardIn(key: string): number {
  let hash = 0x811c9dc5;
  for (const byte of Buffer.from(key)) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return hash % 4;
}

/** A file system of that many bytes, gone after `unmount`; undefined where this user may not mount one. */
function smallDisk(megabytes: number): { path: string; unmount: () => void } | undefined {
  const path = join(stage.folder(), 'disk');
  mkdirSync(path);
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path], {
      stdio: 'ignore',
    });
  } catch {
    return undefined;
  }
  return { path, unmount: () => execFileSync('umount', ['-l', path]) };
}

/** Takes all space of the disk but `leave` bytes. */
function fill(path: string, leave: number): void {
  const { bavail, bsize } = statfsSync(path);
  const file = join(path, 'filler');
  writeFileSync(file, Buffer.alloc(Math.max(0, bavail * bsize - leave), 1));
}

// @req: failure.disk-full, failure.disk-full.recovers, kv.put.disk-full, log.disk-full, log.reserve
test('a full disk answers writes with 507 and the node, reads go on, and space ends it without a restart', async () => {
  const disk = smallDisk(256);
  if (!disk) {
    process.stderr.write('this user may not mount a small disk: the full one is not played\n');
    return;
  }
  try {
    const coordinator = stage.coordinator();
    const url = await coordinator.url();
    const node = stage.node({ COORDINATOR_ADDR: url, DATA_DIR: join(disk.path, 'node') });
    await node.url();
    const client = createClient({ url, retry: false });
    await eventually(async () => expect((await client.health()).status).toBe('green'));
    await client.put('early', 'bird');
    await client.put('early/large', Buffer.alloc(200_000, 'x'));
    fill(disk.path, 2 * 2 ** 20);
    const refusal = await eventually(
      async () => {
        const many = Array.from({ length: 40 }, (_, index) =>
          client.put(`fill/${index}`, Buffer.alloc(60_000, 'f')),
        );
        const failed = (await Promise.allSettled(many)).find(({ status }) => status === 'rejected');
        if (failed?.status !== 'rejected') throw new Error('there is still room');
        return failed.reason as { status: number; code: string; message: string };
      },
      { timeoutMs: 20_000 },
    );
    expect(refusal).toMatchObject({ status: 507, code: 'disk_full' });
    expect(refusal.message).toContain('node-1');
    await expect(client.put('fill/large', Buffer.alloc(9_000_000))).rejects.toMatchObject({
      status: 507,
    });
    expect((await client.get('early'))?.text()).toBe('bird');
    expect((await client.get('early/large'))?.bytes).toBe(200_000);
    const nodes = (await (await fetch(`${url}/nodes`)).json()) as { nodes: { status: string }[] };
    expect(nodes.nodes).toMatchObject([{ status: 'healthy' }]);
    truncateSync(join(disk.path, 'filler'), 0);
    await eventually(() => client.put('late', 'riser'), { timeoutMs: 10_000 });
    expect((await client.get('late'))?.text()).toBe('riser');
    expect(node.exit()).toBeUndefined();
    await client.close();
    node.signal('SIGTERM');
    expect((await node.exited).code).toBe(0);
  } finally {
    await stage.end();
    disk.unmount();
  }
}, 60_000);
