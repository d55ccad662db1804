/**
 * The wire between simulated processes. It calls the production handlers of the process at an address, and decides by
 * the seed how long that takes and what is lost on the way. An error of a handler that is not one of ours fails the run.
 */
import type { InternalRoute } from '../../src/http/internal-route.ts';
import type { Clock } from '../../src/kernel/clock.ts';
import { type Deadline, deadlineIn } from '../../src/kernel/deadline.ts';
import { problemOf, ToruaError } from '../../src/kernel/errors.ts';
import type { Wire, WireAnswer, WireRequest } from '../../src/transport/wire.ts';
import type { SimClock } from './sim-clock.ts';
import type { Life } from './sim-process.ts';
import type { SimRandom } from './sim-random.ts';

/** A process that listens. */
export interface Listener {
  readonly name: string;
  readonly life: Life;
  readonly clock: Clock;
  readonly routes: readonly InternalRoute[];
}

/** A message on its way, for checkers and traces. */
export interface Exchange {
  readonly from: string;
  readonly to: string;
  readonly request: WireRequest;
  /** On the sender's monotonic clock. */
  readonly sentAtMs: number;
}

/** What the wire is given. */
export interface SimWireOptions {
  readonly clock: SimClock;
  readonly random: SimRandom;
  readonly trace: (line: string) => void;
  /** An answer reached the sender. */
  readonly onAnswer: (exchange: Exchange, answer: WireAnswer) => void;
  /** A handler failed in a way that is a bug. */
  readonly onBug: (reason: unknown) => void;
}

/** How likely trouble is now; all zero in good weather. */
export interface Weather {
  readonly lostRequest: number;
  readonly lostAnswer: number;
  /** Longest ordinary delay of one way, milliseconds. */
  readonly delayMsMax: number;
  /** Chance of a delay of up to two seconds. */
  readonly slow: number;
}

/** Good weather. */
export const CLEAR: Weather = { lostRequest: 0, lostAnswer: 0, delayMsMax: 2, slow: 0 };

/** How long a lost connection goes unnoticed at most, milliseconds. */
const RESET_MS_MAX = 300;
/** A slow way, milliseconds. */
const SLOW_MS_MAX = 2_000;

/** See the module. */
export class SimWire {
  weather: Weather = CLEAR;
  readonly #options: SimWireOptions;
  readonly #listeners = new Map<string, Listener>();
  readonly #cuts = new Set<string>();
  #number = 0;

  constructor(options: SimWireOptions) {
    this.#options = options;
  }

