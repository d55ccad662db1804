/**
 * One run: a cluster, its users, its misfortunes, and the end of it all: healed, whole, read back, power gone
 * everywhere, whole again, read back again. Everything follows from the seed.
 */
import { createHash } from 'node:crypto';
import { Watcher, whatIsMissing } from './checkers.ts';
import { History } from './history.ts';
import { Users } from './sim-clients.ts';
import { SimCluster } from './sim-cluster.ts';
import type { SyncCall } from './sim-disk.ts';
import { Faults } from './sim-faults.ts';
import { simRandom } from './sim-random.ts';

/** What may be asked of a run besides its seed. */
export interface RunOptions {
  readonly syncFilter?: ((call: SyncCall) => boolean) | undefined;
  /** Told of every step. */
  readonly onTrace?: ((line: string) => void) | undefined;
  /** False: nothing bad happens. Default true. */
  readonly faults?: boolean | undefined;
}

/** What came of a run. */
export interface RunReport {
  /** The same for the same seed and code. */
  readonly traceHash: string;
  readonly operations: number;
  /** Requests that got no answer, or an error, before everything was healed. */
  readonly unanswered: number;
  readonly steps: number;
}

/** Longest a healed cluster takes until everything serves, milliseconds. */
const HEALING_MS_MAX = 30_000;
/** Longest a request at the end may take, milliseconds. */
const LAST_REQUEST_MS = 5_000;

/** Plays the seed; throws when a promise is broken. */
export async function play(seed: number, options: RunOptions = {}): Promise<RunReport> {
  const run = new Run(seed, options);
  try {
    return await run.play();
  } finally {
    run.cluster.clock.clear();
  }
}

class Run {
  readonly cluster: SimCluster;
  readonly #options: RunOptions;
  readonly #hash = createHash('sha256');
  readonly #history = new History();
  readonly #users: Users;
  readonly #watcher = new Watcher();
  readonly #random;
  #steps = 0;
  #problem: { readonly reason: unknown } | undefined;

  constructor(seed: number, options: RunOptions) {
    this.#options = options;
    const random = simRandom(seed ^ 0x5eed);
    this.#random = random;
    const nodes = random.pick([1, 2, 3, 3]);
    const onBug = (reason: unknown): void => {
      this.#problem ??= { reason };
    };
    const trace = (line: string): void => this.#trace(line);
    const checked =
      <Given extends unknown[]>(check: (...given: Given) => void) =>
      (...given: Given): void => {
        try {
          check(...given);
        } catch (reason) {
          onBug(reason);
        }
      };
    this.cluster = new SimCluster(
      {
        seed,
        nodes,
        numShards: random.pick([1, 3, 4]),
        minNodes: 1 + random.integer(nodes),
        healthIntervalMs: 500,
        assignmentDelayMs: random.pick([0, 100, 400]),
        segmentBytes: random.pick([4_096, 16_384]),
        roomBytes: seed % 2 === 0 ? 0 : 2_048,
        baseLogBytes: random.pick([1_024, 8_192]),
        syncFilter: options.syncFilter,
      },
      {
        trace,
        onBug,
        onAnswer: checked((exchange, answer) => this.#watcher.answered(exchange, answer)),
        onOperation: checked((node, operation, status) =>
          this.#watcher.served(node, operation, status),
        ),
        onCoordinator: (runtime) => {
          runtime.events.follow((event) => trace(`event ${JSON.stringify(event)}`));
          this.#watcher.follow(this.cluster, {
            keeper: {
              onCommit: (listener) => runtime.keeper.onCommit(checked(listener)),
              get founded() {
                return runtime.keeper.founded;
              },
            },
          });
        },
      },
    );
    this.#users = new Users({
      cluster: this.cluster,
      history: this.#history,
      random: this.cluster.random('users'),
      keys: Array.from({ length: random.pick([4, 8, 8]) }, (_, index) => `key-${index}`),
      trace,
      onBug,
    });
  }

  async play(): Promise<RunReport> {
    const { cluster } = this;
    const { clock } = cluster;
    cluster.format();
    cluster.coordinator.start();
    for (const node of cluster.nodes) {
      const delayMs = this.#random.float() * this.#random.pick([50, 1_500, 5_000]);
      clock.after(delayMs, () => node.start());
    }
    const faults = new Faults({
      cluster,
      random: cluster.random('faults'),
      trace: (line) => this.#trace(line),
    });
    if (this.#options.faults !== false) faults.start();
    else await this.#whole();
    // Shards that nobody has written to yet may still move.
    const pauseMsMax = this.#random.pick([40, 150, 150]);
    clock.after(this.#random.pick([0, 0, 3_000]), () => this.#users.start(4, pauseMsMax));
    await this.#go(this.#random.pick([4_000, 8_000]));
    this.#users.stop();
    const { asked, unanswered } = this.#users;
    this.#trace('healing');
    faults.heal();
    await this.#readBack();
    this.#trace('the power fails');
    for (const machine of cluster.machines) machine.crash();
    await this.#readBack();
    return {
      traceHash: this.#hash.digest('hex'),
      operations: asked,
      unanswered,
      steps: this.#steps,
    };
  }

  /** Lets that much time pass. */
  async #go(forMs: number): Promise<void> {
    await this.cluster.clock.run({ isDone: () => this.#problem !== undefined, forMs });
    this.#throwProblem();
  }

  /** Waits until everything serves, then compares all that was ever answered with what is there now. */
  async #readBack(): Promise<void> {
    const { cluster } = this;
    await this.#whole();
    const rows = await cluster.clock.settle(this.#users.list('reader', LAST_REQUEST_MS));
    this.#throwProblem();
    if (rows === undefined) throw new Error('a whole cluster does not list its keys');
    for (const key of this.#history.keys()) {
      const isRead = await cluster.clock.settle(this.#users.read('reader', key, LAST_REQUEST_MS));
      if (!isRead) throw new Error(`a whole cluster does not answer for ${key}`);
    }
    this.#throwProblem();
    this.#history.check();
  }

  /** Waits until everything serves. */
  async #whole(): Promise<void> {
    const { cluster } = this;
    let missing: string | undefined;
    const isDone = (): boolean => {
      missing = whatIsMissing(cluster);
      return this.#problem !== undefined || missing === undefined;
    };
    const isWhole = await cluster.clock.run({ isDone, forMs: HEALING_MS_MAX });
    this.#throwProblem();
    if (!isWhole) throw new Error(`the cluster does not heal: ${missing}`);
  }

  #throwProblem(): void {
    if (this.#problem) throw this.#problem.reason;
  }

  #trace(line: string): void {
    this.#steps += 1;
    const told = `${this.cluster.clock.monotonicMs().toFixed(3)} ${line}`;
    this.#hash.update(told).update('\n');
    this.#options.onTrace?.(told);
  }
}
