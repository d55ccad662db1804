/** Operations a node answered, per shard, as a rate over the last seconds. */
import type { Clock } from '../kernel/clock.ts';
import type { KeyOperation } from '../protocol/key-operation.ts';

/** Seconds the rate looks back. */
const WINDOW_SECONDS = 5;

/** See the module. */
export class LoadMeter {
  readonly #clock: Clock;
  readonly #counts = new Map<string, { second: number; counts: number[] }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  record(operation: Pick<KeyOperation, 'shardUid'>): void {
    const second = Math.floor(this.#clock.monotonicMs() / 1_000);
    let entry = this.#counts.get(operation.shardUid);
    if (!entry) {
      entry = { second, counts: new Array(WINDOW_SECONDS).fill(0) };
      this.#counts.set(operation.shardUid, entry);
    }
    advance(entry, second);
    entry.counts[second % WINDOW_SECONDS] = (entry.counts[second % WINDOW_SECONDS] ?? 0) + 1;
  }

  /** Requests per second of the node and of each shard that had any. */
  summary(): {
    requestsPerSecond: number;
    shards: { shardUid: string; requestsPerSecond: number }[];
  } {
    const second = Math.floor(this.#clock.monotonicMs() / 1_000);
    const shards = [...this.#counts].flatMap(([shardUid, entry]) => {
      advance(entry, second);
      const count = entry.counts.reduce((sum, one) => sum + one, 0);
      if (count > 0) return [{ shardUid, requestsPerSecond: count / WINDOW_SECONDS }];
      // Shards come and go with their identities; what is silent is not remembered.
      this.#counts.delete(shardUid);
      return [];
    });
    return {
      requestsPerSecond: shards.reduce((sum, shard) => sum + shard.requestsPerSecond, 0),
      shards,
    };
  }
}

function advance(entry: { second: number; counts: number[] }, second: number): void {
  const gone = Math.min(second - entry.second, WINDOW_SECONDS);
  for (let step = 1; step <= gone; step += 1)
    entry.counts[(entry.second + step) % WINDOW_SECONDS] = 0;
  entry.second = Math.max(entry.second, second);
}
