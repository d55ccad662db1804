/** Counting values into buckets without allocating: the arithmetic behind the histograms. Pure of time and input. */
import { LATENCY_BOUNDS_SECONDS } from './metric-table.ts';

/** Counts per bucket, their sum and number. */
export interface Buckets {
  observe(value: number): void;
  sum(): number;
  count(): number;
  /** Prometheus form: values up to and including each bound, the last bound is `+Inf`. */
  cumulative(): { le: number | string; count: number }[];
}

/** Buckets with ascending upper bounds, and one more for what is above the last. */
export function createBuckets(bounds: readonly number[]): Buckets {
  const counts = new Float64Array(bounds.length + 1);
  let sum = 0;
  let count = 0;
  return {
    observe: (value) => {
      const place = bucketOf(bounds, value);
      counts[place] = (counts[place] ?? 0) + 1;
      sum += value;
      count += 1;
    },
    sum: () => sum,
    count: () => count,
    cumulative: () => {
      let seen = 0;
      return [...bounds, '+Inf'].map((le, place) => {
        seen += counts[place] ?? 0;
        return { le, count: seen };
      });
    },
  };
}

/** Place of the first bound that is not below the value; `bounds.length` when all are. */
export function bucketOf(bounds: readonly number[], value: number): number {
  let low = 0;
  let high = bounds.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (value <= (bounds[middle] as number)) high = middle;
    else low = middle + 1;
  }
  return low;
}

const SLOTS = 10;
const SLOT_MS = 1_000;
const WIDTH = LATENCY_BOUNDS_SECONDS.length + 1;

/** Latencies of the last ten seconds, one slot a second. */
export interface RecentLatencies {
  record(durationMs: number, nowMs: number): void;
  figures(nowMs: number): { qps: number; latencyMsP99: number };
}

/** A ring of one-second slots; a slot is emptied when its second comes round again. */
export function createRecentLatencies(): RecentLatencies {
  const counts = new Float64Array(SLOTS * WIDTH);
  const seconds = new Float64Array(SLOTS).fill(-1);
  const startOf = (second: number): number => {
    const slot = second % SLOTS;
    if (seconds[slot] !== second) {
      seconds[slot] = second;
      counts.fill(0, slot * WIDTH, (slot + 1) * WIDTH);
    }
    return slot * WIDTH;
  };
  return {
    record: (durationMs, nowMs) => {
      const place =
        startOf(Math.floor(nowMs / SLOT_MS)) + bucketOf(LATENCY_BOUNDS_SECONDS, durationMs / 1_000);
      counts[place] = (counts[place] ?? 0) + 1;
    },
    figures: (nowMs) => {
      const second = Math.floor(nowMs / SLOT_MS);
      const sums = new Float64Array(WIDTH);
      for (let slot = 0; slot < SLOTS; slot += 1) {
        if ((seconds[slot] ?? -1) <= second - SLOTS || (seconds[slot] ?? -1) > second) continue;
        for (let place = 0; place < WIDTH; place += 1) {
          sums[place] = (sums[place] ?? 0) + (counts[slot * WIDTH + place] ?? 0);
        }
      }
      const total = sums.reduce((sum, count) => sum + count, 0);
      return { qps: total / SLOTS, latencyMsP99: total === 0 ? 0 : quantileMs(sums, total * 0.99) };
    },
  };
}

/** Upper bound of the bucket in which the `rank`th value lies, in milliseconds. */
function quantileMs(counts: Float64Array, rank: number): number {
  let seen = 0;
  for (let place = 0; place < LATENCY_BOUNDS_SECONDS.length; place += 1) {
    seen += counts[place] ?? 0;
    if (seen >= rank) return (LATENCY_BOUNDS_SECONDS[place] as number) * 1_000;
  }
  return (LATENCY_BOUNDS_SECONDS.at(-1) as number) * 1_000;
}
