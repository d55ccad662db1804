/** `make start` as its user sees it, in a copy of the project: green, used, hurt, healed, stopped, started again. */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createClient } from '../../src/client/client.ts';
import { inheritedEnvironment } from '../../src/testing/config.ts';
import { eventually } from '../../src/testing/testing.ts';
import { hasProc, processesOf, projectRoot } from './support-programs.ts';

const run = promisify(execFile);
const MIB = 2 ** 20;
const NODES = 3;

let folder: string;
let port: number;
let url: string;
let make: ChildProcess | undefined;

/** Packages by links, so that installing is not part of this test; nothing is written through them. */
function linkPackages(): void {
  const target = join(folder, 'node_modules');
  mkdirSync(target);
  for (const name of readdirSync(join(projectRoot, 'node_modules'))) {
    if (name === '.cache' || name === '.vite' || name === '.vitest') continue;
    symlinkSync(join(projectRoot, 'node_modules', name), join(target, name));
  }
  // Older than the packages: make must not think that it has to install.
  utimesSync(join(folder, 'package-lock.json'), 0, 0);
}

/** The first port of a row that is free. */
async function freeRow(length: number): Promise<number> {
  const isFree = (candidate: number): Promise<boolean> =>
    new Promise((resolve) => {
      const server = createServer();
      server.once('error', () => resolve(false));
      server.listen(candidate, '127.0.0.1', () => server.close(() => resolve(true)));
    });
  for (let first = 20_000 + (process.pid % 10_000); first < 60_000; first += length) {
    const row = await Promise.all(Array.from({ length }, (_, index) => isFree(first + index)));
    if (row.every(Boolean)) return first;
  }
  throw new Error('no row of free ports');
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'torua-test-'));
  const copied = ['Makefile', 'Procfile', 'package.json', 'package-lock.json', 'scripts', 'src'];
  copied.push('dist', 'tsconfig.json', 'tsconfig.build.json');
  for (const name of copied)
    cpSync(join(projectRoot, name), join(folder, name), {
      recursive: true,
      preserveTimestamps: true,
    });
  linkPackages();
  port = await freeRow(NODES + 1);
  url = `http://127.0.0.1:${port}`;
});

