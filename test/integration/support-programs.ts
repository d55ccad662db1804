/**
 * Programs started as the documentation says: with an environment, nothing else. The helper `startCluster` serves
 * tests of clusters; this one serves tests of how a single process starts, ends and looks from outside.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describeExit, type ExitFacts, listeningUrl } from '../../src/testing/child.ts';
import { inheritedEnvironment } from '../../src/testing/config.ts';
import { eventually } from '../../src/testing/testing.ts';

/** The project's folder. */
export const projectRoot = fileURLToPath(new URL('../../', import.meta.url));
/** Entry files, as the contract names them. */
export const entries = {
  coordinator: join(projectRoot, 'dist/coordinator/main.js'),
  node: join(projectRoot, 'dist/node/main.js'),
  cli: join(projectRoot, 'dist/esm/cli/main.js'),
} as const;

/** A started program with its two outputs apart. */
export interface Program {
  readonly pid: number;
  out(): string;
  err(): string;
  /** How it ended; undefined while it runs. */
  exit(): ExitFacts | undefined;
  readonly exited: Promise<ExitFacts>;
  signal(signal: NodeJS.Signals): void;
  /** The address it printed. Errors: it ended before, with its words. */
  url(): Promise<string>;
}

/** What to start. */
export interface Start {
  /** Default: this process's own Node. */
  readonly file?: string | undefined;
  readonly words: readonly string[];
  /** Over what any process needs to run at all. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string | undefined;
}

/** Everything one test file started; `close` ends it and removes its folders. */
export class Stage {
  readonly #children: ChildProcess[] = [];
  readonly #folders: string[] = [];

  /** A new folder, gone after `close`. */
  folder(parent = tmpdir()): string {
    const path = mkdtempSync(join(parent, 'torua-test-'));
    this.#folders.push(path);
    return path;
  }

  start({ file = process.execPath, words, env, cwd = projectRoot }: Start): Program {
    const child = spawn(file, [...words], {
      cwd,
      env: { ...inheritedEnvironment(), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#children.push(child);
    return programOf(child);
  }

  /** A coordinator on a free port. */
  coordinator(env: Readonly<Record<string, string>> = {}): Program {
    return this.start({
      words: [entries.coordinator],
      env: { COORDINATOR_ADDR: '127.0.0.1:0', DATA_DIR: this.folder(), ...PACE, ...env },
    });
  }

  /** A node on a free port. */
  node(env: Readonly<Record<string, string>>): Program {
    return this.start({
      words: [entries.node],
      env: {
        NODE_ID: 'node-1',
        NODE_LISTEN: '127.0.0.1:0',
        DATA_DIR: this.folder(),
        NODE_MEMORY: '256MiB',
        ...PACE,
        ...env,
      },
    });
  }

  /** Ends what still runs and removes the folders. */
  async close(): Promise<void> {
    await this.end();
    for (const folder of this.#folders.splice(0))
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }

  /** Ends what still runs; the folders stay. */
  async end(): Promise<void> {
    const running = this.#children.filter(
      (child) => child.exitCode === null && child.signalCode === null,
    );
    for (const child of running) child.kill('SIGTERM');
    await Promise.all(running.map((child) => endOf(child)));
    this.#children.length = 0;
  }
}

const PACE = { HEALTH_CHECK_INTERVAL: '500ms', ASSIGNMENT_DELAY: '0ms' } as const;

async function endOf(child: ChildProcess): Promise<void> {
  const ended = new Promise((resolve) => child.once('exit', resolve));
  const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await ended;
  clearTimeout(timer);
}

function programOf(child: ChildProcess): Program {
  let out = '';
  let err = '';
  let facts: ExitFacts | undefined;
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const exited = new Promise<ExitFacts>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      facts = { code, signal };
      resolve(facts);
    });
  });
  exited.catch(() => {});
  const url = (): Promise<string> =>
    eventually(
      () => {
        const found = out.split('\n').map(listeningUrl).find(Boolean);
        if (found !== undefined) return found;
        throw new Error(`not listening (${facts ? describeExit(facts) : 'running'}): ${err}`);
      },
      { timeoutMs: 20_000 },
    );
  return {
    pid: child.pid ?? 0,
    out: () => out,
    err: () => err,
    exit: () => facts,
    exited,
    signal: (signal) => void child.kill(signal),
    url,
  };
}

/** Whether the machine tells about processes under /proc, as Linux does. */
export const hasProc = process.platform === 'linux';

/** A field of /proc/<pid>/status in bytes: `VmHWM`, `VmRSS`. */
export function memoryOf(pid: number, field: 'VmHWM' | 'VmRSS'): number {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kilobytes = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1];
  return Number(kilobytes ?? Number.NaN) * 1024;
}

/** Threads of a process. */
export function threadsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).length;
}

/** A process as /proc shows it. */
export interface SeenProcess {
  readonly pid: number;
  readonly parent: number;
  readonly command: string;
}

/** Processes whose working folder lies in `folder`, or whose environment holds `name=folder`. */
export function processesOf(folder: string, name?: string): SeenProcess[] {
  return readdirSync('/proc').flatMap((entry): SeenProcess[] => {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === process.pid) return [];
    try {
      const inside = name === undefined && readlinkSync(`/proc/${pid}/cwd`).startsWith(folder);
      const marked =
        name !== undefined &&
        readFileSync(`/proc/${pid}/environ`, 'utf8').split('\0').includes(`${name}=${folder}`);
      if (!inside && !marked) return [];
      const status = readFileSync(`/proc/${pid}/status`, 'utf8');
      if (/^State:\s+[ZX]/m.test(status)) return [];
      const parent = Number(/^PPid:\s+(\d+)$/m.exec(status)?.[1]);
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ').trim();
      return [{ pid, parent, command }];
    } catch {
      // It ended while it was looked at, or is somebody else's.
      return [];
    }
  });
}
