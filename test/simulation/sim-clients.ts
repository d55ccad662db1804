/**
 * Simulated users: each asks one thing after another of the coordinator's services, as its HTTP routes do, and notes
 * what was answered. They know nothing of faults; a connection that breaks leaves the outcome unknown.
 */

import type { CoordinatorRuntime } from '../../src/coordinator/coordinator-runtime.ts';
import type { UserOperation } from '../../src/coordinator/key-router.ts';
import { identityOf } from '../../src/coordinator/operation-identity.ts';
import { type Deadline, deadlineIn } from '../../src/kernel/deadline.ts';
import { asToruaError, ToruaError } from '../../src/kernel/errors.ts';
import type { KeyAnswer } from '../../src/protocol/key-operation.ts';
import { etagOf } from '../../src/shard/etag.ts';
import type { Answer, Condition, Entry, History, Question } from './history.ts';
import type { SimCluster } from './sim-cluster.ts';
import type { SimRandom } from './sim-random.ts';
import { streamed } from './sim-values.ts';

/** What users are given. */
export interface UserParts {
  readonly cluster: SimCluster;
  readonly history: History;
  readonly random: SimRandom;
  readonly keys: readonly string[];
  readonly trace: (line: string) => void;
  /** An answer that nobody may ever get. */
  readonly onBug: (reason: unknown) => void;
}

/** How a call ended. `lost`: the connection broke, or nothing came in time. */
type Outcome<T> =
  | { readonly kind: 'answered'; readonly value: T }
  | { readonly kind: 'failed'; readonly error: ToruaError }
  | { readonly kind: 'lost' }
  | { readonly kind: 'refused' };

/** Times of requests, milliseconds. */
const DEADLINES_MS = [150, 800, 3_000] as const;
/** How long a user waits behind the deadline for an answer that says so, milliseconds. */
const PATIENCE_MS = 200;
const CONTENT_TYPE = 'text/plain';

/** See the module. */
export class Users {
  readonly #parts: UserParts;
  /** Text of every value ever sent, by etag. */
  readonly #sent = new Map<string, string>();
  /** The newest etag a user saw of a key, for conditions. */
  readonly #seen = new Map<string, string>();
  #values = 0;
  #isOver = false;
  /** Operations that were asked. */
  asked = 0;
  /** Requests that got no answer, or an error. */
  unanswered = 0;

  constructor(parts: UserParts) {
    this.#parts = parts;
  }

  /** Starts that many users; each pauses up to `pauseMsMax` between two operations. */
  start(count: number, pauseMsMax: number): void {
    for (let user = 1; user <= count; user += 1) this.#next(`u${user}`, pauseMsMax);
  }

  /** Nobody asks anything new. */
  stop(): void {
    this.#isOver = true;
  }

  #next(user: string, pauseMsMax: number): void {
    const { cluster, random, onBug } = this.#parts;
    cluster.clock.after(random.float() * pauseMsMax, () => {
      if (this.#isOver) return;
      this.#act(user).then(() => this.#next(user, pauseMsMax), onBug);
    });
  }

