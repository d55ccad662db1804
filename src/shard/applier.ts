/**
 * Moves committed changes into the store, lazily and in large transactions: once a second, or as soon as a few
 * thousand rows wait. Keeps checkpoint and rewrite in its own order, so the store has one writer. A store that refuses
 * is rebuilt from its base and the log, then asked in halves until the one change is found that it will not take;
 * whatever else goes wrong is tried again, ever more slowly. Source: design, section 4.
 */
import type { Clock, Timer } from '../kernel/clock.ts';
import { type ErrorCode, ToruaError } from '../kernel/errors.ts';
import type { Seq } from '../kernel/ids.ts';
import type { Logger } from '../kernel/logger.ts';
import { Turns } from '../kernel/turns.ts';
import { CALLER_WINDOW_MS } from './caller-outcomes.ts';
import { type CommittedChange, type Generation, storeChangeOf } from './memtable.ts';
import type { NewestValues } from './newest.ts';
import type { MaintenanceReport } from './store.ts';

/** Longest pause between two tries of a store that does not work, milliseconds. */
export const APPLY_RETRY_MS_MAX = 30_000;

/** When the applier acts. */
export interface ApplierLimits {
  /** Longest a lone change waits, milliseconds. */
  readonly delayMs: number;
  /** Waiting rows that end the delay. */
  readonly rowsEager: number;
}

/** What the applier is given. */
export interface ApplierParts {
  readonly newest: NewestValues;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: ApplierLimits;
  readonly hybridNow: () => number;
  readonly logBytesSinceBase: () => number;
  /** A transaction of so many rows took so long. */
  readonly onApplied: (rows: number, durationMs: number) => void;
  /** The store's base advanced, or may have. */
  readonly onMaintained: (report: MaintenanceReport) => void;
  /** Awaited before changes go into the store: what is kept aside of these keys and older is void from now on. */
  readonly beforeApply: (changes: readonly CommittedChange[]) => Promise<void>;
  /** Hands what the log holds behind the store's seq, up to `upTo`, to `apply`, batch by batch. */
  readonly replay: (upTo: Seq, apply: (batch: Generation) => Promise<void>) => Promise<void>;
  /** A change that the store refuses for good. */
  readonly onKeptAside: (change: CommittedChange, reason: unknown) => Promise<void>;
}

/** Rounds for which a failure that may pass is only waited out: a rebuild takes the store from its readers. */
const PATIENCE = 3;
/** Failures that say nothing about the data: time, space or a process that ends. */
const PASSING: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  'disk_full',
  'deadline_exceeded',
  'shutting_down',
]);
/** Failures that a single change is never to blame for: those, a store in doubt, and an engine without memory. */
const NOT_THE_CHANGE: ReadonlySet<ErrorCode> = new Set<ErrorCode>([
  ...PASSING,
  'shard_in_doubt',
  'shard_opening',
  'overloaded',
]);

/** See the module. `wake` after each commit; `drain` for barriers; `stop` before closing. */
export class Applier {
  readonly #parts: ApplierParts;
  #timer: Timer | undefined;
  /** Rings when maintenance that failed is to be tried again, although nothing is written. */
  #upkeep: Timer | undefined;
  readonly #turns = new Turns();
  #isScheduled = false;
  #isStopped = false;
  /** Rounds that failed one after another. */
  #failures = 0;
  /** Maintenance that failed one after another, and until when it is left alone. */
  #unmaintained = { failures: 0, untilMs: 0 };
  #room: { readonly promise: Promise<void>; readonly release: () => void } | undefined;

  constructor(parts: ApplierParts) {
    this.#parts = parts;
  }

