/**
 * Connections that read: a few per class, a bounded queue before each class, and the gate that keeps readers and
 * checkpoints apart. Decides nothing about the gate itself: see reader-gate.ts.
 */
import { assert } from '../kernel/assert.ts';
import { BoundedQueue } from '../kernel/bounded-queue.ts';
import type { Clock, Timer } from '../kernel/clock.ts';
import type { Deadline } from '../kernel/deadline.ts';
import { ToruaError } from '../kernel/errors.ts';
import { engineError } from './failures.ts';
import type { EngineRow, NativeConnection } from './native.ts';
import type { EngineParameters } from './parameters.ts';
import {
  afterGateEvent,
  type GateEvent,
  type GateState,
  mayCheckpoint,
  mayEnter,
  mayTakeTurn,
  OPEN_GATE,
  type ReaderClass,
} from './reader-gate.ts';

/** How a read is bounded. */
export interface ReadOptions {
  readonly reader: ReaderClass;
  /** The statement ends after this many milliseconds of its own. */
  readonly timeoutMs: number;
  /** Bounds waiting and statement together. */
  readonly deadline?: Deadline | undefined;
}

/** Connections and queue places of one class. */
export interface LaneLimits {
  readonly connections: number;
  readonly waitingMax: number;
}

interface Waiting {
  readonly text: string;
  readonly parameters: EngineParameters;
  readonly options: ReadOptions;
  readonly resolve: (rows: EngineRow[]) => void;
  readonly reject: (error: unknown) => void;
  timer: Timer | undefined;
  isOver: boolean;
}

interface Lane {
  readonly idle: NativeConnection[];
  readonly waiting: BoundedQueue<Waiting>;
  readonly limits: LaneLimits;
  open: number;
}

const CLASSES: readonly ReaderClass[] = ['short', 'long'];

/** The readers of one database. */
export class Readers {
  readonly #connect: () => Promise<NativeConnection>;
  readonly #clock: Clock;
  readonly #lanes: Readonly<Record<ReaderClass, Lane>>;
  #gate: GateState = OPEN_GATE;
  /** Whoever waits for the gate to reach a state; one checkpoint at a time, and `close`. */
  #watchers: { isReached: (gate: GateState) => boolean; resolve: () => void }[] = [];
  #isClosed = false;
  #refusesLong = false;

  constructor(options: {
    connect: () => Promise<NativeConnection>;
    clock: Clock;
    limits: Readonly<Record<ReaderClass, LaneLimits>>;
  }) {
    this.#connect = options.connect;
    this.#clock = options.clock;
    const lane = (limits: LaneLimits): Lane => ({
      idle: [],
      waiting: new BoundedQueue(limits.waitingMax),
      limits,
      open: 0,
    });
    this.#lanes = { short: lane(options.limits.short), long: lane(options.limits.long) };
  }

  /** Readers of a class that are inside now. */
  inside(reader: ReaderClass): number {
    return this.#gate[reader];
  }

  /** Errors: `overloaded` when the class's queue is full, `deadline_exceeded`, `shutting_down` once closed. */
  read(text: string, parameters: EngineParameters, options: ReadOptions): Promise<EngineRow[]> {
    return new Promise((resolve, reject) => {
      if (this.#isClosed || (this.#refusesLong && options.reader === 'long')) {
        reject(closing());
        return;
      }
      const waiting: Waiting = {
        text,
        parameters,
        options,
        resolve,
        reject,
        timer: undefined,
        isOver: false,
      };
      if (!this.#lanes[options.reader].waiting.offer(waiting)) {
        reject(
          new ToruaError('overloaded', `Too many ${options.reader} reads wait for this copy.`, {
            retryAfterMs: 1_000,
          }),
        );
        return;
      }
      this.#boundWait(waiting);
      this.#pump(options.reader);
    });
  }

  /** A checkpoint is due: resolves when no long reader is left. Contract: at most one at a time. */
  async drainLong(): Promise<void> {
    this.#apply({ kind: 'checkpoint_due' });
    await this.#until(mayTakeTurn);
  }

  /** Closes the gate for all; resolves when nobody is inside. Contract: called after `drainLong`. */
  async drainAll(): Promise<void> {
    this.#apply({ kind: 'checkpoint_turn' });
    await this.#until(mayCheckpoint);
  }

  /** Opens the gate again. */
  reopen(): void {
    this.#apply({ kind: 'checkpoint_over' });
    for (const reader of CLASSES) this.#pump(reader);
  }

  /** Ends the waiting of long reads, and refuses new ones: whoever closes for good cannot wait for their turns. */
  refuseLong(): void {
    this.#refusesLong = true;
    const { waiting } = this.#lanes.long;
    for (let read = waiting.take(); read !== undefined; read = waiting.take()) {
      read.timer?.cancel();
      if (!read.isOver) read.reject(closing());
    }
    this.#notice();
  }

  /** Takes nothing new, lets everything that waits be answered, then closes the connections. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#until(
      (gate) =>
        gate.short + gate.long === 0 &&
        CLASSES.every((reader) => this.#lanes[reader].waiting.length === 0),
    );
    for (const reader of CLASSES)
      for (const connection of this.#lanes[reader].idle.splice(0)) await connection.close();
  }

  #pump(reader: ReaderClass): void {
    const lane = this.#lanes[reader];
    while (
      mayEnter(this.#gate, reader) &&
      (lane.idle.length > 0 || lane.open < lane.limits.connections)
    ) {
      const next = lane.waiting.take();
      if (next === undefined) break;
      if (next.isOver) continue;
      next.timer?.cancel();
      this.#apply({ kind: 'entered', reader });
      void this.#serve(lane, next); // never rejects: it settles the waiting read
    }
    this.#notice(); // tombstones taken may have emptied the queue that `close` waits for
  }

  async #serve(lane: Lane, read: Waiting): Promise<void> {
    const { reader, timeoutMs, deadline } = read.options;
    let connection = lane.idle.pop();
    const isNew = connection === undefined;
    if (isNew) lane.open += 1;
    try {
      deadline?.check('waiting for the database');
      connection ??= await this.#connect();
      connection.setTimeoutMs(Math.min(timeoutMs, deadline?.remainingMs() ?? timeoutMs));
      read.resolve(await connection.run(read.text, read.parameters));
    } catch (error) {
      read.reject(engineError(error, 'reading'));
    } finally {
      if (connection === undefined) lane.open -= 1;
      else lane.idle.push(connection);
      this.#apply({ kind: 'left', reader });
      this.#pump(reader);
    }
  }

  #boundWait(waiting: Waiting): void {
    const deadline = waiting.options.deadline;
    if (deadline === undefined) return;
    waiting.timer = this.#clock.after(deadline.remainingMs(), () => {
      waiting.isOver = true;
      waiting.reject(
        new ToruaError(
          'deadline_exceeded',
          'The time for this request was over while waiting for the database.',
        ),
      );
    });
  }

  #apply(event: GateEvent): void {
    const next = afterGateEvent(this.#gate, event);
    assert(next !== undefined, `the gate allows ${event.kind} while ${this.#gate.phase}`);
    this.#gate = next;
    this.#notice();
  }

  #until(isReached: (gate: GateState) => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#watchers.push({ isReached, resolve });
      this.#notice();
    });
  }

  #notice(): void {
    const reached = this.#watchers.filter((watcher) => watcher.isReached(this.#gate));
    if (reached.length === 0) return;
    this.#watchers = this.#watchers.filter((watcher) => !reached.includes(watcher));
    for (const watcher of reached) watcher.resolve();
  }
}

const closing = (): ToruaError => new ToruaError('shutting_down', 'The database is being closed.');
