/** One spawned process: its pid, what it wrote, how it ended. Signals go to the kept handle, never to a name. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';

/** Output kept per process, in characters; the oldest is dropped first. */
const OUTPUT_CHARACTERS_MAX = 1_000_000;

/** How a process ended: by itself with a code, or by a signal. */
export interface ExitFacts {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** What to start. */
export interface Launch {
  readonly name: string;
  readonly file: string;
  readonly arguments: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly workingDirectory: string;
}

/** A started process. */
export interface Child {
  readonly name: string;
  readonly pid: number;
  /** Resolves when it has ended and all its output was read; never rejects. */
  readonly exited: Promise<ExitFacts>;
  /** How it ended; undefined while it runs. */
  exit(): ExitFacts | undefined;
  /** stdout and stderr in the order of arrival, the newest part. */
  output(): string;
  /** The first line on stdout for which `wanted` gives something. Rejects when the process ends before. */
  line<T>(wanted: (line: string) => T | undefined): Promise<T>;
  signal(signal: NodeJS.Signals): void;
}

/**
 * Starts a process in a group of its own, so that Ctrl-C in a terminal reaches its owner and not itself as well.
 * Errors: throws when it cannot be started at all.
 */
export async function startChild(launch: Launch): Promise<Child> {
  const process = spawn(launch.file, [...launch.arguments], {
    cwd: launch.workingDirectory,
    env: launch.environment,
    stdio: ['ignore', 'pipe', 'pipe'],
    detached: true,
  });
  await new Promise<void>((resolve, reject) => {
    process.once('spawn', resolve);
    process.once('error', reject);
  });
  return new SpawnedChild(launch.name, process);
}

class SpawnedChild implements Child {
  readonly name: string;
  readonly pid: number;
  readonly exited: Promise<ExitFacts>;
  readonly #process: ChildProcess;
  readonly #lines: string[] = [];
  readonly #listeners = new Set<() => void>();
  #output = '';
  #unfinishedLine = '';
  #exit: ExitFacts | undefined;

  constructor(name: string, process: ChildProcess) {
    this.name = name;
    this.pid = process.pid ?? 0;
    this.#process = process;
    this.#keep(process.stdout, (text) => this.#cutLines(text));
    this.#keep(process.stderr, () => {});
    this.exited = new Promise((resolve) => {
      process.once('close', (code, signal) => {
        this.#exit = { code, signal };
        resolve(this.#exit);
        this.#wake();
      });
    });
  }

  exit(): ExitFacts | undefined {
    return this.#exit;
  }

  output(): string {
    return this.#output;
  }

  line<T>(wanted: (line: string) => T | undefined): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        for (const line of this.#lines) {
          const found = wanted(line);
          if (found === undefined) continue;
          this.#listeners.delete(look);
          resolve(found);
          return;
        }
        if (!this.#exit) return;
        this.#listeners.delete(look);
        reject(
          new Error(
            `${this.name} ended (${describeExit(this.#exit)}) before it was ready:\n${this.#output.slice(-4_000)}`,
          ),
        );
      };
      this.#listeners.add(look);
      look();
    });
  }

  signal(signal: NodeJS.Signals): void {
    if (!this.#exit) this.#process.kill(signal);
  }

  #keep(stream: Readable | null, also: (text: string) => void): void {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      this.#output = (this.#output + text).slice(-OUTPUT_CHARACTERS_MAX);
      also(text);
    });
  }

  /** Only the first lines are kept: a process says what its owner waits for at its start. */
  #cutLines(text: string): void {
    if (this.#lines.length >= 100) return;
    const parts = (this.#unfinishedLine + text).split('\n');
    this.#unfinishedLine = parts.pop() ?? '';
    this.#lines.push(...parts);
    this.#wake();
  }

  #wake(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}

/** `code 1`, `signal SIGKILL`. */
export function describeExit(exit: ExitFacts): string {
  return exit.signal === null ? `code ${exit.code}` : `signal ${exit.signal}`;
}

/** The address in a process's one line about its start; undefined for other lines. Source: REST contract, section 8. */
export function listeningUrl(line: string): string | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const fields = JSON.parse(line) as { event?: unknown; url?: unknown };
    return fields.event === 'listening' && typeof fields.url === 'string' ? fields.url : undefined;
  } catch {
    // Something else on stdout that starts like JSON is not ours to understand.
    return undefined;
  }
}
