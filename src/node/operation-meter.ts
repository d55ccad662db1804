/** Counts answered operations by verb and status; the handles are looked up once per pair. */
import type { CounterHandle, Metrics } from '../kernel/metrics.ts';
import type { KeyVerb } from '../protocol/key-operation.ts';

/** See the module. */
export class OperationMeter {
  readonly #metrics: Metrics;
  readonly #counters: Readonly<Record<KeyVerb, CounterHandle[]>> = {
    get: [],
    head: [],
    put: [],
    delete: [],
  };

  constructor(metrics: Metrics) {
    this.#metrics = metrics;
  }

  record(verb: KeyVerb, status: number): void {
    const counters = this.#counters[verb];
    let counter = counters[status];
    if (!counter) {
      const labels = { operation: `shard_${verb}`, status: String(status) };
      counter = this.#metrics.counter('torua_requests_total', labels);
      counters[status] = counter;
    }
    counter.add();
  }
}
