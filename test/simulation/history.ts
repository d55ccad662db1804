/**
 * What users asked and were told, key by key, and whether one register could have answered so: every acknowledged
 * operation takes effect once, at some moment between question and answer; one of unknown outcome at most once, at any
 * moment behind its question; a refused one never.
 */

/** What an operation asks of one key. Etags stand for values: each write has its own. */
export type Question =
  | { readonly verb: 'get' }
  | { readonly verb: 'put'; readonly etag: string; readonly condition: Condition }
  | { readonly verb: 'delete'; readonly condition: Condition };

/** `ifMatch`: this etag is there. `ifAbsent`: none is. */
export type Condition =
  | { readonly kind: 'none' }
  | { readonly kind: 'ifAbsent' }
  | { readonly kind: 'ifMatch'; readonly etag: string };

/** What was answered. `etag` undefined: the key is not there. */
export type Answer =
  | { readonly kind: 'found'; readonly etag: string | undefined }
  | { readonly kind: 'done' }
  /** The condition did not hold; the etag that stood against it. */
  | { readonly kind: 'unmet'; readonly etag: string | undefined }
  | { readonly kind: 'unknown' };

/** One operation on one key. Times are positions in the order of the run. */
export interface Entry {
  readonly key: string;
  readonly question: Question;
  readonly askedAt: number;
  answeredAt: number;
  answer: Answer;
  /** For people. */
  readonly label: string;
}

/** The operations of a run. */
export class History {
  readonly #byKey = new Map<string, Entry[]>();
  /** Operations that were refused, with the reason; only told, never part of an explanation. */
  readonly #refused: { readonly entry: Entry; readonly reason: string }[] = [];
  #order = 0;

