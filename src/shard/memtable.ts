/**
 * Committed changes that the store does not hold yet. Two generations: `active` takes new ones, `applying` is on its
 * way into the store; reads look at both. Bounded by bytes and rows: whoever finds it full waits.
 */
import { assert } from '../kernel/assert.ts';
import type { Seq } from '../kernel/ids.ts';
import type { Outcome, StoreChange, StoredValue } from './store.ts';

/** The newest committed fact about a key; `stored` undefined means deleted. */
export interface MemtableEntry {
  readonly stored: StoredValue | undefined;
  readonly seq: Seq;
}

/** A committed change of one key. */
export interface CommittedChange extends MemtableEntry {
  readonly key: string;
}

/** Fixed cost of an entry beside its bytes: map slot, strings' headers, objects. Measured roughly, meant as a bound. */
const ENTRY_OVERHEAD_BYTES = 250;

/** Bounds of one generation. Both together hold twice as much, and what was on its way to the disk when it was full. */
export interface MemtableLimits {
  /** Bytes of keys and values. */
  readonly bytesMax: number;
  /** Changes and outcomes: what one transaction of the store takes. */
  readonly rowsMax: number;
}

/** What one swap handed over. */
export interface Generation {
  readonly changes: readonly CommittedChange[];
  /** Everything committed up to here is in this generation or older ones. */
  readonly seq: Seq;
  /** Outcomes of callers' keys that were recorded with these changes; at most one a key. */
  readonly outcomes: readonly Outcome[];
}

/** See the module. */
export class Memtable {
  readonly #limits: MemtableLimits;
  #active = new Map<string, MemtableEntry>();
  #activeBytes = 0;
  #applying: ReadonlyMap<string, MemtableEntry> = new Map();
  #applyingBytes = 0;
  #activeOutcomes = new Map<string, Outcome>();
  #applyingOutcomes: ReadonlyMap<string, Outcome> = new Map();
  #lastSeq: Seq;
  #applyingSeq: Seq;
  #storedSeq: Seq;

  constructor(limits: MemtableLimits, appliedSeq: Seq) {
    this.#limits = limits;
    this.#lastSeq = appliedSeq;
    this.#applyingSeq = appliedSeq;
    this.#storedSeq = appliedSeq;
  }

  /** The newest committed fact that the store may not hold yet. */
  get(key: string): MemtableEntry | undefined {
    return this.#active.get(key) ?? this.#applying.get(key);
  }

  /** Makes a committed change visible. Contract: in the order of `entry.seq`. */
  set(key: string, entry: MemtableEntry): void {
    assert(entry.seq >= this.#lastSeq, 'changes are committed in the order of the log');
    this.#put(key, entry);
    this.#lastSeq = entry.seq;
  }

  /** Notes a committed record that changes no key, so that the applied seq can pass it. */
  pass(passed: Seq): void {
    assert(passed >= this.#lastSeq, 'records are committed in the order of the log');
    this.#lastSeq = passed;
  }

  /** Notes an outcome that goes into the store with the changes committed so far; an older one of its id is void. */
  note(outcome: Outcome): void {
    this.#activeOutcomes.set(outcome.opId, outcome);
  }

  /** Newest committed seq seen. */
  get lastSeq(): Seq {
    return this.#lastSeq;
  }

  /** Everything committed up to here was handed over and arrived: the store has to hold it. */
  get storedSeq(): Seq {
    return this.#storedSeq;
  }

  /** Also true while both generations together are too large: a store that takes nothing must not fill memory. */
  get full(): boolean {
    const { bytesMax, rowsMax } = this.#limits;
    const activeRows = this.#active.size + this.#activeOutcomes.size;
    const applyingRows = this.#applying.size + this.#applyingOutcomes.size;
    return (
      this.#activeBytes >= bytesMax ||
      activeRows >= rowsMax ||
      this.#activeBytes + this.#applyingBytes >= 2 * bytesMax ||
      activeRows + applyingRows >= 2 * rowsMax
    );
  }

  /** Bytes held in both generations. */
  get bytes(): number {
    return this.#activeBytes + this.#applyingBytes;
  }

  /** Changes held in both generations. */
  get rows(): number {
    return this.#active.size + this.#applying.size;
  }

  get activeRows(): number {
    return this.#active.size;
  }

  /** Begins a new generation and hands over the old one; reads see it until `applied`. */
  swap(): Generation {
    this.#applying = this.#active;
    this.#applyingBytes = this.#activeBytes;
    this.#applyingSeq = this.#lastSeq;
    this.#active = new Map();
    this.#activeBytes = 0;
    this.#applyingOutcomes = this.#activeOutcomes;
    this.#activeOutcomes = new Map();
    return {
      changes: Array.from(this.#applying, ([key, { stored, seq }]) => ({ key, stored, seq })),
      seq: this.#applyingSeq,
      outcomes: [...this.#applyingOutcomes.values()],
    };
  }

  /** The generation that was handed over is in the store. */
  applied(): void {
    this.#storedSeq = this.#applyingSeq;
    this.#forgetApplying();
  }

  /** The generation that was handed over did not get into the store: it is active again, below what came since. */
  unswap(): void {
    const newer = this.#active;
    this.#active = new Map(this.#applying);
    this.#activeBytes = this.#applyingBytes;
    this.#activeOutcomes = new Map([...this.#applyingOutcomes, ...this.#activeOutcomes]);
    for (const [key, entry] of newer) this.#put(key, entry);
    this.#forgetApplying();
  }

  /** All entries of both generations, the newer one of a key; in no order. */
  *entries(): IterableIterator<[string, MemtableEntry]> {
    yield* this.#active;
    for (const pair of this.#applying) if (!this.#active.has(pair[0])) yield pair;
  }

  #put(key: string, entry: MemtableEntry): void {
    const before = this.#active.get(key);
    if (before) this.#activeBytes -= costOf(key, before);
    this.#active.set(key, entry);
    this.#activeBytes += costOf(key, entry);
  }

  #forgetApplying(): void {
    this.#applying = new Map();
    this.#applyingBytes = 0;
    this.#applyingOutcomes = new Map();
  }
}

/** A committed change as the store wants it. */
export function storeChangeOf({ key, stored }: CommittedChange): StoreChange {
  return stored ? { kind: 'put', key, stored } : { kind: 'delete', key };
}

function costOf(key: string, entry: MemtableEntry): number {
  return key.length + (entry.stored?.value?.length ?? 0) + ENTRY_OVERHEAD_BYTES;
}