  /** Something was committed. */
  wake(): void {
    if (this.#isStopped || this.#isScheduled) return;
    const { limits, newest, clock } = this.#parts;
    if (this.#failures === 0 && newest.memtable.activeRows >= limits.rowsEager) this.#schedule();
    else this.#timer ??= clock.after(this.#delayMs(), () => this.#schedule());
  }

  /** Resolves when the memtable may have room for another change. */
  roomInMemtable(): Promise<void> {
    if (this.#isStopped) return Promise.resolve();
    if (this.#failures === 0) this.#schedule();
    else this.wake();
    this.#room ??= createRoom();
    return this.#room.promise;
  }

  /** Resolves when everything committed before the call is in the store. */
  drain(): Promise<void> {
    return this.#turns.run(() => this.#applyAll());
  }

  /** Makes a checkpoint or a new base now. */
  maintain(force: 'checkpoint' | 'rewrite'): Promise<void> {
    return this.#turns.run(async () => {
      await this.#applyAll();
      await this.#maintain(force);
    });
  }

  /** Applies what is left and ends; whoever waits for room is let go. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    this.#upkeep?.cancel();
    this.#releaseRoom();
    await this.drain();
  }

  /** Grows with every failed round. */
  #delayMs(): number {
    const factor = 2 ** Math.min(this.#failures, 20);
    return Math.min(this.#parts.limits.delayMs * factor, APPLY_RETRY_MS_MAX);
  }

  #schedule(): void {
    if (this.#isScheduled || this.#isStopped) return;
    this.#isScheduled = true;
    this.#timer?.cancel();
    this.#timer = undefined;
    void this.#turns.run(() => this.#round());
  }

  /** Never rejects. */
  async #round(): Promise<void> {
    this.#isScheduled = false;
    const { logger, newest } = this.#parts;
    try {
      await this.#applyAll();
      this.#failures = 0;
    } catch (reason) {
      this.#failures += 1;
      const fields = { err: reason, failures: this.#failures };
      logger.error(fields, 'the store does not take changes; the memtable keeps them');
    }
    await this.#maintainIfDue();
    if (this.#failures > 0 || newest.memtable.activeRows > 0) this.wake();
  }

  async #applyAll(): Promise<void> {
    const { memtable, store } = this.#parts.newest;
    const isBehind = store.appliedSeq < memtable.storedSeq;
    if (memtable.lastSeq <= memtable.storedSeq && !isBehind) return;
    const generation = memtable.swap();
    this.#releaseRoom();
    try {
      await this.#applyGeneration(generation);
    } catch (reason) {
      memtable.unswap();
      throw reason;
    }
    memtable.applied();
    this.#releaseRoom();
  }

  async #applyGeneration(generation: Generation): Promise<void> {
    const { newest, logger } = this.#parts;
    // An earlier rebuild did not get to its end: the generation alone would leave a gap in the store.
    if (newest.store.appliedSeq < newest.memtable.storedSeq) return this.#replay(generation.seq);
    try {
      await this.#apply(generation);
    } catch (reason) {
      if (this.#failures < PATIENCE && isOneOf(PASSING, reason)) throw reason;
      const rows = generation.changes.length;
      logger.warn({ err: reason, rows }, 'the store refused a batch; rebuilding it');
      await this.#rebuild(generation.seq);
    }
  }

  async #apply({ changes, seq, outcomes }: Generation): Promise<void> {
    await this.#parts.beforeApply(changes);
    const forgetOutcomesBeforeMs = this.#parts.hybridNow() - CALLER_WINDOW_MS;
    const batch = { changes: changes.map(storeChangeOf), seq, outcomes, forgetOutcomesBeforeMs };
    const startedMs = this.#parts.clock.monotonicMs();
    await this.#parts.newest.store.apply(batch);
    this.#parts.onApplied(changes.length, this.#parts.clock.monotonicMs() - startedMs);
  }

  /** Back to the base, and from there along the log. Readers of the store are turned away until it has caught up. */
  async #rebuild(upTo: Seq): Promise<void> {
    const { newest } = this.#parts;
    newest.rebuilding();
    try {
      await newest.store.rebuild();
    } finally {
      this.#checkCaughtUp();
    }
    await this.#replay(upTo);
  }

  async #replay(upTo: Seq): Promise<void> {
    try {
      await this.#parts.replay(upTo, (batch) => this.#isolate(batch));
    } finally {
      this.#checkCaughtUp();
    }
  }