  /** Notes a question; its outcome is unknown until `close` or `drop`. */
  open(key: string, question: Question, label: string): Entry {
    this.#order += 1;
    const answeredAt = Number.POSITIVE_INFINITY;
    const answer: Answer = { kind: 'unknown' };
    const entry: Entry = { key, question, askedAt: this.#order, answeredAt, answer, label };
    const entries = this.#byKey.get(key);
    if (entries) entries.push(entry);
    else this.#byKey.set(key, [entry]);
    return entry;
  }

  /** The answer came. */
  close(entry: Entry, answer: Answer): void {
    this.#order += 1;
    entry.answeredAt = this.#order;
    entry.answer = answer;
  }

  /** The operation was refused: it never happens. Also for a read that nobody answered. */
  drop(entry: Entry, reason: string): void {
    if (entry.question.verb !== 'get') this.#refused.push({ entry, reason });
    const entries = this.#byKey.get(entry.key);
    entries?.splice(entries.indexOf(entry), 1);
  }

  keys(): string[] {
    return [...this.#byKey.keys()];
  }

  entries(key: string): readonly Entry[] {
    return this.#byKey.get(key) ?? [];
  }

  /** Throws for the first key whose answers no register could have given. */
  check(): void {
    for (const [key, entries] of this.#byKey) {
      if (isRegister(entries)) continue;
      const refused = this.#refused
        .filter(({ entry }) => entry.key === key)
        .map(({ entry, reason }) => `  ${entry.askedAt} ${entry.label} -> refused: ${reason}`);
      throw new Error(`no register answers like ${key}:\n${told(entries)}\n${refused.join('\n')}`);
    }
  }
}

/** The operations of one key as text, in the order of their questions. */
export function told(entries: readonly Entry[]): string {
  return [...entries]
    .sort((left, right) => left.askedAt - right.askedAt)
    .map(({ askedAt, answeredAt, label, answer }) => {
      const etag = 'etag' in answer ? ` ${answer.etag?.slice(0, 6) ?? 'absent'}` : '';
      return `  ${askedAt}..${answeredAt} ${label} -> ${answer.kind}${etag}`;
    })
    .join('\n');
}

/** Steps of the search before it gives up: a run that needs more says nothing and must be made smaller. */
const STEPS_MAX = 100_000;

/** Whether some order explains the answers. */
export function isRegister(all: readonly Entry[]): boolean {
  const entries = all.filter((entry) => entry.answer.kind !== 'unknown' || isNamed(entry, all));
  return new Search(entries).run();
}

/** Whether anything tells of the value that a write of unknown outcome may have left. */
function isNamed({ question }: Entry, all: readonly Entry[]): boolean {
  if (question.verb !== 'put') return true;
  const { etag } = question;
  return all.some(({ answer, question: other }) => {
    const isWanted =
      other.verb !== 'get' && other.condition.kind === 'ifMatch' && other.condition.etag === etag;
    return isWanted || ('etag' in answer && answer.etag === etag);
  });
}

/**
 * The search of Wing and Gong with the memory of Lowe: what was tried with the same operations done and the same value
 * is not tried again. An answer that changes nothing and fits is taken at once: it can only stand in the way later.
 */
class Search {
  readonly #entries: readonly Entry[];
  readonly #done: Uint8Array;
  readonly #seen = new Set<string>();
  #steps = 0;

  constructor(entries: readonly Entry[]) {
    this.#entries = [...entries].sort((left, right) => left.askedAt - right.askedAt);
    this.#done = new Uint8Array(entries.length);
  }

  run(): boolean {
    const certain = this.#entries.filter(({ answer }) => answer.kind !== 'unknown');
    return this.#from(undefined, certain.length);
  }

  #from(value: string | undefined, left: number): boolean {
    if (left === 0) return true;
    this.#steps += 1;
    if (this.#steps > STEPS_MAX)
      throw new Error('the history of one key is too long to be checked');
    const memory = `${value ?? ''}/${Buffer.from(this.#done).toString('latin1')}`;
    if (this.#seen.has(memory)) return false;
    this.#seen.add(memory);
    const next = this.#candidates(value);
    const idle = next.find(({ entry }) => isIdle(entry));
    if (idle) return this.#take(idle, left);
    // What was certainly done first: most of what is unknown is not needed.
    const [sure, unsure] = [next.filter(isSure), next.filter((one) => !isSure(one))];
    return [...sure, ...unsure].some((one) => this.#take(one, left));
  }

  #take({ index, entry, value }: Candidate, left: number): boolean {
    this.#done[index] = 1;
    if (this.#from(value, left - (entry.answer.kind === 'unknown' ? 0 : 1))) return true;
    this.#done[index] = 0;
    return false;
  }

  /** What may take effect next: nothing behind the answer of an operation that has not. */
  #candidates(value: string | undefined): Candidate[] {
    const next: Candidate[] = [];
    let hasLooseDelete = false;
    let firstAnswer = Number.POSITIVE_INFINITY;
    for (let index = 0; index < this.#entries.length; index += 1) {
      const entry = this.#entries[index] as Entry;
      if (entry.askedAt > firstAnswer) break;
      if (this.#done[index] !== 0) continue;
      firstAnswer = Math.min(firstAnswer, entry.answeredAt);
      const after = effect(entry, value);
      if (after === 'impossible') continue;
      // Deletes of unknown outcome are all alike once they were asked, so one stands for all.
      if (isLooseDelete(entry)) {
        if (hasLooseDelete) continue;
        hasLooseDelete = true;
      }
      next.push({ index, entry, value: after.value });
    }
    return next;
  }
}

/** An operation that may take effect now, and the value behind it. */
interface Candidate {
  readonly index: number;
  readonly entry: Entry;
  readonly value: string | undefined;
}

const isIdle = ({ answer }: Entry): boolean => answer.kind === 'found' || answer.kind === 'unmet';
const isLooseDelete = ({ question, answer }: Entry): boolean =>
  answer.kind === 'unknown' && question.verb === 'delete' && question.condition.kind === 'none';
const isSure = ({ entry }: Candidate): boolean => entry.answer.kind !== 'unknown';

/** The value behind the operation, if it can have answered so now. */
function effect(
  { question, answer }: Entry,
  value: string | undefined,
): { readonly value: string | undefined } | 'impossible' {
  if (answer.kind === 'found') return answer.etag === value ? { value } : 'impossible';
  if (question.verb === 'get') return { value };
  const holds = isMet(question.condition, value);
  if (answer.kind === 'unmet') {
    return !holds && answer.etag === value ? { value } : 'impossible';
  }
  // Of an unknown outcome without effect there is nothing to try.
  const isVain = answer.kind === 'unknown' && question.verb === 'delete' && value === undefined;
  if (!holds || isVain) return 'impossible';
  return { value: question.verb === 'put' ? question.etag : undefined };
}

function isMet(condition: Condition, value: string | undefined): boolean {
  switch (condition.kind) {
    case 'none':
      return true;
    case 'ifAbsent':
      return value === undefined;
    case 'ifMatch':
      return value === condition.etag;
  }
}