afterAll(async () => {
  make?.kill('SIGINT');
  if (hasProc) {
    await eventually(() => expect(processesOf(folder)).toEqual([]), { timeoutMs: 15_000 }).catch(
      () => {
        for (const { pid } of processesOf(folder)) process.kill(pid, 'SIGKILL');
      },
    );
  }
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** Runs `make start` until it says that the cluster is green; gives what it printed. */
async function start(): Promise<() => string> {
  const child = spawn('make', ['start'], {
    cwd: folder,
    env: { ...inheritedEnvironment(), TORUA_PORT: String(port), NODES: String(NODES) },
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  make = child;
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
    });
  await eventually(
    () => {
      if (child.exitCode !== null) throw new Error(`make ended with ${child.exitCode}\n${text}`);
      expect(text).toContain(`torua: ${NODES} nodes, green, at ${url}`);
    },
    { timeoutMs: 90_000 },
  );
  return () => text;
}

/** Pid of the coordinator or of the node with this folder. */
function pidOf(member: string): number {
  const found = processesOf(folder).filter(({ pid, command }) => {
    const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0');
    return / dist\/(node|coordinator)\/main\.js$/.test(command) && !command.includes('supervise')
      ? environment.includes(`DATA_DIR=data/${member}`)
      : false;
  });
  if (found.length !== 1) throw new Error(`${found.length} processes are ${member}`);
  return found[0]?.pid ?? 0;
}

/** Memory of all processes; pages that several share count once. */
function memoryOfAll(): number {
  const sizes = processesOf(folder).map(({ pid }) => {
    const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8');
    return Number(/^Pss:\s+(\d+) kB$/m.exec(text)?.[1] ?? Number.NaN) * 1024;
  });
  return sizes.reduce((sum, size) => sum + size, 0);
}

const keys = Array.from({ length: 200 }, (_, index) => `key ${index}`);

async function expectKeys(): Promise<void> {
  const client = createClient({ url });
  const texts = await Promise.all(keys.map(async (key) => (await client.get(key))?.text()));
  expect(texts).toEqual(keys.map((key) => `value of ${key}`));
  await client.close();
}

async function ended(child: ChildProcess): Promise<number | null> {
  await eventually(() => expect(child.exitCode ?? child.signalCode).not.toBeNull(), {
    timeoutMs: 15_000,
  });
  return child.exitCode;
}

// @req: make.start, make.start.prints, make.start.heals, make.start.memory, make.start.loopback, make.stop
// @req: make.start.data, failure.coordinator-killed
test.runIf(hasProc)(
  'make start is green, its curl lines work, it heals within 3 s, make stop leaves nothing but the data',
  async () => {
    const said = await start();
    const lines = said().match(/^ {2}curl .*$/gm) ?? [];
    expect(lines).toHaveLength(3);
    const answers: string[] = [];
    for (const line of lines) answers.push((await run('/bin/sh', ['-c', line])).stdout);
    expect(answers.slice(0, 2)).toEqual(['', 'world']);
    expect(JSON.parse(answers[2] ?? '')).toMatchObject({ status: 'green', healthy_nodes: NODES });

    const client = createClient({ url, retry: false, timeoutMs: 1_000 });
    await Promise.all(keys.map((key) => client.put(key, `value of ${key}`)));
    for (const member of ['node-2', 'coordinator']) {
      const killed = pidOf(member);
      const others = ['coordinator', 'node-1', 'node-2', 'node-3'].filter((one) => one !== member);
      const before = others.map(pidOf);
      const killedAt = performance.now();
      process.kill(killed, 'SIGKILL');
      await eventually(
        async () => {
          expect(pidOf(member)).not.toBe(killed);
          for (const key of keys.slice(0, 20))
            expect((await client.get(key))?.text()).toBe(`value of ${key}`);
        },
        { timeoutMs: 8_000 },
      );
      expect(performance.now() - killedAt).toBeLessThan(3_000);
      expect(others.map(pidOf)).toEqual(before);
    }
    await client.close();
    await expectKeys();

    const bytes = memoryOfAll();
    process.stderr.write(`make start takes ${Math.round(bytes / MIB)} MiB\n`);
    expect(bytes).toBeLessThan(1.5 * 1024 * MIB);
    const listening = ['/proc/net/tcp', '/proc/net/tcp6']
      .filter((file) => existsSync(file))
      .map((file) => readFileSync(file, 'utf8'))
      .join('');
    const ours = Array.from({ length: NODES + 1 }, (_, index) =>
      (port + index).toString(16).toUpperCase().padStart(4, '0'),
    );
    const bound = [...listening.matchAll(/ ([0-9A-F]+):([0-9A-F]{4}) 0+:0000 0A /g)]
      .filter((found) => ours.includes(found[2] ?? ''))
      .map((found) => found[1]);
    expect(bound).toEqual(Array.from({ length: NODES + 1 }, () => '0100007F'));

    const stoppedAt = performance.now();
    const { stdout } = await run('make', ['stop'], { cwd: folder });
    expect(stdout).toContain('torua: stopped');
    expect(performance.now() - stoppedAt).toBeLessThan(11_000);
    if (make) expect(await ended(make)).toBe(0);
    expect(processesOf(folder)).toEqual([]);
    expect(readdirSync(join(folder, 'data')).sort()).toEqual([
      'coordinator',
      'node-1',
      'node-2',
      'node-3',
    ]);
  },
  150_000,
);

// @req: make.start.data, make.stop, failure.node-killed
test.runIf(hasProc)(
  'kill -9 of everything and another make start bring the data back, and Ctrl-C ends it within 10 s',
  async () => {
    await start();
    await expectKeys();
    for (const { pid } of processesOf(folder)) process.kill(pid, 'SIGKILL');
    await eventually(() => expect(processesOf(folder)).toEqual([]));
    await start();
    await expectKeys();
    const stoppedAt = performance.now();
    if (make?.pid) process.kill(-make.pid, 'SIGINT');
    if (make) await ended(make);
    await eventually(() => expect(processesOf(folder)).toEqual([]), { timeoutMs: 12_000 });
    expect(performance.now() - stoppedAt).toBeLessThan(10_000);
  },
  150_000,
);
