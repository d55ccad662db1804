/** Stop-watches for the checkpoint measurements: wall and CPU time of this process, and latencies. */
import { randomBytes, randomInt } from 'node:crypto';
import type { StoreChange } from '../../src/shard/store.ts';

/** What a piece of work took. */
export interface Cost {
  readonly wallMs: number;
  readonly cpuMs: number;
}

/** Runs the work and says what it took, the engine's threads included. */
export async function costOf(work: () => Promise<unknown>): Promise<Cost> {
  const cpuAtFirst = process.cpuUsage();
  const startedMs = performance.now();
  await work();
  const cpu = process.cpuUsage(cpuAtFirst);
  return { wallMs: performance.now() - startedMs, cpuMs: (cpu.user + cpu.system) / 1_000 };
}

/** Sums of costs, in tenths of milliseconds. */
export function sumOf(costs: readonly Cost[]): Cost {
  return costs.reduce(
    (sum, cost) => ({ wallMs: sum.wallMs + cost.wallMs, cpuMs: sum.cpuMs + cost.cpuMs }),
    { wallMs: 0, cpuMs: 0 },
  );
}

/** The value below which the share of latencies lies, milliseconds. */
export function quantile(latencies: readonly number[], share: number): number {
  const sorted = [...latencies].sort((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

/** p50, p99 and the slowest, in hundredths of a millisecond. */
export function spread(latencies: readonly number[]): {
  count: number;
  p50: number;
  p99: number;
  max: number;
} {
  const at = (share: number) => rounded(quantile(latencies, share), 100);
  return { count: latencies.length, p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** Fewer digits for a table. */
export const rounded = (value: number, steps = 10): number => Math.round(value * steps) / steps;

/** The key with this number. */
export const keyAt = (number: number): string => `key:${String(number).padStart(10, '0')}`;

/** Puts of fresh 100-byte values under keys drawn at random without repetition. */
export function randomPuts(rows: number, keys: number): StoreChange[] {
  const numbers = new Set<number>();
  while (numbers.size < rows) numbers.add(randomInt(keys));
  return [...numbers].map(putAt);
}

/** Puts of all keys from `from`, `count` of them. */
export function orderedPuts(from: number, count: number): StoreChange[] {
  return Array.from({ length: count }, (_, index) => putAt(from + index));
}

function putAt(number: number): StoreChange {
  const stored = {
    contentType: 'application/octet-stream',
    etag: randomBytes(16).toString('hex'),
    bytes: 100,
    expiresAtMs: 0,
    value: randomBytes(100),
  };
  return { kind: 'put', key: keyAt(number), stored };
}

/** Reads random keys one after another until told to stop; their latencies in milliseconds. */
export function readLoop(
  read: (key: string) => Promise<unknown>,
  keys: number,
): { stop(): Promise<number[]> } {
  let isOver = false;
  const latencies: number[] = [];
  const loop = (async () => {
    while (!isOver) {
      const startedMs = performance.now();
      await read(keyAt(randomInt(keys)));
      latencies.push(performance.now() - startedMs);
    }
    return latencies;
  })();
  return {
    stop: () => {
      isOver = true;
      return loop;
    },
  };
}
