/** What every benchmark needs: a real cluster as a user would start it, a load process, CPU time from /proc. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { LoadPlan, LoadResult } from './load-driver.ts';

/** A running process and where it listens. */
export interface Process {
  readonly child: ChildProcess;
  readonly pid: number;
  readonly url: string;
}

/** A coordinator and its nodes. */
export interface BenchCluster {
  readonly coordinator: Process;
  readonly nodes: readonly Process[];
  readonly directory: string;
  /** Kills and starts a node again on the same directory and port. */
  restartNode(
    place: number,
    signal: NodeJS.Signals,
    environment?: Record<string, string>,
  ): Promise<Process>;
  stop(): Promise<void>;
}

const ROOT = new URL('..', import.meta.url).pathname;

/** Starts a process as the contract says and waits for its `listening` line. */
export async function startProcess(
  entry: 'coordinator' | 'node',
  environment: Record<string, string>,
): Promise<Process> {
  const child = spawn(process.execPath, [join(ROOT, 'dist', entry, 'main.js')], {
    env: { PATH: process.env.PATH ?? '', LOG_LEVEL: 'warn', ...environment },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const url = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`${entry} ended with ${code}`)));
    child.stdout?.once('data', (data: Buffer) =>
      resolve((JSON.parse(data.toString().split('\n')[0] ?? '') as { url: string }).url),
    );
  });
  return { child, pid: child.pid ?? 0, url };
}

/** One coordinator, `nodes` nodes, `shards` shards on free ports; green when it returns. */
export async function startCluster(options: {
  nodes: number;
  shards: number;
  node?: Record<string, string>;
}): Promise<BenchCluster> {
  const directory = mkdtempSync(join(tmpdir(), 'torua-bench-'));
  const coordinator = await startProcess('coordinator', {
    COORDINATOR_ADDR: '127.0.0.1:0',
    DATA_DIR: join(directory, 'coordinator'),
    NUM_SHARDS: String(options.shards),
    MIN_NODES: String(options.nodes),
    ASSIGNMENT_DELAY: '0ms',
  });
  const environmentOf = (place: number, port: string): Record<string, string> => ({
    NODE_ID: `n${place + 1}`,
    NODE_LISTEN: `127.0.0.1:${port}`,
    COORDINATOR_ADDR: coordinator.url,
    DATA_DIR: join(directory, `n${place + 1}`),
    NODE_MEMORY: '512MiB',
    ...options.node,
  });
  const nodes = await Promise.all(
    Array.from({ length: options.nodes }, (_, place) =>
      startProcess('node', environmentOf(place, '0')),
    ),
  );
  await untilGreen(coordinator.url);
  return {
    coordinator,
    nodes,
    directory,
    restartNode: async (place, signal, environment = {}) => {
      const old = nodes[place];
      if (!old) throw new Error(`there is no node ${place}`);
      await end(old, signal);
      const fresh = await startProcess('node', {
        ...environmentOf(place, new URL(old.url).port),
        ...environment,
      });
      nodes[place] = fresh;
      return fresh;
    },
    stop: async () => {
      await Promise.all([...nodes, coordinator].map((process) => end(process, 'SIGTERM')));
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** Sends a signal and waits for the end. */
export function end(process: Process, signal: NodeJS.Signals): Promise<void> {
  return new Promise((resolve) => {
    if (process.child.exitCode !== null || process.child.signalCode !== null) resolve();
    process.child.once('exit', () => resolve());
    process.child.kill(signal);
  });
}

/** Waits until the cluster is green; returns the milliseconds it took. */
export async function untilGreen(url: string): Promise<number> {
  const started = performance.now();
  const answer = await fetch(`${url}/cluster/health?wait_for_status=green&timeout=300s`);
  if (answer.status !== 200) throw new Error(`not green: ${await answer.text()}`);
  return performance.now() - started;
}

/** Runs the load in a process of its own. */
export async function load(plan: LoadPlan): Promise<LoadResult> {
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', join(ROOT, 'bench', 'load-driver.ts'), JSON.stringify(plan)],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let output = '';
  child.stdout.on('data', (data: Buffer) => {
    output += data.toString();
  });
  await new Promise((resolve) => child.once('close', resolve));
  return JSON.parse(output) as LoadResult;
}

/** CPU seconds (user and system, all threads) that the processes have used so far. */
export function cpuSeconds(processes: readonly Process[]): number {
  return processes.reduce((sum, { pid }) => {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    return sum + (Number(fields[11]) + Number(fields[12])) / 100;
  }, 0);
}

/** Resident memory in MiB, now and at its highest. */
export function memoryMiB({ pid }: Process): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const of = (name: string): number =>
    Math.round(Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1_024);
  return { now: of('VmRSS'), peak: of('VmHWM') };
}

/** One metric's value, summed over its labels. */
export async function metric(url: string, name: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  return text
    .split('\n')
    .filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

/** Waits until no node has a change that its databases do not hold. */
export async function untilApplied(nodes: readonly Process[]): Promise<void> {
  for (;;) {
    const backlogs = await Promise.all(
      nodes.map((node) => metric(node.url, 'torua_apply_backlog_rows')),
    );
    if (backlogs.every((rows) => rows === 0)) return;
    await delay(50);
  }
}

/** Runs a load and says what a request cost: CPU of coordinator and nodes, applying included. */
export async function measured(
  cluster: BenchCluster,
  plan: LoadPlan,
): Promise<LoadResult & { cpuMicros: number; coordinatorMicros: number; nodeMicros: number }> {
  const before = {
    coordinator: cpuSeconds([cluster.coordinator]),
    nodes: cpuSeconds(cluster.nodes),
  };
  const result = await load(plan);
  await untilApplied(cluster.nodes);
  const perRequest = (seconds: number): number => (seconds * 1e6) / result.requests;
  const coordinatorMicros = perRequest(cpuSeconds([cluster.coordinator]) - before.coordinator);
  const nodeMicros = perRequest(cpuSeconds(cluster.nodes) - before.nodes);
  return { ...result, cpuMicros: coordinatorMicros + nodeMicros, coordinatorMicros, nodeMicros };
}
