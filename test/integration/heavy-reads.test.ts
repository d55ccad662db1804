/**
 * Eight endless heavy reads on the reader connections of a running node's shards: writes stay quick, health checks are
 * answered, checkpoints still happen, and the node stops in time. The node is the built program with one module more.
 */
import { existsSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { afterAll, expect, test } from 'vitest';
import { createClient, type ToruaClient } from '../../src/client/client.ts';
import { eventually } from '../../src/testing/testing.ts';
import { entries, type Program, Stage } from './support-programs.ts';

const stage = new Stage();
afterAll(() => stage.close());

const HEALTH_MS = 500;
const WINDOW_MS = 8_000;
const WRITERS = 8;
const P99_MS_MAX = 100;
const COLD = Array.from({ length: 400 }, (_, index) => `cold/${index}`);
/** A heavy read is ended by its time after this; nobody else may wait for that. */
const HEAVY_READ_MS = 4_000;
const module = fileURLToPath(new URL('./support-heavy-reads.mjs', import.meta.url));
/** In memory where that is possible: what a disk under other tests costs is not what is asked here. */
const parent = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

interface Heavy {
  readonly running: number;
  readonly timeouts: number;
  readonly others: string[];
}

/** What the module in the node says after a signal. */
async function heavy(node: Program): Promise<Heavy> {
  const said = () =>
    node
      .err()
      .split('\n')
      .filter((line) => line.startsWith('{"heavy"'));
  const before = said().length;
  node.signal('SIGWINCH');
  const line = await eventually(() => {
    const lines = said();
    expect(lines.length).toBeGreaterThan(before);
    return lines.at(-1) ?? '';
  });
  return (JSON.parse(line) as { heavy: Heavy }).heavy;
}

const sorted = (times: readonly number[]): number[] => [...times].sort((a, b) => a - b);
const at = (times: readonly number[], share: number): number =>
  times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN;

/** Milliseconds of each call, one after another until the time is over. */
async function callFor(
  durationMs: number,
  call: (count: number) => Promise<unknown>,
): Promise<number[]> {
  const endsAt = performance.now() + durationMs;
  const times: number[] = [];
  for (let count = 0; performance.now() < endsAt; count += 1) {
    const startedAt = performance.now();
    await call(count);
    times.push(performance.now() - startedAt);
  }
  return times;
}

/** Milliseconds of each PUT of the writers. */
async function writeFor(client: ToruaClient, durationMs: number): Promise<number[]> {
  const writers = Array.from({ length: WRITERS }, (_, name) =>
    callFor(durationMs, (count) => client.put(`w${name}/${count % 1_000}`, 'v'.repeat(100))),
  );
  return (await Promise.all(writers)).flat();
}

/** A health check with the time that the coordinator gives it; one that fails takes for ever. */
async function check(url: string): Promise<number> {
  const startedAt = performance.now();
  try {
    const answer = await fetch(`${url}/livez`, { signal: AbortSignal.timeout(HEALTH_MS) });
    await answer.arrayBuffer();
    return answer.status === 200 ? performance.now() - startedAt : Number.POSITIVE_INFINITY;
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}

/** What clients and the coordinator saw in one window. Sorted times, milliseconds. */
interface Window {
  readonly puts: readonly number[];
  readonly gets: readonly number[];
  readonly checks: readonly number[];
}

async function windowOf(client: ToruaClient, url: string): Promise<Window> {
  const checks: number[] = [];
  const [puts, gets] = await Promise.all([
    writeFor(client, WINDOW_MS),
    callFor(WINDOW_MS, (count) => client.get(COLD[count % COLD.length] ?? '')),
    callFor(WINDOW_MS, async () => checks.push(await check(url))),
  ]);
  const seen = { puts: sorted(puts), gets: sorted(gets), checks: sorted(checks) };
  for (const [name, times] of Object.entries(seen)) process.stderr.write(told(name, times));
  return seen;
}

const told = (name: string, times: readonly number[]): string =>
  `${name}: ${times.length}, p50 ${at(times, 0.5).toFixed(1)}, p99 ${at(times, 0.99).toFixed(1)}, ` +
  `slowest ${at(times, 1).toFixed(1)} ms\n`;

async function maintained(url: string, kind: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = new RegExp(`^torua_maintenance_seconds_count\\{kind="${kind}"\\} (\\d+)$`, 'm');
  return Number(line.exec(text)?.[1] ?? 0);
}

async function idleApplier(url: string): Promise<void> {
  const text = await (await fetch(`${url}/metrics`)).text();
  expect(text).toMatch(/^torua_apply_backlog_rows 0$/m);
}

function startNode(coordinator: string): Program {
  return stage.start({
    words: ['--import', module, entries.node],
    env: {
      NODE_ID: 'node-1',
      NODE_LISTEN: '127.0.0.1:0',
      NODE_MEMORY: '256MiB',
      COORDINATOR_ADDR: coordinator,
      DATA_DIR: stage.folder(parent),
      HEALTH_CHECK_INTERVAL: `${HEALTH_MS}ms`,
      VALUE_CACHE: 'off',
      HEAVY_READ_MS: String(HEAVY_READ_MS),
      // The module is loaded before the program's entry, which would set it.
      UV_THREADPOOL_SIZE: '32',
    },
  });
}

// @req: node.heavy-reads, limits.livez-first, limits.loop, env.value-cache
test('eight endless heavy reads leave PUT p99 under 100 ms, no health check fails, checkpoints go on', async () => {
  const coordinator = stage.coordinator({ HEALTH_CHECK_INTERVAL: `${HEALTH_MS}ms` });
  const url = await coordinator.url();
  const node = startNode(url);
  const nodeUrl = await node.url();
  const client = createClient({ url });
  await eventually(async () => expect((await client.health()).status).toBe('green'));
  await Promise.all(COLD.map((key) => client.put(key, key)));
  await eventually(() => idleApplier(nodeUrl), { timeoutMs: 10_000 });

  const since = (await client.events()).next;
  expect((await heavy(node)).running).toBe(8);
  const checkpoints = await maintained(nodeUrl, 'checkpoint');
  const { puts, gets, checks } = await windowOf(client, nodeUrl);
  expect(at(puts, 0.99)).toBeLessThan(P99_MS_MAX);
  expect(at(checks, 1)).toBeLessThan(HEALTH_MS);
  // With one core the engine has one thread: a cold key waits for the statement that holds it.
  if (availableParallelism() > 1) expect(at(gets, 1)).toBeLessThan(HEAVY_READ_MS / 4);
  await eventually(
    async () => {
      await writeFor(client, 200);
      expect(await maintained(nodeUrl, 'checkpoint')).toBeGreaterThan(checkpoints);
    },
    { timeoutMs: 3 * HEAVY_READ_MS },
  );
  await eventually(
    async () => {
      const state = await heavy(node);
      expect([state.running, state.timeouts > 0, state.others]).toEqual([8, true, []]);
    },
    { timeoutMs: 3 * HEAVY_READ_MS },
  );
  const events = (await client.events(since)).events.map(({ type }) => type);
  expect(events).not.toContain('node_unhealthy');
  await client.close();

  const toldAt = performance.now();
  node.signal('SIGTERM');
  expect((await node.exited).code).toBe(0);
  expect(performance.now() - toldAt).toBeLessThan(10_000);
}, 90_000);
