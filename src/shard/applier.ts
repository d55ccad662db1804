/**
 * Moves committed changes into the store, lazily and in large transactions: every 250 ms, or as soon as 1,000 rows
 * wait. Keeps checkpoint and rewrite in its own order, so the store has one writer. Source: design, section 4.
 */
import type { Clock, Timer } from '../kernel/clock.ts';
import type { Seq } from '../kernel/ids.ts';
import type { Logger } from '../kernel/logger.ts';
import { CALLER_WINDOW_MS } from './caller-outcomes.ts';
import { changesOf, type Generation } from './memtable.ts';
import type { NewestValues } from './newest.ts';
import type { MaintenanceReport, Outcome, StoreChange } from './store.ts';

/** When the applier acts. */
export interface ApplierLimits {
  /** Longest a lone change waits, milliseconds. */
  readonly delayMs: number;
  /** Waiting rows that end the delay. */
  readonly rowsEager: number;
}

/** What one transaction of a replay holds. */
export interface ReplayBatch {
  readonly changes: readonly StoreChange[];
  readonly seq: Seq;
  readonly outcomes: readonly Outcome[];
}

/** What the applier is given. */
export interface ApplierParts {
  readonly newest: NewestValues;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: ApplierLimits;
  readonly hybridNow: () => number;
  readonly logBytesSinceBase: () => number;
  /** The store's base advanced, or may have. */
  readonly onMaintained: (report: MaintenanceReport) => void;
  /** Hands everything the log holds behind the store's seq to `apply`, batch by batch; asked after `rebuild`. */
  readonly replay: (apply: (batch: ReplayBatch) => Promise<void>) => Promise<void>;
  /** A change that the store refuses for good. */
  readonly onKeptAside: (change: StoreChange, reason: unknown) => Promise<void>;
}

/** See the module. `wake` after each commit; `drain` for barriers; `stop` before closing. */
export class Applier {
  readonly #parts: ApplierParts;
  #timer: Timer | undefined;
  #turn: Promise<void> = Promise.resolve();
  #scheduled = false;
  #stopped = false;
  #waitingForRoom: (() => void)[] = [];

  constructor(parts: ApplierParts) {
    this.#parts = parts;
  }

  /** Something was committed. */
  wake(): void {
    if (this.#stopped || this.#scheduled) return;
    if (this.#parts.newest.memtable.activeRows >= this.#parts.limits.rowsEager) {
      this.#schedule();
    } else {
      this.#timer ??= this.#parts.clock.after(this.#parts.limits.delayMs, () => this.#schedule());
    }
  }

  /** Resolves when the memtable has room for another change. */
  roomInMemtable(): Promise<void> {
    this.#schedule();
    return new Promise((resolve) => {
      this.#waitingForRoom.push(resolve);
    });
  }

  /** Resolves when everything committed before the call is in the store. */
  drain(): Promise<void> {
    return this.inTurn(() => this.#applyAll());
  }

  /** Runs a task of the owner between two transactions. */
  inTurn(task: () => Promise<void>): Promise<void> {
    const next = this.#turn.then(task);
    this.#turn = next.catch(() => {});
    return next;
  }

  /** Applies what is left and ends. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.drain();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    void this.inTurn(async () => {
      this.#scheduled = false;
      await this.#applyAll();
      await this.#maintain();
    }).then(
      () => {
        if (this.#parts.newest.memtable.activeRows > 0) this.wake();
      },
      (reason: unknown) => {
        this.#parts.logger.error(
          { err: reason },
          'applying failed; the memtable keeps the changes',
        );
        this.wake();
      },
    );
  }

  async #applyAll(): Promise<void> {
    const { newest } = this.#parts;
    if (newest.memtable.lastSeq <= newest.store.appliedSeq) return;
    const generation = newest.memtable.swap();
    this.#releaseWaiting();
    try {
      await this.#applyGeneration(generation);
    } catch (reason) {
      newest.memtable.unswap();
      throw reason;
    }
    newest.memtable.applied();
  }

  async #applyGeneration(generation: Generation): Promise<void> {
    const { seq, outcomes } = generation;
    try {
      await this.#apply({ changes: changesOf(generation), seq, outcomes });
    } catch (reason) {
      this.#parts.logger.warn(
        { err: reason, rows: generation.changes.size },
        'the store refused a batch; rebuilding it',
      );
      await this.#parts.newest.store.rebuild();
      await this.#parts.replay((batch) => this.#isolate(batch));
    }
  }

  #apply(batch: ReplayBatch): Promise<void> {
    const forgetOutcomesBeforeMs = this.#parts.hybridNow() - CALLER_WINDOW_MS;
    return this.#parts.newest.store.apply({ ...batch, forgetOutcomesBeforeMs });
  }

  /** Applies halves until the one change stands alone that the store refuses; that one is kept aside. */
  async #isolate(batch: ReplayBatch): Promise<void> {
    try {
      await this.#apply(batch);
    } catch (reason) {
      const [only] = batch.changes;
      if (!only) throw reason;
      if (batch.changes.length === 1) {
        await this.#parts.onKeptAside(only, reason);
        return this.#apply({ ...batch, changes: [] });
      }
      const middle = batch.changes.length >> 1;
      const { appliedSeq } = this.#parts.newest.store;
      await this.#isolate({
        changes: batch.changes.slice(0, middle),
        seq: appliedSeq,
        outcomes: [],
      });
      await this.#isolate({ ...batch, changes: batch.changes.slice(middle) });
    }
  }

  async #maintain(): Promise<void> {
    const report = await this.#parts.newest.store.maintain({
      logBytesSinceBase: this.#parts.logBytesSinceBase(),
    });
    if (report.did !== 'nothing') this.#parts.onMaintained(report);
  }

  #releaseWaiting(): void {
    const waiting = this.#waitingForRoom;
    this.#waitingForRoom = [];
    for (const wake of waiting) wake();
  }
}
