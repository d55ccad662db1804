/**
 * The newest facts about keys, in layers: appended but not committed (`pending`), committed but not in the store
 * (memtable, kept aside), cached, stored. Conditions look at all of them; readers start at the committed ones.
 */
import type { CopyId, Seq } from '../kernel/ids.ts';
import type { Memtable, MemtableEntry } from './memtable.ts';
import type { ShardStore, StoredValue } from './store.ts';
import type { ValueCache } from './value-cache.ts';

/** What a layer knows about a key: a value, its absence, or nothing. */
export type Knowledge = { readonly stored: StoredValue | undefined } | undefined;

/** A change that was appended and is not yet committed. */
export interface PendingChange extends MemtableEntry {
  /** True once the change is committed, false once it has failed. Never rejects. */
  readonly settled: Promise<boolean>;
}

/** A read of the store under way. `fresh` turns false as soon as anything is appended for its key. */
interface Load {
  readonly row: Promise<StoredValue | undefined>;
  fresh: boolean;
}

/** See the module. */
export class NewestValues {
  readonly #copyId: CopyId;
  readonly #cache: ValueCache;
  readonly #pending = new Map<string, PendingChange>();
  readonly #loads = new Map<string, Load>();
  /** Committed changes that the store refused; an operator decides about them. */
  readonly aside = new Map<string, MemtableEntry>();
  readonly memtable: Memtable;
  store: ShardStore;
  cacheHits = 0;
  cacheMisses = 0;

  constructor(parts: { copyId: CopyId; memtable: Memtable; store: ShardStore; cache: ValueCache }) {
    this.#copyId = parts.copyId;
    this.#cache = parts.cache;
    this.memtable = parts.memtable;
    this.store = parts.store;
  }

  /** The newest appended fact, if it is known without asking the store. */
  appended(key: string): (Knowledge & { readonly pending?: PendingChange }) | undefined {
    const pending = this.#pending.get(key);
    if (pending) return { stored: pending.stored, pending };
    return this.committed(key);
  }

  /** The newest committed fact, if it is known without asking the store. */
  committed(key: string): Knowledge {
    const entry = this.memtable.get(key) ?? this.aside.get(key);
    if (entry) {
      this.cacheHits += 1;
      return entry;
    }
    const cached = this.#cache.get(this.#copyId, key);
    if (cached) this.cacheHits += 1;
    else this.cacheMisses += 1;
    return cached ? { stored: cached } : undefined;
  }

  /** The store's row, read once for all who ask at the same time; kept in the cache if nothing newer came. */
  load(key: string): Load {
    const running = this.#loads.get(key);
    if (running) return running;
    const load: { row: Promise<StoredValue | undefined>; fresh: boolean } = {
      fresh: true,
      row: this.store.read(key).then(
        (stored) => {
          if (load.fresh && stored?.value) this.#cache.set(this.#copyId, key, stored);
          this.#forget(key, load);
          return stored;
        },
        (reason: unknown) => {
          this.#forget(key, load);
          throw reason;
        },
      ),
    };
    this.#loads.set(key, load);
    return load;
  }

  /** Notes an appended change. */
  append(key: string, change: PendingChange): void {
    this.#pending.set(key, change);
    const load = this.#loads.get(key);
    if (load) {
      load.fresh = false;
      this.#loads.delete(key);
    }
  }

  /** Makes an appended change visible. */
  commit(key: string, change: MemtableEntry): void {
    this.memtable.set(key, change);
    this.aside.delete(key);
    if (change.stored?.value) this.#cache.set(this.#copyId, key, change.stored);
    else this.#cache.delete(this.#copyId, key);
    this.withdraw(key, change.seq);
  }

  /** Takes an appended change back: it was committed, or it did not get into the log. */
  withdraw(key: string, seq: Seq): void {
    if (this.#pending.get(key)?.seq === seq) this.#pending.delete(key);
  }

  /** Whether a committed or appended change refers to the blob without the store knowing. */
  refersTo(blob: string): boolean {
    for (const change of this.#pending.values()) if (change.stored?.blob === blob) return true;
    for (const entry of this.aside.values()) if (entry.stored?.blob === blob) return true;
    for (const [, entry] of this.memtable.entries()) if (entry.stored?.blob === blob) return true;
    return false;
  }

  #forget(key: string, load: Load): void {
    if (this.#loads.get(key) === load) this.#loads.delete(key);
  }
}
