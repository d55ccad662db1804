/**
 * Work nobody asks for: keys whose time is over, blobs nobody refers to, copies that could not be opened, and a log
 * that must not grow without end. One round at a time, one copy after another.
 */
import { type Clock, pause } from '../kernel/clock.ts';
import { deadlineIn } from '../kernel/deadline.ts';
import type { CopyId } from '../kernel/ids.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Random } from '../kernel/random.ts';
import type { Service } from '../kernel/service.ts';
import type { ShardCopy } from '../shard/shard-copy.ts';
import { SWEEP_MAX } from '../shard/sweeps.ts';
import type { CopySet } from './copy-set.ts';

/** Pause between two rounds, milliseconds. */
const ROUND_MS = 5_000;
/** Longest one sweep may wait for its own record, milliseconds. */
const SWEEP_MS_MAX = 10_000;

/** What housekeeping is given. */
export interface HousekeepingParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: Random;
  readonly log: { overRetained(): boolean; pinning(): CopyId | undefined };
  readonly copies: CopySet;
  /** Whether this node holds its lease: without it nothing is deleted. */
  readonly mayWrite: () => boolean;
}

/** See the module. */
export class Housekeeping implements Service {
  readonly name = 'housekeeping';
  readonly #parts: HousekeepingParts;
  readonly #abort = new AbortController();

  constructor(parts: HousekeepingParts) {
    this.#parts = parts;
  }

  async run(): Promise<void> {
    const { signal } = this.#abort;
    for (;;) {
      await pause(this.#parts.clock, ROUND_MS, signal);
      if (signal.aborted) return;
      await this.round();
    }
  }

  stop(): void {
    this.#abort.abort();
  }

  /** One round over all open copies; a copy's trouble is logged and does not stop the others. */
  async round(): Promise<void> {
    const { copies, logger, log } = this.#parts;
    await copies.retry();
    for (const copy of copies.open) {
      try {
        await this.#sweep(copy);
      } catch (reason) {
        logger.warn({ err: reason, copyId: copy.copyId }, 'sweeping failed');
      }
    }
    if (!log.overRetained()) return;
    const pinning = copies.open.find((copy) => copy.copyId === log.pinning());
    await pinning?.compact().catch((reason: unknown) => {
      logger.warn({ err: reason, copyId: pinning.copyId }, 'the log cannot be shortened');
    });
  }

  async #sweep(copy: ShardCopy): Promise<void> {
    const { clock, random, mayWrite } = this.#parts;
    while (copy.term > 0 && mayWrite() && !this.#abort.signal.aborted) {
      const swept = await copy.sweepExpired(random.hex(8), deadlineIn(clock, SWEEP_MS_MAX));
      if (swept < SWEEP_MAX) break;
    }
    await copy.sweepBlobs();
  }
}