  async #act(user: string): Promise<void> {
    const { random, keys } = this.#parts;
    const key = random.pick(keys);
    const dice = random.float();
    this.asked += 1;
    if (dice < 0.35) await this.read(user, key);
    else if (dice < 0.42) await this.list(user);
    else if (dice < 0.44) await this.#deleteRange(user);
    else if (dice < 0.54)
      await this.#write(user, key, { verb: 'delete', condition: this.#condition(key) });
    else await this.#write(user, key, this.#put(key));
  }

  /** Reads one key. Whether an answer came. */
  async read(user: string, key: string, budgetMs?: number): Promise<boolean> {
    const { history } = this.#parts;
    const entry = history.open(key, { verb: 'get' }, `${user} get`);
    const operation = { verb: 'get' as const, key, opId: '', callerOpId: false, requestId: user };
    const outcome = await this.#call(
      user,
      async (runtime, deadline) => {
        const { answer } = await runtime.keys.execute(operation, deadline);
        const isLarge = answer.status === 200 && answer.value === undefined;
        return isLarge ? streamed(runtime, operation, deadline) : answer;
      },
      budgetMs,
    );
    if (outcome.kind !== 'answered') {
      history.drop(entry, reasonOf(outcome));
      return false;
    }
    this.#note(entry, outcome.value);
    return true;
  }

  /** Lists all keys. The rows, or undefined when no answer came. */
  async list(user: string, budgetMs?: number): Promise<ReadonlyMap<string, string> | undefined> {
    const { history, keys, random } = this.#parts;
    const entries = keys.map((key) => history.open(key, { verb: 'get' }, `${user} list`));
    const limit = random.pick([3, 100]);
    const rows = new Map<string, string>();
    let after: string | undefined;
    do {
      const options = { limit, values: true, anyCopy: false, partial: false };
      const range = { after };
      const outcome = await this.#call(
        user,
        (runtime, deadline) => runtime.ranges.list(range, options, deadline),
        budgetMs,
      );
      if (outcome.kind !== 'answered') {
        for (const entry of entries) history.drop(entry, reasonOf(outcome));
        return undefined;
      }
      for (const row of outcome.value.rows) {
        const text = row.valueBase64 && Buffer.from(row.valueBase64, 'base64').toString();
        // A listing does not show large values.
        this.#checkValue(row.key, row.etag, text ?? this.#sent.get(row.etag));
        if (rows.has(row.key)) throw new Error(`a listing shows ${row.key} twice`);
        rows.set(row.key, row.etag);
      }
      after = outcome.value.next;
    } while (after !== undefined);
    for (const key of rows.keys()) {
      if (!keys.includes(key)) throw new Error(`a listing invents key ${key}`);
    }
    for (const entry of entries) {
      history.close(entry, { kind: 'found', etag: rows.get(entry.key) });
    }
    return rows;
  }

  #put(key: string): Extract<Question, { verb: 'put' }> & { readonly text: string } {
    this.#values += 1;
    const size = this.#parts.random.pick([0, 0, 40, 700]);
    const text = `${key}#${this.#values}${'.'.repeat(size)}`;
    const etag = etagOf(CONTENT_TYPE, Buffer.from(text));
    this.#sent.set(etag, text);
    return { verb: 'put', etag, condition: this.#condition(key), text };
  }

  #condition(key: string): Condition {
    const { random } = this.#parts;
    const dice = random.float();
    if (dice < 0.25) return { kind: 'ifAbsent' };
    const etag = this.#seen.get(key);
    return dice < 0.6 && etag !== undefined ? { kind: 'ifMatch', etag } : { kind: 'none' };
  }

  /** One write; under a caller's id it is repeated while its outcome is unknown, as a careful user does. */
  async #write(
    user: string,
    key: string,
    question: Exclude<Question, { verb: 'get' }> & { readonly text?: string },
  ): Promise<void> {
    const { history, random, trace } = this.#parts;
    // A delete under a condition on absence makes no sense and is not asked.
    const condition: Condition =
      question.verb === 'delete' && question.condition.kind === 'ifAbsent'
        ? { kind: 'none' }
        : question.condition;
    const entry = history.open(key, { ...question, condition }, labelOf(user, question, condition));
    trace(`${entry.askedAt} ${entry.label} ${key}`);
    const callers = random.chance(0.3) ? `caller-${user}-${this.asked}` : undefined;
    const operation: Omit<UserOperation, 'opId'> = {
      verb: question.verb,
      key,
      callerOpId: callers !== undefined,
      requestId: user,
      ...(question.text === undefined
        ? {}
        : { value: Buffer.from(question.text), contentType: CONTENT_TYPE }),
      ...(condition.kind === 'ifMatch' ? { ifMatch: condition.etag } : {}),
      ...(condition.kind === 'ifAbsent' ? { ifNoneMatch: '*' } : {}),
    };
    const isLarge = question.verb === 'put' && random.chance(0.15);
    let isUnknown = false;
    for (let tries = callers === undefined ? 1 : 4; tries > 0; tries -= 1) {
      const outcome = await this.#call(user, async (runtime, deadline) => {
        const full = { ...operation, opId: callers ?? runtime.newOpId() };
        if (isLarge) return streamed(runtime, full, deadline);
        return (await runtime.keys.execute(full, deadline)).answer;
      });
      if (outcome.kind === 'answered') return this.#note(entry, outcome.value);
      isUnknown ||= mayHaveHappened(outcome);
      if (!isUnknown) return history.drop(entry, reasonOf(outcome));
    }
  }

  async #deleteRange(user: string): Promise<void> {
    const { history, keys } = this.#parts;
    const condition = { kind: 'none' } as const;
    const entries = keys.map((key) =>
      history.open(key, { verb: 'delete', condition }, `${user} delete all`),
    );
    const outcome = await this.#call(user, (runtime, deadline) => {
      const operation = identityOf({}, runtime.newOpId);
      return runtime.ranges.deleteRange({}, operation, deadline);
    });
    // Some shards may be through when another one refuses, so anything but an answer says nothing.
    for (const entry of entries) {
      if (outcome.kind === 'answered') history.close(entry, { kind: 'done' });
      else if (outcome.kind === 'refused') history.drop(entry, reasonOf(outcome));
    }
  }

  #note(entry: Entry, answer: KeyAnswer): void {
    const { history } = this.#parts;
    const { status, etag } = answer;
    if (etag !== undefined) this.#seen.set(entry.key, etag);
    if (status === 200) this.#checkValue(entry.key, etag, answer.value?.toString());
    history.close(entry, meaningOf(answer, entry.label));
  }

  /** What is read is what some user sent for this key, whole. */
  #checkValue(key: string, etag: string | undefined, text: string | undefined): void {
    const sent = etag === undefined ? undefined : this.#sent.get(etag);
    if (sent !== undefined && sent === text && sent.startsWith(`${key}#`)) return;
    throw new Error(`key ${key} holds ${etag} with ${text?.length} bytes, which nobody sent`);
  }

  /** One request on a connection of its own. */
  #call<T>(
    user: string,
    work: (runtime: CoordinatorRuntime, deadline: Deadline) => Promise<T>,
    budgetMs?: number,
  ): Promise<Outcome<T>> {
    const { cluster, random, trace, onBug } = this.#parts;
    const { runtime, life, clock } = cluster.coordinator;
    if (!runtime || !life || !clock) return Promise.resolve({ kind: 'refused' });
    const timeMs = budgetMs ?? random.pick(DEADLINES_MS);
    return new Promise((resolve) => {
      const end = (outcome: Outcome<T>): void => {
        timer.cancel();
        forget();
        if (outcome.kind !== 'answered') this.unanswered += 1;
        trace(`${user} ${outcome.kind} ${outcome.kind === 'failed' ? outcome.error.code : ''}`);
        resolve(outcome);
      };
      const timer = cluster.clock.after(timeMs + PATIENCE_MS, () => end({ kind: 'lost' }));
      const forget = life.onEnd(() => end({ kind: 'lost' }));
      life.enter(() => {
        work(runtime, deadlineIn(clock, timeMs)).then(
          (value) => end({ kind: 'answered', value }),
          (reason: unknown) => {
            const error = asToruaError(reason);
            if (!(reason instanceof ToruaError) || error.definition.status === 500) onBug(reason);
            end({ kind: 'failed', error });
          },
        );
      });
    });
  }
}

