/**
 * What happens while the disk is full: the reserve file is given up so that internal records still fit, users'
 * appends are refused without a try, and the free space is looked at until there is enough to fill the reserve again.
 */
import type { Clock, Timer } from '../kernel/clock.ts';
import type { Disk } from '../kernel/disk.ts';
import type { Logger } from '../kernel/logger.ts';
import type { LogLimits } from './limits.ts';
import { isDiskFull } from './segment-writer.ts';

/** What the guard needs. */
export interface FullGuardOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: LogLimits;
  readonly directory: string;
  /** The reserve file; absent = none is kept. */
  readonly reservePath: string | undefined;
  /** Told when something else than missing space goes wrong. */
  readonly onError: (error: unknown) => void;
}

/** Knows whether the disk is full. */
export class FullGuard {
  readonly #options: FullGuardOptions;
  #isFull = false;
  #timer: Timer | undefined;
  #checking: Promise<void> | undefined;
  #isStopped = false;

  constructor(options: FullGuardOptions) {
    this.#options = options;
  }

  get isFull(): boolean {
    return this.#isFull;
  }

  /** Fills the reserve when it is not there. Without space for it the life begins with a full disk. */
  async open(): Promise<void> {
    const { disk, reservePath, limits } = this.#options;
    if (reservePath === undefined) return;
    if ((await disk.sizeOf(reservePath)) >= limits.reserveBytes) return;
    if (!(await this.#refill())) this.#enter();
  }

  /** The disk is full: frees the reserve and begins to look for space. */
  async enter(): Promise<void> {
    if (this.#isFull) return;
    this.#enter();
    if (this.#options.reservePath !== undefined) {
      await this.#options.disk.remove(this.#options.reservePath);
    }
  }

  /** Ends the timer; resolves when no check runs any more. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    await this.#checking;
  }

  #enter(): void {
    this.#isFull = true;
    this.#options.logger.error({ directory: this.#options.directory }, 'the disk is full');
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isStopped) return;
    this.#timer = this.#options.clock.after(this.#options.limits.fullCheckMs, () => {
      this.#checking = this.#check().catch(this.#options.onError);
    });
  }

  async #check(): Promise<void> {
    if (!(await this.#refill())) {
      this.#schedule();
      return;
    }
    this.#isFull = false;
    this.#options.logger.info({ directory: this.#options.directory }, 'the disk has space again');
  }

  /** Whether there is enough space, the reserve filled included. */
  async #refill(): Promise<boolean> {
    const { disk, directory, reservePath, limits } = this.#options;
    if ((await disk.freeBytes(directory)) < limits.freeBytesMin) return false;
    if (reservePath === undefined) return true;
    try {
      await disk.remove(reservePath);
      const file = await disk.open(reservePath, 'create');
      try {
        // Real bytes: a sparse file would reserve nothing.
        await file.write(0, Buffer.alloc(limits.reserveBytes));
      } finally {
        await file.close();
      }
      return true;
    } catch (error) {
      if (!isDiskFull(error)) throw error;
      await disk.remove(reservePath);
      return false;
    }
  }
}