  #checkCaughtUp(): void {
    const { newest } = this.#parts;
    if (newest.store.appliedSeq >= newest.memtable.storedSeq) newest.rebuilt();
  }

  /** Applies halves until the one change stands alone that the store refuses; that one is kept aside. */
  async #isolate(batch: Generation): Promise<void> {
    try {
      await this.#apply(batch);
    } catch (reason) {
      const { store } = this.#parts.newest;
      const { changes } = batch;
      const part = { changes: [], seq: store.appliedSeq, outcomes: [] };
      if (changes.length === 0 || isOneOf(PASSING, reason)) throw reason;
      if (batch.outcomes.length > 0) {
        // No change is blamed for an outcome.
        await this.#isolate({ ...part, changes });
        return this.#apply({ ...batch, changes: [] });
      }
      const [only, second] = changes;
      if (only && !second) {
        if (isOneOf(NOT_THE_CHANGE, reason)) throw reason;
        // A store that refuses nothing at all as well is broken; the change is not.
        await this.#apply(part);
        await this.#parts.onKeptAside(only, reason);
        return this.#apply({ ...batch, changes: [] });
      }
      const middle = changes.length >> 1;
      await this.#isolate({ ...part, changes: changes.slice(0, middle) });
      await this.#isolate({ ...batch, changes: changes.slice(middle) });
    }
  }

  /** Never rejects: a store that cannot be maintained still takes changes, and is asked again ever more seldom. */
  async #maintainIfDue(): Promise<void> {
    const { clock, logger } = this.#parts;
    const { failures, untilMs } = this.#unmaintained;
    if (clock.monotonicMs() < untilMs) return;
    try {
      await this.#maintain(undefined);
      this.#unmaintained = { failures: 0, untilMs: 0 };
    } catch (reason) {
      const pauseMs = Math.min(this.#parts.limits.delayMs * 2 ** failures, APPLY_RETRY_MS_MAX);
      this.#unmaintained = { failures: failures + 1, untilMs: clock.monotonicMs() + pauseMs };
      this.#upkeep?.cancel();
      this.#upkeep = clock.after(pauseMs + 1, () => this.#schedule());
      logger.error({ err: reason, failures: failures + 1 }, 'the store could not be maintained');
    }
  }

  async #maintain(force: 'checkpoint' | 'rewrite' | undefined): Promise<void> {
    const { newest, logBytesSinceBase, onMaintained } = this.#parts;
    try {
      const hint = { logBytesSinceBase: logBytesSinceBase(), force };
      const report = await newest.store.maintain(hint);
      if (report.did !== 'nothing') onMaintained(report);
    } catch (reason) {
      if (this.#unmaintained.failures > 0) await this.#healDoubt();
      throw reason;
    }
  }

  /** Maintenance that failed may have left the store in doubt: it then takes no transaction, and is rebuilt. */
  async #healDoubt(): Promise<void> {
    const { store, memtable } = this.#parts.newest;
    try {
      await this.#apply({ changes: [], seq: store.appliedSeq, outcomes: [] });
    } catch {
      await this.#rebuild(memtable.storedSeq);
    }
  }

  #releaseRoom(): void {
    this.#room?.release();
    this.#room = undefined;
  }
}

function isOneOf(codes: ReadonlySet<ErrorCode>, reason: unknown): boolean {
  return reason instanceof ToruaError && codes.has(reason.code);
}

function createRoom(): { promise: Promise<void>; release: () => void } {
  let release: () => void = () => {};
  const promise = new Promise<void>((resolve) => {
    release = resolve;
  });
  return { promise, release };
}
