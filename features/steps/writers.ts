/** Clients that write without pause and remember what was acknowledged. */
import type { ToruaClient } from '../../src/client/client.ts';

/** See the module. */
export class Writers {
  readonly #client: ToruaClient;
  readonly #acknowledged = new Map<string, string>();
  readonly #loops: Promise<void>[];
  #stopped = false;

  constructor(client: ToruaClient, count: number) {
    this.#client = client;
    this.#loops = Array.from({ length: count }, (_, number) => this.#write(`writer-${number}-`));
  }

  /** Key → value of every write that was acknowledged. */
  get acknowledged(): ReadonlyMap<string, string> {
    return this.#acknowledged;
  }

  /** Resolves when the last write under way was answered. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#loops);
  }

  async #write(prefix: string): Promise<void> {
    for (let number = 0; !this.#stopped; number += 1) {
      const [key, value] = [`${prefix}${number}`, `value of ${prefix}${number}`];
      // A write that fails was not acknowledged: nothing was promised about it.
      const acknowledged = await this.#client.put(key, value).then(
        () => true,
        () => false,
      );
      if (acknowledged) this.#acknowledged.set(key, value);
    }
  }
}