  /** The process answers at this address until it dies. */
  listen(address: string, listener: Listener): void {
    this.#listeners.set(address, listener);
    listener.life.onEnd(() => {
      if (this.#listeners.get(address) === listener) this.#listeners.delete(address);
    });
  }

  /** Cuts, or mends, the way between two processes. */
  cut(left: string, right: string, isCut: boolean): void {
    const pair = pairOf(left, right);
    if (isCut) this.#cuts.add(pair);
    else this.#cuts.delete(pair);
  }

  mendAll(): void {
    this.#cuts.clear();
  }

  /** A process's wire. */
  of(from: { readonly name: string; readonly life: Life; readonly clock: Clock }): Wire {
    return { send: (request, deadline) => this.#send(from, request, deadline) };
  }

  #send(
    from: { readonly name: string; readonly life: Life; readonly clock: Clock },
    request: WireRequest,
    deadline: Deadline,
  ): Promise<WireAnswer> {
    const { clock, trace } = this.#options;
    const remainingMs = deadline.remainingMs();
    const { address } = request;
    if (remainingMs <= 0) return Promise.reject(overdue(address, false));
    this.#number += 1;
    const call = { number: this.#number, remainingMs, from, request };
    const sentAtMs = from.clock.monotonicMs();
    const body = request.body;
    trace(`${call.number} ${from.name} -> ${address} ${request.path} ${body?.length ?? 0}`);
    return new Promise((resolve, reject) => {
      const timer = from.clock.after(remainingMs, () => reject(overdue(address, true)));
      const settle = (how: () => void): void =>
        from.life.enter(() => {
          timer.cancel();
          how();
        });
      const fail = (sent: boolean): void =>
        settle(() => {
          trace(`${call.number} ${from.name} <- ${address} gave no answer, sent: ${sent}`);
          reject(unreachable(address, sent));
        });
      const answer = (to: string, given: WireAnswer): void =>
        settle(() => {
          trace(`${call.number} ${from.name} <- ${address} ${given.status} ${given.body.length}`);
          this.#options.onAnswer({ from: from.name, to, request, sentAtMs }, given);
          resolve(given);
        });
      clock.after(this.#delayMs(), () => this.#arrive(call, { fail, answer }));
    });
  }

  #arrive(call: Call, back: WayBack): void {
    const { clock, random } = this.#options;
    const target = this.#listeners.get(call.request.address);
    const name = target?.name ?? call.request.address.replace('http://', '');
    if (this.#cuts.has(pairOf(call.from.name, name))) return;
    if (target === undefined) {
      back.fail(false);
      return;
    }
    if (random.chance(this.weather.lostRequest)) {
      // Half of the lost ones are noticed, the others are silence.
      if (random.chance(0.5)) clock.after(random.float() * RESET_MS_MAX, () => back.fail(true));
      return;
    }
    let isOpen = true;
    const forget = target.life.onEnd(() => {
      isOpen = false;
      clock.after(this.#delayMs(), () => back.fail(true));
    });
    const reset = random.chance(this.weather.lostAnswer);
    if (reset) clock.after(random.float() * RESET_MS_MAX, () => back.fail(true));
    target.life.enter(() => {
      void this.#handle(target, call).then((given) => {
        forget();
        if (!isOpen || reset) return;
        clock.after(this.#delayMs(), () => {
          if (!this.#cuts.has(pairOf(call.from.name, name))) back.answer(name, given);
        });
      });
    });
  }

  async #handle(target: Listener, call: Call): Promise<WireAnswer> {
    const { request, remainingMs, number } = call;
    const { method, path, body } = request;
    if (method === 'GET' && path === '/livez') return { status: 200, body: Buffer.alloc(0) };
    const route = target.routes.find((other) => other.method === method && other.path === path);
    const requestId = `r${number}`;
    try {
      if (!route) throw new ToruaError('not_found', `${path} is not a route of ${target.name}.`);
      const deadline = deadlineIn(target.clock, remainingMs);
      const context = { deadline, requestId, traceparent: undefined };
      // A copy: on a real wire nobody shares memory.
      const answer = await route.handle(Buffer.from(body ?? ''), context);
      return { status: answer.status, body: Buffer.from(answer.body) };
    } catch (reason) {
      if (!(reason instanceof ToruaError) || reason.definition.status === 500) {
        this.#options.onBug(reason);
        return { status: 500, body: Buffer.alloc(0) };
      }
      const problem = problemOf(reason, { instance: path, requestId });
      return { status: reason.definition.status, body: Buffer.from(JSON.stringify(problem)) };
    }
  }

  #delayMs(): number {
    const { random } = this.#options;
    const { slow, delayMsMax } = this.weather;
    const longest = random.chance(slow) ? SLOW_MS_MAX : delayMsMax;
    return 0.05 + random.float() * longest;
  }
}

interface Call {
  readonly number: number;
  readonly remainingMs: number;
  readonly from: { readonly name: string; readonly life: Life; readonly clock: Clock };
  readonly request: WireRequest;
}

interface WayBack {
  fail(sent: boolean): void;
  answer(to: string, given: WireAnswer): void;
}

const pairOf = (left: string, right: string): string => [left, right].sort().join('|');

const unreachable = (address: string, sent: boolean): ToruaError =>
  new ToruaError('node_unreachable', `${address} gave no answer.`, { fields: { sent } });

const overdue = (address: string, sent: boolean): ToruaError =>
  new ToruaError('deadline_exceeded', `The time was over while waiting for ${address}.`, {
    fields: { sent },
  });
