/** Values of 16 MiB through coordinator and node: exact bytes, bounded memory, and clients that leave or dawdle. */
import { createHash } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Cluster, eventually, startCluster } from '../../src/testing/testing.ts';
import { simRandom } from '../simulation/sim-random.ts';
import { hasProc, memoryOf, processesOf } from './support-programs.ts';

const MIB = 2 ** 20;
const VALUE_BYTES = 16 * MIB;
const RESIDENT_BYTES_MAX = 400 * MIB;
const CLIENTS = 8;
const CONTENT_TYPE = 'application/x-test';

let cluster: Cluster;
beforeAll(async () => {
  cluster = await startCluster({ nodes: 1, nodeEnv: { MAX_VALUE_BYTES: '16MiB' } });
});
afterAll(() => cluster.close());

/** 16 MiB that differ from client to client and from round to round, and do not compress. */
function bytesOf(client: number, round: number): Buffer {
  const random = simRandom(client * 1_000 + round);
  const piece = Buffer.from(random.hex(64 * 1024), 'hex');
  const value = Buffer.alloc(VALUE_BYTES);
  for (let at = 0; at < VALUE_BYTES; at += piece.length) {
    piece.writeUInt32BE(at, 0);
    piece.copy(value, at);
  }
  return value;
}

/** As the issue defines it: the first 128 bits of the SHA-256 of content-type and bytes, a NUL between them. */
const etagOf = (value: Buffer): string =>
  createHash('sha256').update(`${CONTENT_TYPE}\0`).update(value).digest('hex').slice(0, 32);

/** Most that coordinator and node ever had in memory. */
function mostResident(): Record<string, number> {
  const pids = processesOf(cluster.dataDir)
    .filter(({ command }) => command.includes('main.js'))
    .map(({ pid, command }): [string, number] => [
      command.includes('coordinator/main.js') ? 'coordinator' : 'node',
      memoryOf(pid, 'VmHWM'),
    ]);
  return Object.fromEntries(pids);
}

function expectBounded(): void {
  if (!hasProc) return;
  const resident = mostResident();
  expect(Object.keys(resident).sort()).toEqual(['coordinator', 'node']);
  for (const [name, bytes] of Object.entries(resident))
    expect(`${name} ${bytes < RESIDENT_BYTES_MAX ? 'is bounded' : bytes / MIB}`).toBe(
      `${name} is bounded`,
    );
  const shown = Object.entries(resident).map(([name, bytes]) => `${name} ${bytes / MIB} MiB`);
  process.stderr.write(`most resident: ${shown.join(', ')}\n`);
}

// @req: kv.value.16mib, kv.value.memory, kv.value.streamed, kv.etag.definition, kv.put.content-type
// @req: shard.blob.file
test('8 clients moving 16 MiB values get their exact bytes, and no process takes 400 MiB', async () => {
  const { client } = cluster;
  const one = async (index: number): Promise<void> => {
    for (const round of [1, 2]) {
      const value = bytesOf(index, round);
      const key = `large/${index}`;
      const { etag } = await client.put(key, value, { contentType: CONTENT_TYPE });
      expect(etag).toBe(etagOf(value));
      const streamed = await client.getStream(key);
      expect(streamed).toMatchObject({ etag, contentType: CONTENT_TYPE, bytes: VALUE_BYTES });
      const hash = createHash('sha256');
      for await (const piece of streamed?.stream ?? []) hash.update(piece as Buffer);
      expect(hash.digest('hex')).toBe(createHash('sha256').update(value).digest('hex'));
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, index) => one(index)));
  expectBounded();
}, 60_000);

/** A PUT whose body is sent by hand. */
function beginPut(path: string, lengthBytes: number): ClientRequest {
  const begun = request(`${cluster.url}${path}`, {
    method: 'PUT',
    headers: { 'content-length': lengthBytes, 'content-type': CONTENT_TYPE },
  });
  begun.on('error', () => {}); // it is torn off on purpose
  return begun;
}

const sendPiece = (put: ClientRequest, piece: Buffer): Promise<void> =>
  new Promise((resolve) => void put.write(piece, () => resolve()));

/** Files of values that are still arriving at the node. */
function arriving(): string[] {
  const copies = join(cluster.dataDir, 'node-1', 'copies');
  return readdirSync(copies, { recursive: true, encoding: 'utf8' }).filter((path) =>
    /\/blobs\/incoming\/[^/]+$/.test(path),
  );
}

// @req: trouble.disconnect
test('a client that leaves in the middle of a PUT stores nothing, and the old value stays whole', async () => {
  const { client } = cluster;
  const old = bytesOf(90, 1);
  const { etag } = await client.put('torn', old, { contentType: CONTENT_TYPE });
  for (const key of ['torn', 'torn/new']) {
    const put = beginPut(`/data/${encodeURIComponent(key)}`, VALUE_BYTES);
    await sendPiece(put, Buffer.alloc(5 * MIB, 'n'));
    await eventually(() => expect(arriving()).toHaveLength(1));
    put.destroy();
    await eventually(() => expect(arriving()).toEqual([]));
  }
  expect(await client.head('torn')).toMatchObject({ etag, bytes: VALUE_BYTES });
  expect((await client.get('torn'))?.value.equals(old)).toBe(true);
  expect(await client.get('torn/new')).toBeUndefined();
}, 30_000);

// @req: trouble.slow-client, kv.value.memory
test('readers that take nothing hold no memory, delay nobody, and get the right bytes when they go on', async () => {
  const { client } = cluster;
  const value = bytesOf(91, 1);
  await client.put('slow', value, { contentType: CONTENT_TYPE });
  const answers = await Promise.all(
    Array.from(
      { length: CLIENTS },
      () =>
        new Promise<IncomingMessage>((resolve, reject) => {
          request(`${cluster.url}/data/slow`, resolve).on('error', reject).end();
        }),
    ),
  );
  for (const answer of answers) answer.pause();
  const slowest = await Promise.all(
    Array.from({ length: 100 }, async (_, index) => {
      const startedAt = performance.now();
      await client.put(`beside/${index}`, 'small');
      return performance.now() - startedAt;
    }),
  );
  expect(Math.max(...slowest)).toBeLessThan(2_000);
  expectBounded();
  const [first, ...others] = answers;
  for (const other of others) other.destroy();
  const hash = createHash('sha256').update(`${CONTENT_TYPE}\0`);
  for await (const piece of first ?? []) hash.update(piece as Buffer);
  expect(hash.digest('hex').slice(0, 32)).toBe(etagOf(value));
}, 30_000);
