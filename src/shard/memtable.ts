/**
 * Committed changes that the store does not hold yet. Two generations: `active` takes new ones, `applying` is on its
 * way into the store; reads look at both. Bounded by bytes and rows: whoever finds it full waits.
 */
import type { Seq } from '../kernel/ids.ts';
import type { Outcome, StoreChange, StoredValue } from './store.ts';

/** The newest committed fact about a key; `stored` undefined means deleted. */
export interface MemtableEntry {
  readonly stored: StoredValue | undefined;
  readonly seq: Seq;
}

/** Fixed cost of an entry beside its bytes: map slot, strings' headers, objects. Measured roughly, meant as a bound. */
const ENTRY_OVERHEAD_BYTES = 250;

/** Bounds of one generation. */
export interface MemtableLimits {
  /** Bytes of keys and values. */
  readonly bytesMax: number;
  /** Changes: what one transaction of the store takes. */
  readonly rowsMax: number;
}

/** What one swap handed over. */
export interface Generation {
  readonly changes: ReadonlyMap<string, MemtableEntry>;
  /** Everything committed up to here is in this generation or older ones. */
  readonly seq: Seq;
  /** Outcomes of callers' keys that were recorded with these changes. */
  readonly outcomes: readonly Outcome[];
}

/** See the module. */
export class Memtable {
  readonly #limits: MemtableLimits;
  #active = new Map<string, MemtableEntry>();
  #activeBytes = 0;
  #applying: ReadonlyMap<string, MemtableEntry> = new Map();
  #applyingBytes = 0;
  #activeOutcomes: Outcome[] = [];
  #applyingOutcomes: readonly Outcome[] = [];
  #lastSeq: Seq;

  constructor(limits: MemtableLimits, appliedSeq: Seq) {
    this.#limits = limits;
    this.#lastSeq = appliedSeq;
  }

  /** The newest committed fact that the store may not hold yet. */
  get(key: string): MemtableEntry | undefined {
    return this.#active.get(key) ?? this.#applying.get(key);
  }

  /** Makes a committed change visible. Contract: in the order of `entry.seq`. */
  set(key: string, entry: MemtableEntry): void {
    const before = this.#active.get(key);
    if (before) this.#activeBytes -= costOf(key, before);
    this.#active.set(key, entry);
    this.#activeBytes += costOf(key, entry);
    this.#lastSeq = entry.seq;
  }

  /** Notes a committed record that changes no key, so that the applied seq can pass it. */
  pass(passed: Seq): void {
    this.#lastSeq = passed;
  }

  /** Notes an outcome that goes into the store with the changes committed so far. */
  note(outcome: Outcome): void {
    this.#activeOutcomes.push(outcome);
  }

  /** Newest committed seq seen. */
  get lastSeq(): Seq {
    return this.#lastSeq;
  }

  get full(): boolean {
    return this.#activeBytes >= this.#limits.bytesMax || this.#active.size >= this.#limits.rowsMax;
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
    this.#active = new Map();
    this.#activeBytes = 0;
    this.#applyingOutcomes = this.#activeOutcomes;
    this.#activeOutcomes = [];
    return { changes: this.#applying, seq: this.#lastSeq, outcomes: this.#applyingOutcomes };
  }

  /** The generation that was handed over is in the store. */
  applied(): void {
    this.#applying = new Map();
    this.#applyingBytes = 0;
    this.#applyingOutcomes = [];
  }

  /** The generation that was handed over did not get into the store: it is active again, below what came since. */
  unswap(): void {
    const newer = this.#active;
    this.#active = new Map(this.#applying);
    this.#activeBytes = this.#applyingBytes;
    this.#activeOutcomes = [...this.#applyingOutcomes, ...this.#activeOutcomes];
    const last = this.#lastSeq;
    for (const [key, entry] of newer) this.set(key, entry);
    this.#lastSeq = last;
    this.applied();
  }

  /** All entries of both generations, the newer one of a key; in no order. */
  *entries(): IterableIterator<[string, MemtableEntry]> {
    yield* this.#active;
    for (const pair of this.#applying) if (!this.#active.has(pair[0])) yield pair;
  }
}

/** A generation as the store wants it. */
export function changesOf(generation: Generation): StoreChange[] {
  const changes: StoreChange[] = [];
  for (const [key, entry] of generation.changes) {
    changes.push(
      entry.stored ? { kind: 'put', key, stored: entry.stored } : { kind: 'delete', key },
    );
  }
  return changes;
}

function costOf(key: string, entry: MemtableEntry): number {
  return key.length + (entry.stored?.value?.length ?? 0) + ENTRY_OVERHEAD_BYTES;
}
