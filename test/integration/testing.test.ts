/** The test helper with stub programs: handles, signals, ports, and nothing left behind. */
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { describeExit, listeningUrl } from '../../src/testing/child.ts';
import type { Programs } from '../../src/testing/programs.ts';
import { writeStubPrograms } from '../../src/testing/stub-programs.ts';
import { type Cluster, eventually, startClusterOf } from '../../src/testing/testing.ts';

let folder: string;
let programs: Programs;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'torua-test-'));
  programs = writeStubPrograms(folder);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const alive = (pid: number | undefined): boolean => {
  if (pid === undefined) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

async function withCluster(
  play: (cluster: Cluster) => Promise<void>,
  options: object = {},
): Promise<Cluster> {
  const cluster = await startClusterOf(programs, { nodes: 2, ...options });
  try {
    await play(cluster);
  } finally {
    await cluster.close();
  }
  return cluster;
}

// @req: testing.start
test('a cluster is green when it is given, and neither process nor folder is left after close', async () => {
  let pids: (number | undefined)[] = [];
  const cluster = await withCluster(async ({ client, nodes, dataDir, logs, reset }) => {
    pids = nodes.map((node) => node.pid);
    expect(nodes.map((node) => node.id)).toEqual(['node-1', 'node-2']);
    expect(pids.every(alive)).toBe(true);
    expect(existsSync(dataDir)).toBe(true);
    await client.put('k', 'v');
    expect((await client.get('k'))?.text()).toBe('v');
    await reset();
    await expect(client.get('k')).resolves.toBeUndefined();
    expect(logs('coordinator')).toContain('a line of the log');
    expect(logs()).toContain('--- node-2 ---');
  });
  expect(pids.some(alive)).toBe(false);
  expect(existsSync(cluster.dataDir)).toBe(false);
});

// @req: testing.start
test('a killed process is gone, and comes back with its id and its port', async () => {
  await withCluster(async (cluster) => {
    const before = cluster.nodes[0];
    await expect(cluster.kill('node-1')).resolves.toBeNull();
    expect(alive(before?.pid)).toBe(false);
    expect(cluster.nodes[0]?.pid).toBeUndefined();
    await cluster.restart('node-1');
    expect(cluster.nodes[0]).toMatchObject({ id: 'node-1', url: before?.url });
    expect(cluster.nodes[0]?.pid).not.toBe(before?.pid);
    await cluster.restart('coordinator');
    await expect(cluster.kill('node-2', 'SIGTERM')).resolves.toBe(0);
    expect(() => cluster.suspend('node-2')).toThrow('node-2 does not run');
    await expect(cluster.kill('node-9')).rejects.toThrow('coordinator, node-1, node-2');
  });
});

// @req: testing.start
test('a suspended process hangs until it is resumed', async () => {
  await withCluster(async (cluster) => {
    const url = cluster.nodes[1]?.url ?? '';
    const asked = async () => (await fetch(url, { signal: AbortSignal.timeout(300) })).text();
    cluster.suspend('node-2');
    await expect(asked()).rejects.toThrow();
    cluster.resume('node-2');
    await expect(eventually(asked)).resolves.toBe('node');
  });
});

// @req: testing.start
test('a node can be added, and a folder that was given stays', async () => {
  const dataDir = join(folder, 'kept');
  const cluster = await withCluster(
    async ({ addNode, waitFor, nodes }) => {
      await expect(addNode()).resolves.toMatchObject({ id: 'node-3' });
      await expect(addNode({ id: 'mine' })).resolves.toMatchObject({ id: 'mine' });
      await waitFor({ status: 'green', healthyNodes: 4 });
      expect(nodes).toHaveLength(2);
    },
    { dataDir },
  );
  expect(cluster.nodes).toHaveLength(4);
  expect(existsSync(dataDir)).toBe(true);
});

test('a process that does not come up fails the start with its own words, and leaves nothing', async () => {
  await expect(
    startClusterOf(programs, { nodes: 1, nodeEnv: { STUB_FAILS: '1' } }),
  ).rejects.toThrow(/node-1 ended \(code 1\) before it was ready:\nNODE_LISTEN is wrong/);
});

test('close names a process that did not end by itself, and ends it all the same', async () => {
  const cluster = await startClusterOf(programs, {
    nodes: 1,
    nodeEnv: { STUB_IGNORES_SIGTERM: '1' },
    stopTimeoutMs: 300,
  });
  const pid = cluster.nodes[0]?.pid;
  await expect(cluster.close()).rejects.toThrow('killed: node-1');
  expect(alive(pid)).toBe(false);
  expect(existsSync(cluster.dataDir)).toBe(false);
});

test('processes and folder end with their owner even when it is killed', async () => {
  const owner = `
    import { startClusterOf } from ${JSON.stringify(fileURLToPath(new URL('../../src/testing/testing.ts', import.meta.url)))};
    const cluster = await startClusterOf(${JSON.stringify(programs)}, { nodes: 1 });
    cluster.suspend('node-1');
    console.log(JSON.stringify({ pid: cluster.nodes[0].pid, dataDir: cluster.dataDir }));
  `;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', owner], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const line = await new Promise<string>((resolve) =>
    child.stdout.once('data', (data) => resolve(String(data))),
  );
  const { pid, dataDir } = JSON.parse(line) as { pid: number; dataDir: string };
  expect([alive(pid), existsSync(dataDir)]).toEqual([true, true]);
  child.kill('SIGKILL');
  await eventually(() => expect([alive(pid), existsSync(dataDir)]).toEqual([false, false]));
}, 20_000);

test('eventually gives the first success, and the last failure when there is none', async () => {
  let tries = 0;
  const third = () => {
    tries += 1;
    if (tries < 3) throw new Error('not yet');
    return tries;
  };
  await expect(eventually(third)).resolves.toBe(3);
  const never = () => {
    throw new Error('red');
  };
  await expect(eventually(never, { timeoutMs: 60 })).rejects.toThrow('red (still so after 60 ms)');
});

test('only the one line about the start holds the address', () => {
  const lines = [
    '{"event":"listening","url":"http://127.0.0.1:1"}',
    '{"event":"other","url":"x"}',
    '{broken',
    'text',
  ];
  expect(lines.map(listeningUrl)).toEqual(['http://127.0.0.1:1', undefined, undefined, undefined]);
  expect(describeExit({ code: 75, signal: null })).toBe('code 75');
  expect(describeExit({ code: null, signal: 'SIGKILL' })).toBe('signal SIGKILL');
});
