/**
 * The life of one simulated process: everything that reaches its code passes a gate. Behind the gate of a dead process
 * nothing ever happens again; behind that of a suspended one it waits, in order, until the process is resumed.
 */
import type { Clock, Timer } from '../../src/kernel/clock.ts';
import type { Disk, DiskFile } from '../../src/kernel/disk.ts';
import type { SimClock } from './sim-clock.ts';

/** One process from start to death. */
export class Life {
  readonly #clock: SimClock;
  readonly #waiting: (() => void)[] = [];
  readonly #mourners = new Set<() => void>();
  #isAlive = true;
  #isSuspended = false;

  constructor(clock: SimClock) {
    this.#clock = clock;
  }

  get isAlive(): boolean {
    return this.#isAlive;
  }

  get isRunning(): boolean {
    return this.#isAlive && !this.#isSuspended;
  }

  /** Runs the task now, or when the process is resumed, or never. */
  enter(task: () => void): void {
    if (this.isRunning) task();
    else if (this.#isAlive) this.#waiting.push(task);
  }

  /** The outcome of work that happens outside, as the process gets to see it. */
  through<T>(work: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      work.then(
        (value) => this.enter(() => resolve(value)),
        (reason: unknown) => this.enter(() => reject(reason)),
      );
    });
  }

  suspend(): void {
    this.#isSuspended = true;
  }

  resume(): void {
    this.#isSuspended = false;
    for (const task of this.#waiting.splice(0)) this.enter(task);
  }

  /** The process is gone. */
  end(): void {
    if (!this.#isAlive) return;
    this.#isAlive = false;
    this.#waiting.length = 0;
    for (const mourner of [...this.#mourners]) mourner();
    this.#mourners.clear();
  }

  /** Calls back when the process dies, unless called off before; at once when it is dead. */
  onEnd(callback: () => void): () => void {
    if (!this.#isAlive) {
      callback();
      return () => {};
    }
    const mourner = (): void => callback();
    this.#mourners.add(mourner);
    return () => {
      this.#mourners.delete(mourner);
    };
  }

  /** The process's clock. Monotonic time begins anew with each life; the wall clock is the machine's. */
  clock(wallOffsetMs: () => number): Clock {
    const base = this.#clock;
    const bornMs = base.monotonicMs() - 1_000;
    return {
      wallMs: () => base.wallMs() + wallOffsetMs(),
      monotonicMs: () => base.monotonicMs() - bornMs,
      after: (delayMs, task) => this.#after(delayMs, task),
      soon: (task) => base.soon(() => this.enter(task)),
    };
  }

  /** The process's disk: what a call brings reaches it through the gate. */
  disk(disk: Disk): Disk {
    const file = (opened: DiskFile): DiskFile => ({
      read: (position, length) => this.through(opened.read(position, length)),
      write: (position, bytes) => this.through(opened.write(position, bytes)),
      writeSynced: (position, bytes) => this.through(opened.writeSynced(position, bytes)),
      truncate: (length) => this.through(opened.truncate(length)),
      sync: () => this.through(opened.sync()),
      size: () => this.through(opened.size()),
      close: () => this.through(opened.close()),
    });
    return {
      open: async (path, mode) => file(await this.through(disk.open(path, mode))),
      list: (directory) => this.through(disk.list(directory)),
      makeDirectory: (path) => this.through(disk.makeDirectory(path)),
      rename: (from, to) => this.through(disk.rename(from, to)),
      remove: (path) => this.through(disk.remove(path)),
      exists: (path) => this.through(disk.exists(path)),
      sizeOf: (path) => this.through(disk.sizeOf(path)),
      syncDirectory: (path) => this.through(disk.syncDirectory(path)),
      freeBytes: (path) => this.through(disk.freeBytes(path)),
      lock: (path) => this.through(disk.lock(path)),
    };
  }

  #after(delayMs: number, task: () => void): Timer {
    let isCancelled = false;
    const run = (): void => {
      if (!isCancelled) task();
    };
    // As setTimeout does: whole milliseconds, rounded down, at least one. So a timer may ring a little early.
    const wholeMs = Math.max(1, Math.trunc(delayMs));
    const timer = this.#clock.after(wholeMs, () => this.enter(run));
    return {
      cancel: () => {
        isCancelled = true;
        timer.cancel();
      },
    };
  }
}
