/**
 * Keeps one child running. It stays when the child ended well, passes signals on, and ends with the child's code.
 * What to do after an end is decided in supervise-decision.ts; this file owns processes and signals.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { type Clock, pause } from '../kernel/clock.ts';
import { startWatchdog, type Watchdog } from '../testing/watchdog.ts';
import { supervisedEnvironment } from './config.ts';
import { aborted, parentGone } from './parent.ts';
import { afterChildEnd, exitCodeOf } from './supervise-decision.ts';

/** A signal that comes this soon after the first is the same wish, sent by terminal and process manager both. */
const SAME_WISH_MS = 1_000;
/** Seconds between SIGTERM and SIGKILL for a child whose supervisor was killed. */
const ORPHAN_GRACE_SECONDS = 8;

/** What is supervised, and by what means. */
export interface Supervision {
  readonly file: string;
  readonly arguments: readonly string[];
  readonly clock: Clock;
  /** One line for people: why the child is started again. */
  readonly tell: (line: string) => void;
}

/** Runs the child until told to stop by SIGINT, SIGTERM or the death of the own parent. Gives the exit code. */
export function supervise(supervision: Supervision): Promise<number> {
  return new Supervisor(supervision).run();
}

class Supervisor {
  readonly #supervision: Supervision;
  readonly #watchdog: Watchdog = startWatchdog(ORPHAN_GRACE_SECONDS);
  readonly #stop = new AbortController();
  readonly #over = new AbortController();
  #child: ChildProcess | undefined;
  #toldAtMs = Number.NEGATIVE_INFINITY;

  constructor(supervision: Supervision) {
    this.#supervision = supervision;
  }

  async run(): Promise<number> {
    const onSignal = (signal: NodeJS.Signals): void => this.#told(signal);
    // Never taken off again: a second signal during the last steps must not end the process before its child's code.
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
    void this.#watchParent();
    try {
      return await this.#lives();
    } finally {
      this.#stop.abort();
      this.#over.abort();
      await this.#watchdog.close();
    }
  }

  async #lives(): Promise<number> {
    const { clock, tell, file } = this.#supervision;
    for (let lastBackoffMs = 0; ; ) {
      const startedAt = clock.monotonicMs();
      const ended = await this.#oneLife();
      const livedMs = clock.monotonicMs() - startedAt;
      const decision = afterChildEnd({
        ...ended,
        livedMs,
        lastBackoffMs,
        stopping: this.#stop.signal.aborted,
      });
      if (decision.action === 'exit') return decision.code;
      if (decision.action === 'idle') {
        tell(`${file} ended with code 0; staying idle until told to stop`);
        await aborted(this.#stop.signal);
        return exitCodeOf(ended);
      }
      const why = ended.signal === null ? `code ${ended.code}` : ended.signal;
      tell(`${file} ended with ${why}; starting it again in ${decision.delayMs} ms`);
      lastBackoffMs = decision.delayMs;
      if (decision.delayMs > 0) await pause(clock, decision.delayMs, this.#stop.signal);
      if (this.#stop.signal.aborted) return exitCodeOf(ended);
    }
  }

  /** One life of the child. In a group of its own: Ctrl-C reaches it through its supervisor only, once. */
  #oneLife(): Promise<{ code: number | null; signal: string | null }> {
    const { file, arguments: childArguments } = this.#supervision;
    const child = spawn(file, [...childArguments], {
      stdio: ['ignore', 'inherit', 'inherit'],
      env: supervisedEnvironment(),
      detached: true,
    });
    const { pid } = child;
    this.#child = child;
    if (pid !== undefined) this.#watchdog.watch(pid);
    return new Promise((resolve) => {
      const over = (code: number | null, signal: string | null): void => {
        this.#child = undefined;
        if (pid !== undefined) this.#watchdog.forget(pid);
        resolve({ code, signal });
      };
      child.once('exit', over);
      child.once('error', (error) => {
        this.#supervision.tell(`${file} cannot be started: ${error.message}`);
        over(127, null);
      });
    });
  }

  #told(signal: NodeJS.Signals): void {
    const now = this.#supervision.clock.monotonicMs();
    if (now - this.#toldAtMs < SAME_WISH_MS) return;
    this.#toldAtMs = now;
    this.#stop.abort();
    this.#child?.kill(signal);
  }

  /** A process manager that was killed cannot pass signals on; its lines end by themselves. */
  async #watchParent(): Promise<void> {
    const { clock } = this.#supervision;
    if (!(await parentGone(clock, this.#stop.signal))) return;
    this.#told('SIGTERM');
    await pause(clock, ORPHAN_GRACE_SECONDS * 1_000, this.#over.signal);
    this.#child?.kill('SIGKILL');
  }
}
