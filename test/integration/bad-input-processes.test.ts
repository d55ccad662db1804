/** Processes that cannot start, or must not take another one's place: one clear line, and nobody loses anything. */
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Child, listeningUrl, startChild } from '../../src/testing/child.ts';
import { inheritedEnvironment } from '../../src/testing/config.ts';
import { builtPrograms } from '../../src/testing/programs.ts';
import { type Cluster, eventually, startCluster } from '../../src/testing/testing.ts';
import { ask } from './raw-request.ts';

/** What a process exits with when starting it again would not help. */
const EXIT_CONFIG = 78;

let folder: string;
const running: Child[] = [];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'torua-bad-'));
});

afterEach(async () => {
  for (const child of running.splice(0)) {
    child.signal('SIGKILL');
    await child.exited;
  }
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

type Role = 'coordinator' | 'node';

async function start(role: Role, settings: Readonly<Record<string, string>>): Promise<Child> {
  const own =
    role === 'coordinator'
      ? { COORDINATOR_ADDR: '127.0.0.1:0', DATA_DIR: join(folder, 'coordinator') }
      : {
          NODE_ID: 'n1',
          NODE_LISTEN: '127.0.0.1:0',
          NODE_MEMORY: '256MiB',
          COORDINATOR_ADDR: 'http://127.0.0.1:9',
          DATA_DIR: join(folder, 'n1'),
        };
  const child = await startChild({
    name: role,
    file: process.execPath,
    arguments: [builtPrograms()[role]],
    environment: { ...inheritedEnvironment(), ...own, ...settings },
    workingDirectory: folder,
  });
  running.push(child);
  return child;
}

/** The one line a process that cannot start leaves. */
async function lastWords(role: Role, settings: Readonly<Record<string, string>>): Promise<string> {
  const child = await start(role, settings);
  const exit = await child.exited;
  expect({ ...exit, output: child.output() }).toMatchObject({ code: EXIT_CONFIG });
  const lines = child.output().trimEnd().split('\n');
  expect(lines).toHaveLength(1);
  return lines[0] ?? '';
}

describe('a setting that cannot be used stops the process with one line that names it', () => {
  // @req: env.bad-value, env.unknown-name, env.replication-refused, env.node-id, env.coordinator-addr.node
  test.each<[Role, Record<string, string>, RegExp]>([
    ['coordinator', { NUM_SHARDS: 'four' }, /NUM_SHARDS is "four": must be a whole number from 1/],
    ['coordinator', { REPLICATION_FACTOR: '2' }, /REPLICATION_FACTOR is "2".*not built yet/],
    ['coordinator', { DEAD_AFTER: '500ms', HEALTH_CHECK_INTERVAL: '2s' }, /DEAD_AFTER/],
    [
      'coordinator',
      { METADATA_URL: 'etcd://h:1' },
      /METADATA_URL is "etcd:\/\/h:1": must be file:/,
    ],
    ['coordinator', { TORUA_VERSOIN: '1' }, /TORUA_VERSOIN.*did you mean TORUA_VERSION/],
    [
      'coordinator',
      { COORDINATOR_ADDR: '127.0.0.1:99999' },
      /COORDINATOR_ADDR is "127.0.0.1:99999"/,
    ],
    ['node', { NODE_ID: '' }, /NODE_ID is not set: it is required/],
    ['node', { COORDINATOR_ADDR: '' }, /COORDINATOR_ADDR is not set: it is required/],
    [
      'node',
      { COORDINATOR_ADDR: 'http://a:1,not one' },
      /COORDINATOR_ADDR is .*each must be a URL/,
    ],
    ['node', { NODE_ADDR: 'ftp://h' }, /NODE_ADDR is "ftp:\/\/h": must be a URL/],
    ['node', { NODE_ID: '../n1' }, /NODE_ID is "..\/n1": must be visible ASCII/],
    ['node', { NODE_MEMORY: '1KiB' }, /NODE_MEMORY is "1KiB": must be a size/],
    ['node', { VALUE_CACHE: 'on' }, /VALUE_CACHE is "on"/],
    ['node', { TORUA_ID: 'n1' }, /TORUA_ID is not a setting of Torua/],
  ])('%s %j', async (role, settings, words) => {
    expect(await lastWords(role, settings)).toMatch(words);
  });

  // @req: env.taken-port
  test('a taken port names the address', async () => {
    const server = await occupied();
    try {
      const { port } = server.address() as AddressInfo;
      const address = `127.0.0.1:${port}`;
      const words = /another process listens there/;
      const coordinator = await lastWords('coordinator', { COORDINATOR_ADDR: address });
      expect(coordinator).toContain(address);
      expect(coordinator).toMatch(words);
      expect(await lastWords('node', { NODE_LISTEN: address })).toContain(address);
    } finally {
      server.close();
    }
  });

  // @req: env.tool-names
  test('the names of tools are accepted and ignored', async () => {
    const tools = { TORUA_URL: 'x', TORUA_TOKEN: 'x', TORUA_HARNESS: 'x', TORUA_SEED: 'x' };
    const child = await start('coordinator', { ...tools, TORUA_PORT: 'x', TORUA_DATA_SETS: 'x' });
    expect(await child.line(listeningUrl)).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  });
});

describe('a data directory that is not this process’s own', () => {
  // @req: data.lock
  // @req: trouble.shared-directory
  test('is refused while another process uses it', async () => {
    const directory = join(folder, 'shared');
    const first = await start('coordinator', { DATA_DIR: directory });
    await first.line(listeningUrl);
    expect(await lastWords('coordinator', { DATA_DIR: directory })).toMatch(/use|lock/i);
    expect(first.exit()).toBeUndefined();
  });

  // @req: data.newer
  test('is refused when a newer version wrote it', async () => {
    const directory = join(folder, 'newer');
    const first = await start('coordinator', { DATA_DIR: directory });
    await first.line(listeningUrl);
    first.signal('SIGTERM');
    await first.exited;
    const format = JSON.parse(readFileSync(join(directory, 'FORMAT'), 'utf8'));
    writeFileSync(join(directory, 'FORMAT'), JSON.stringify({ ...format, format: 2 }));
    const words = await lastWords('coordinator', { DATA_DIR: directory });
    expect(words).toContain(directory);
    expect(words).toContain('format 2');
  });

  test.each<[string, (directory: string) => void, RegExp]>([
    ['belongs to a node', kindOf('node'), /belongs to a node/],
    ['holds something else', (path) => writeFileSync(join(path, 'x'), ''), /holds x but no FORMAT/],
    ['has a FORMAT that is none', (path) => writeFileSync(join(path, 'FORMAT'), '{'), /FORMAT/],
  ])('is refused when it %s', async (_why, spoil, words) => {
    const directory = mkdtempSync(join(folder, 'foreign-'));
    spoil(directory);
    expect(await lastWords('coordinator', { DATA_DIR: directory })).toMatch(words);
  });
});

describe('nodes that want to be somebody else', () => {
  let cluster: Cluster;

  beforeAll(async () => {
    cluster = await startCluster({ nodes: 2 });
    await cluster.client.put('key0', 'kept');
    await cluster.client.put('key1', 'kept');
  });

  afterAll(() => cluster?.close());

  const nodeList = async () => (await ask(cluster.url, { path: '/nodes' })).json.nodes;
  const unchanged = async (): Promise<void> => {
    for (const key of ['key0', 'key1']) {
      expect((await cluster.client.get(key))?.text()).toBe('kept');
    }
  };

  // @req: coord.register.in-use
  test('two data directories under one id: the second is told why and changes nothing', async () => {
    const before = await nodeList();
    const impostor = await start('node', {
      NODE_ID: 'node-1',
      COORDINATOR_ADDR: cluster.url,
      DATA_DIR: join(folder, 'impostor'),
    });
    const url = await impostor.line(listeningUrl);
    await eventually(async () => {
      const answer = await ask(url, { path: '/readyz' });
      expect(answer.status).toBe(503);
      expect(answer.json.detail).toContain('Another data directory is known as node node-1');
    });
    expect(await nodeList()).toEqual((before as object[]).map(anyCheckTime));
    await unchanged();
    expect(impostor.exit()).toBeUndefined();
  });

  // @req: data.foreign-cluster, trouble.foreign-directory
  test('the data directory of another cluster is refused, and stays as it is', async () => {
    const other = await startCluster({ nodes: 1 });
    await other.client.put('theirs', 'v');
    await other.close({ keepData: true });
    try {
      const stranger = await start('node', {
        NODE_ID: 'node-7',
        COORDINATOR_ADDR: cluster.url,
        DATA_DIR: join(other.dataDir, 'node-1'),
      });
      const url = await stranger.line(listeningUrl);
      await eventually(async () => {
        const answer = await ask(url, { path: '/readyz' });
        expect(answer.json.detail).toMatch(/holds data of cluster \w+; this is cluster/);
      });
      expect(JSON.stringify(await nodeList())).not.toContain('node-7');
      await unchanged();
    } finally {
      rmSync(other.dataDir, { recursive: true, force: true });
    }
  });

  test('a copy of a directory under another id does not take the shards of the original', async () => {
    const copied = join(folder, 'copied');
    cpSync(join(cluster.dataDir, 'node-1'), copied, { recursive: true });
    rmSync(join(copied, 'LOCK'));
    const twin = await start('node', {
      NODE_ID: 'node-8',
      COORDINATOR_ADDR: cluster.url,
      DATA_DIR: copied,
    });
    await twin.line(listeningUrl);
    await eventually(async () => expect(JSON.stringify(await nodeList())).toContain('node-8'));
    await unchanged();
  });

  // @req: http.protocol.too-old
  test('a process of an older protocol is told to upgrade', async () => {
    const node = { id: 'old', addr: 'http://127.0.0.1:9', protocol_version: 0 };
    const body = JSON.stringify({ node });
    expect(await ask(cluster.url, { method: 'POST', path: '/register', body })).toMatchObject({
      status: 426,
      json: { code: 'protocol_too_old' },
    });
  });
});

function kindOf(kind: string): (directory: string) => void {
  const format = { format: 1, kind, directory_id: '0123456789abcdef' };
  return (directory) => writeFileSync(join(directory, 'FORMAT'), JSON.stringify(format));
}

async function occupied(): Promise<Server> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return server;
}

const anyCheckTime = (node: object): object => ({
  ...node,
  last_health_check: expect.any(String),
});
