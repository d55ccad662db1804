/**
 * The newest facts about keys, in layers: appended but not committed (`pending`), committed but not in the store
 * (memtable, kept aside), cached, stored. Conditions look at all of them; readers start at the committed ones.
 */
import { ToruaError } from '../kernel/errors.ts';
import type { CopyId, Seq } from '../kernel/ids.ts';
import type { Memtable, MemtableEntry } from './memtable.ts';
import type { ShardStore, StoredValue } from './store.ts';
import type { ValueCache } from './value-cache.ts';

/** What a layer knows about a key: a value, its absence, or nothing. */
export type Knowledge = { readonly stored: StoredValue | undefined } | undefined;

/** A change that was appended and is not yet committed. */
export interface PendingChange extends MemtableEntry {
  /** Resolves when the log has it, which is before it is committed here; rejects when the log refused it. */
  readonly durable: Promise<void>;
}

/**
 * A read of the store under way. `fresh` turns false as soon as anything is committed for its key; what is appended and
 * not committed yet, `appended` knows.
 */
export interface Load {
  readonly row: Promise<StoredValue | undefined>;
  fresh: boolean;
}

/** What is newer than the store's rows: known when the watch began, or appended since. `end` it when done. */
export interface Watch {
  readonly keys: Set<string>;
  readonly blobs: Set<string>;
  end(): void;
}

/** See the module. */
export class NewestValues {
  readonly #copyId: CopyId;
  readonly #cache: ValueCache;
  readonly #pending = new Map<string, PendingChange>();
  readonly #loads = new Map<string, Load>();
  readonly #watches = new Set<Watch>();
  #rebuilds = 0;
  #isRebuilding = false;
  #isClosed = false;
  /** Committed changes that the store refused; an operator decides about them. */
  readonly aside: ReadonlyMap<string, MemtableEntry>;
  readonly memtable: Memtable;
  readonly store: ShardStore;
  cacheHits = 0;
  cacheMisses = 0;

  constructor(parts: {
    copyId: CopyId;
    memtable: Memtable;
    store: ShardStore;
    cache: ValueCache;
    aside: ReadonlyMap<string, MemtableEntry>;
  }) {
    this.#copyId = parts.copyId;
    this.#cache = parts.cache;
    this.store = parts.store;
    this.aside = parts.aside;
    this.memtable = parts.memtable;
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
      row: this.readStore((store) => store.read(key)).then(
        (stored) => {
          if (load.fresh && isInline(stored)) this.#cache.set(this.#copyId, key, stored);
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

  /**
   * Reads the store, unless it lacks what was committed: while it is rebuilt its rows are old ones, and so is an answer
   * that was begun before. Errors: `shard_opening`.
   */
  async readStore<T>(read: (store: ShardStore) => Promise<T>): Promise<T> {
    this.#checkReadable();
    const rebuilds = this.#rebuilds;
    const result = await read(this.store);
    this.#checkReadable();
    if (rebuilds !== this.#rebuilds) throw opening();
    return result;
  }

  /** The store is about to fall back to its base: it is not read before `rebuilt`. */
  rebuilding(): void {
    this.#isRebuilding = true;
    this.#rebuilds += 1;
  }

  /** The store holds again what readers expect of it. */
  rebuilt(): void {
    this.#isRebuilding = false;
  }

  /** From now on the store is not asked and nothing gets into the cache. */
  close(): void {
    this.#isClosed = true;
    for (const load of this.#loads.values()) load.fresh = false;
    this.#cache.drop(this.#copyId);
  }

  /** Notes an appended change. */
  append(key: string, change: PendingChange): void {
    this.#pending.set(key, change);
    for (const watch of this.#watches) note(watch, key, change);
  }

  /** Makes an appended change visible. Contract: in the order of `change.seq`. */
  commit(key: string, change: MemtableEntry): void {
    this.memtable.set(key, change);
    // A read that is under way must neither put the older value into the cache after this, nor answer new readers.
    this.#outdate(key);
    const { stored } = change;
    if (isInline(stored) && !this.#isClosed) this.#cache.set(this.#copyId, key, stored);
    else this.#cache.delete(this.#copyId, key);
    this.withdraw(key, change.seq);
  }

  /** Takes an appended change back: it was committed, or it did not get into the log. */
  withdraw(key: string, seq: Seq): void {
    if (this.#pending.get(key)?.seq === seq) this.#pending.delete(key);
  }

  /** Forgets what is cached of a key: its newest change was given up. */
  uncache(key: string): void {
    this.#outdate(key);
    this.#cache.delete(this.#copyId, key);
  }

  /** Begins to note what is newer than the store's rows as they are read from now on. */
  watch(): Watch {
    const watch: Watch = {
      keys: new Set(),
      blobs: new Set(),
      end: () => void this.#watches.delete(watch),
    };
    for (const [key, change] of this.#pending) note(watch, key, change);
    for (const [key, entry] of this.aside) note(watch, key, entry);
    for (const [key, entry] of this.memtable.entries()) note(watch, key, entry);
    this.#watches.add(watch);
    return watch;
  }

  #outdate(key: string): void {
    if (this.#loads.size === 0) return;
    const load = this.#loads.get(key);
    if (!load) return;
    load.fresh = false;
    this.#loads.delete(key);
  }

  #forget(key: string, load: Load): void {
    if (this.#loads.get(key) === load) this.#loads.delete(key);
  }

  #checkReadable(): void {
    if (this.#isClosed || this.#isRebuilding) throw opening();
  }
}

function isInline(stored: StoredValue | undefined): stored is StoredValue & { value: Buffer } {
  return stored?.value !== undefined;
}

function note(watch: Watch, key: string, entry: MemtableEntry): void {
  watch.keys.add(key);
  if (entry.stored?.blob !== undefined) watch.blobs.add(entry.stored.blob);
}

function opening(): ToruaError {
  const detail = 'The store of this copy is being rebuilt or closed.';
  return new ToruaError('shard_opening', detail, { retryAfterMs: 200 });
}
