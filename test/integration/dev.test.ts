/** `torua dev` as a user starts it: one line when it is ready, and nothing left however it ends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { availableParallelism, loadavg, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createClient } from '../../src/client/client.ts';
import { inheritedEnvironment } from '../../src/testing/config.ts';
import { eventually } from '../../src/testing/testing.ts';
import { entries, hasProc, processesOf } from './support-programs.ts';

const READY_MS_MAX = 3_000;
/** Other work may come in between: one start of so many has to be in time. */
const STARTS_MAX = 3;

interface ReadyLine {
  readonly url: string;
  readonly nodes: readonly { readonly id: string; readonly url: string; readonly pid: number }[];
  readonly data_dir: string;
}

/** The promise is one for a machine with nothing else to do; where so many queue for each core it takes so much longer. */
const readyMsMax = (): number =>
  READY_MS_MAX * Math.max(1, (loadavg()[0] ?? 0) / availableParallelism());

let folder: string;
/** Temporary folder of everything that is started; also the mark by which it is found. */
let temporary: string;
let started: ChildProcess | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'torua-test-'));
  temporary = join(folder, 'temporary');
  mkdirSync(temporary);
});

afterEach(async () => {
  started?.kill('SIGKILL');
  if (hasProc)
    await eventually(() => expect(processesOf(temporary, 'TMPDIR')).toEqual([]), {
      timeoutMs: 15_000,
    });
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** Starts a program with the mark; `line` waits for its first line of stdout. */
function start(words: readonly string[]): {
  child: ChildProcess;
  line: Promise<string>;
  out(): string;
} {
  const child = spawn(process.execPath, [...words], {
    env: { ...inheritedEnvironment(), TMPDIR: temporary },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  started = child;
  let out = '';
  child.stdout.setEncoding('utf8');
  const line = new Promise<string>((resolve, reject) => {
    child.stdout.on('data', (text: string) => {
      out += text;
      if (out.includes('\n')) resolve(out);
    });
    child.once('close', (code) => reject(new Error(`ended with ${code} before its line`)));
  });
  return { child, line, out: () => out };
}

async function ended(child: ChildProcess): Promise<number | null> {
  await eventually(() => expect(child.exitCode ?? child.signalCode).not.toBeNull(), {
    timeoutMs: 15_000,
  });
  return child.exitCode;
}

const expectNothingLeft = (): Promise<void> =>
  eventually(
    () => {
      if (hasProc) expect(processesOf(temporary, 'TMPDIR')).toEqual([]);
      expect(readdirSync(temporary)).toEqual([]);
    },
    { timeoutMs: 15_000 },
  );

// @req: dev.start, dev.line
test('a cluster of three nodes on this machine alone is ready within 3 s, and one line tells where', async () => {
  const times: number[] = [];
  do {
    const startedAt = performance.now();
    const { child, line, out } = start([entries.cli, 'dev']);
    const ready = JSON.parse(await line) as ReadyLine;
    times.push(Math.round(performance.now() - startedAt));
    expect(Object.keys(ready)).toEqual(['url', 'nodes', 'data_dir']);
    expect(ready.nodes.map((node) => Object.keys(node))).toEqual(
      [1, 2, 3].map(() => ['id', 'url', 'pid']),
    );
    const urls = [ready.url, ...ready.nodes.map(({ url }) => url)];
    expect(new Set(urls).size).toBe(4);
    for (const url of urls) expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(dirname(ready.data_dir)).toBe(temporary);
    const client = createClient({ url: ready.url });
    expect(await client.health()).toMatchObject({ status: 'green', healthyNodes: 3 });
    await client.put('hello', 'world');
    expect((await client.get('hello'))?.text()).toBe('world');
    await client.close();
    child.kill('SIGTERM');
    expect(await ended(child)).toBe(0);
    expect(out().split('\n')).toHaveLength(2);
  } while (Math.min(...times) >= readyMsMax() && times.length < STARTS_MAX);
  expect(Math.min(...times), `ready after ${times.join(', ')} ms`).toBeLessThan(readyMsMax());
}, 120_000);

// @req: dev.ends
test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s ends every process and removes the folder',
  async (signal) => {
    const { child, line } = start([entries.cli, 'dev', '--nodes', '1']);
    const { nodes, data_dir } = JSON.parse(await line) as ReadyLine;
    expect(readdirSync(data_dir)).toContain('node-1');
    expect(nodes).toHaveLength(1);
    child.kill(signal);
    expect(await ended(child)).toBe(0);
    await expectNothingLeft();
  },
  60_000,
);

// @req: dev.ends
test('when whoever started it is killed every process ends and the folder goes', async () => {
  const words = JSON.stringify([entries.cli, 'dev', '--nodes', '1']);
  const program = `require('child_process').spawn(process.execPath, ${words}, { stdio: 'inherit' })`;
  const { child, line } = start(['-e', program]);
  const { data_dir } = JSON.parse(await line) as ReadyLine;
  expect(readdirSync(data_dir)).toContain('node-1');
  child.kill('SIGKILL');
  await expectNothingLeft();
}, 60_000);