/** The contract: only a 502 or 504 that says so leaves a write's outcome open; so does a broken connection. */
function mayHaveHappened(outcome: Outcome<unknown>): boolean {
  if (outcome.kind === 'lost') return true;
  return outcome.kind === 'failed' && outcome.error.fields['outcome'] === 'unknown';
}

/** The answer in the history's words. */
function meaningOf({ status, etag }: KeyAnswer, label: string): Answer {
  switch (status) {
    case 200:
      return { kind: 'found', etag };
    case 204:
      return { kind: 'done' };
    case 404:
      return { kind: 'found', etag: undefined };
    case 412:
      return { kind: 'unmet', etag };
    default:
      throw new Error(`a user was answered ${status} to ${label}`);
  }
}

function reasonOf(outcome: Outcome<unknown>): string {
  return outcome.kind === 'failed' ? outcome.error.code : outcome.kind;
}

function labelOf(user: string, question: Question, condition: Condition): string {
  const etag = question.verb === 'put' ? ` ${question.etag.slice(0, 6)}` : '';
  const wanted =
    condition.kind === 'ifMatch' ? ` if-match ${condition.etag.slice(0, 6)}` : ` ${condition.kind}`;
  return `${user} ${question.verb}${etag}${condition.kind === 'none' ? '' : wanted}`;
}
