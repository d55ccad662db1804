/**
 * One simulated machine with one process on it and a supervisor that starts it again: back-off, disk, wall clock. What
 * the process is (coordinator or node) is given by its `boot`.
 */
import type { Clock } from '../../src/kernel/clock.ts';
import type { Disk } from '../../src/kernel/disk.ts';
import { asToruaError, type ErrorCode } from '../../src/kernel/errors.ts';
import type { SimClock } from './sim-clock.ts';
import type { SimDisk } from './sim-disk.ts';
import { SimDirectory } from './sim-disk-tree.ts';
import { Life } from './sim-process.ts';
import type { SimRandom } from './sim-random.ts';

/** What a process is given by its machine. */
export interface Host {
  readonly name: string;
  readonly life: Life;
  readonly clock: Clock;
  readonly disk: Disk;
  readonly random: SimRandom;
  /** `process.exit` after a failure. */
  readonly exit: (reason: unknown) => void;
}

/** What a machine is made of. */
export interface MachineParts<Runtime> {
  readonly name: string;
  readonly clock: SimClock;
  readonly disk: SimDisk;
  /** A generator of its own for each life. */
  readonly randomOfLife: (life: number) => SimRandom;
  /** Starts the process; resolves when it serves. */
  readonly boot: (host: Host) => Promise<Runtime>;
  readonly trace: (line: string) => void;
  /** A process could not start, and nothing that happened to the machine explains it. */
  readonly onBug: (reason: unknown) => void;
}

/** Codes with which a start may fail: the machine's trouble, not ours. */
const EXPECTED: ReadonlySet<ErrorCode> = new Set(['disk_full', 'storage_failed']);
/** The supervisor's first pause, milliseconds; doubled with each failure up to twenty times as long. */
const RESTART_MS = 100;
const RESTART_FACTOR_MAX = 20;
/** A process that lived this long is not restarted ever slower, milliseconds. */
const STEADY_MS = 5_000;

/** See the module. */
export class Machine<Runtime> {
  readonly parts: MachineParts<Runtime>;
  /** What is added to the world's wall clock here. */
  wallOffsetMs = 0;
  /** What is added to the longest sync of its disk. */
  slowSyncMs = 0;
  /** False: the supervisor does not start it. */
  isWanted = true;
  life: Life | undefined;
  clock: Clock | undefined;
  /** There while the process serves. */
  runtime: Runtime | undefined;
  #lives = 0;
  #failures = 0;
  #startedMs = 0;
  /** The life that was asked to stop; a second request changes nothing. */
  #stopping: Life | undefined;

  constructor(parts: MachineParts<Runtime>) {
    this.parts = parts;
  }

  get name(): string {
    return this.parts.name;
  }

  /** Whether the process was asked to stop and has not ended yet. */
  get isStopping(): boolean {
    return this.life?.isAlive === true && this.#stopping === this.life;
  }

  /** Starts the process unless it runs. */
  start(): void {
    if (!this.isWanted || this.life?.isAlive) return;
    const { clock, disk, name, trace, boot } = this.parts;
    this.#lives += 1;
    const life = new Life(clock);
    this.life = life;
    this.#startedMs = clock.monotonicMs();
    trace(`${name} starts life ${this.#lives}`);
    const random = this.parts.randomOfLife(this.#lives);
    const ownClock = life.clock(() => this.wallOffsetMs);
    this.clock = ownClock;
    const host: Host = {
      name,
      life,
      clock: ownClock,
      disk: life.disk(disk.boot()),
      random,
      exit: (reason) => this.#exit(life, reason),
    };
    boot(host).then(
      (runtime) => {
        if (life.isAlive) this.runtime = runtime;
      },
      (reason: unknown) => this.#exit(life, reason),
    );
  }

  /** kill -9: files stay as the operating system has them. */
  kill(): void {
    this.parts.trace(`${this.name} is killed`);
    this.#end();
  }

  /** The power fails. */
  crash(): void {
    this.parts.trace(`${this.name} loses power`);
    this.parts.disk.crash();
    this.#end();
  }

  /** The process dies and its directory is gone; then it starts again. */
  loseDisk(): void {
    const { trace, name } = this.parts;
    trace(`${name} loses its disk`);
    this.#end();
    this.format();
  }

  /** The file system of a new machine. */
  format(): void {
    const { root } = this.parts.disk;
    root.set('data', new SimDirectory());
    root.sync();
  }

  /** Asks the process to end in order; the supervisor starts it again afterwards. */
  stop(how: (runtime: Runtime) => Promise<void>): void {
    const { life, runtime } = this;
    if (!life?.isRunning || runtime === undefined || this.#stopping === life) return;
    this.#stopping = life;
    this.parts.trace(`${this.name} is asked to stop`);
    how(runtime).then(
      () => {
        if (life.isAlive) this.#end();
      },
      (reason: unknown) => this.#exit(life, reason),
    );
  }

  #exit(life: Life, reason: unknown): void {
    if (!life.isAlive) return;
    const { code } = asToruaError(reason);
    this.parts.trace(`${this.name} exits: ${code}`);
    if (!EXPECTED.has(code)) this.parts.onBug(reason);
    this.#end();
  }

  #end(): void {
    const { clock, disk } = this.parts;
    this.runtime = undefined;
    this.life?.end();
    disk.kill();
    this.#failures = clock.monotonicMs() - this.#startedMs > STEADY_MS ? 0 : this.#failures + 1;
    const factor = Math.min(RESTART_FACTOR_MAX, 2 ** this.#failures);
    clock.after(RESTART_MS * factor, () => this.start());
  }
}
