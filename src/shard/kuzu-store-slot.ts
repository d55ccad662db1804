/**
 * The place of the live database: readers ask it, maintenance swaps what stands in it. A swap loses no read: either
 * the old database answers everything it was asked before it closes, or the read waits for the new one.
 */
import { asToruaError, ToruaError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import type { LiveDatabase } from './kuzu-store-live.ts';

/** Holds one live database at a time. Whoever swaps does so one after another. */
export class LiveSlot {
  readonly #logger: Logger;
  #live: LiveDatabase;
  /** Set while the place is empty and about to be filled: reads wait for it. */
  #replacing: Promise<void> | undefined;
  #isDown = false;
  #doubt: ToruaError | undefined;
  readonly #retiring = new Map<LiveDatabase, Promise<void>>();

  constructor(live: LiveDatabase, logger: Logger) {
    this.#live = live;
    this.#logger = logger;
  }

  /** The newest live database, even when it is closed or in doubt. */
  get live(): LiveDatabase {
    return this.#live;
  }

  /** Whether it is open and may be written. */
  get isSound(): boolean {
    return !this.#isDown && this.#doubt === undefined;
  }

  /** Throws why nothing may be written any more, if so; a swap ends it. */
  refuseInDoubt(): void {
    if (this.#doubt !== undefined) throw this.#doubt;
  }

  /** From now on nothing is written; reads go on. */
  doubt(error: unknown): void {
    this.#doubt = asToruaError(error);
  }

  /**
   * Runs a read on whatever is live, waiting while it is being replaced.
   * Contract: `work` queues its read before it returns, so that a swap right after cannot lose it.
   */
  async whenLive<T>(work: (live: LiveDatabase) => Promise<T>): Promise<T> {
    while (this.#replacing !== undefined) await this.#replacing;
    if (this.#isDown) {
      throw (
        this.#doubt ??
        new ToruaError('shard_opening', 'The copy is being opened.', { retryAfterMs: 1_000 })
      );
    }
    return work(this.#live);
  }

  /** Closes the live database, then opens its successor in the same place; reads wait. */
  async replace(open: () => Promise<LiveDatabase>): Promise<void> {
    let release: () => void = () => {};
    this.#replacing = new Promise((resolve) => {
      release = resolve;
    });
    try {
      if (!this.#isDown) await this.#live.engine.close();
      this.#isDown = true;
      this.#install(await open());
    } catch (error) {
      this.doubt(error);
      throw error;
    } finally {
      this.#replacing = undefined;
      release();
    }
  }

  /** Puts a successor that lies elsewhere in its place; the old one ends when its readers have, then `remove` runs. */
  swap(next: LiveDatabase, remove: (old: LiveDatabase) => Promise<void>): void {
    const old = this.#live;
    const wasDown = this.#isDown;
    this.#install(next);
    const retiring = this.#retire(old, wasDown ? undefined : old.engine.close(), remove).finally(
      () => {
        this.#retiring.delete(old);
      },
    );
    this.#retiring.set(old, retiring);
  }

  /** Before `close`: long reads that wait or come are refused, so that only those inside have to end. */
  refuseLongReads(): void {
    for (const live of [this.#live, ...this.#retiring.keys()]) live.engine.refuseLongReads();
  }

  /** Closes what is open and waits for what retires. */
  async close(): Promise<void> {
    if (!this.#isDown) await this.#live.engine.close();
    this.#isDown = true;
    await Promise.all(this.#retiring.values());
  }

  async #retire(
    old: LiveDatabase,
    closing: Promise<void> | undefined,
    remove: (old: LiveDatabase) => Promise<void>,
  ): Promise<void> {
    try {
      await closing;
      await remove(old);
    } catch (error) {
      this.#logger.warn(
        { err: error, generation: old.generation },
        'an old generation could not be removed',
      );
    }
  }

  #install(live: LiveDatabase): void {
    this.#live = live;
    this.#isDown = false;
    this.#doubt = undefined;
  }
}
