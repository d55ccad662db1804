/**
 * Values read or written lately, over all copies of a process, bounded by bytes. Eviction is the clock algorithm: the
 * oldest entry goes unless it was read since the hand passed it; a read costs one flag, not a reordering.
 */
import type { CopyId } from '../kernel/ids.ts';
import type { StoredValue } from './store.ts';

/** Fixed cost of an entry beside its bytes: map slot, strings' headers, objects. */
const ENTRY_OVERHEAD_BYTES = 300;
/** A value above this share of the cache is not kept: one of them must not push out everything else. */
const SHARE_MAX = 1 / 16;
/** Entries that are spared in search of one to evict: a cache whose entries were all read must not hold up the loop. */
const SECOND_CHANCES_MAX = 64;

/**
 * Values up to this many bytes are kept as text of one byte a character. As a Buffer a small value is a part of an 8 KiB
 * slab that it shares with whatever was allocated next to it and keeps alive: ten times its size, measured.
 */
const PACKED_BYTES_MAX = 4_096;

interface CacheEntry {
  contentType: string;
  etag: string;
  expiresAtMs: number;
  value: string | Buffer;
  bytes: number;
  used: boolean;
}

/** See the module. A cache of 0 bytes keeps nothing (`VALUE_CACHE=off`). */
export class ValueCache {
  readonly bytesMax: number;
  readonly #copies = new Map<CopyId, Map<string, CacheEntry>>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get(copy: CopyId, key: string): StoredValue | undefined {
    const entry = this.#copies.get(copy)?.get(key);
    if (!entry) return undefined;
    entry.used = true;
    const { contentType, etag, expiresAtMs } = entry;
    const value = unpacked(entry.value);
    return { contentType, etag, bytes: value.length, expiresAtMs, value, blob: undefined };
  }

  /** Keeps an inline value in place of the older one of this key. Contract: it is the newest applied one. */
  set(copy: CopyId, key: string, stored: StoredValue & { readonly value: Buffer }): void {
    const { contentType, etag, expiresAtMs } = stored;
    const bytes = key.length * 2 + stored.value.length + ENTRY_OVERHEAD_BYTES;
    if (bytes > this.bytesMax * SHARE_MAX) {
      this.delete(copy, key);
      return;
    }
    let entries = this.#copies.get(copy);
    if (!entries) {
      entries = new Map();
      this.#copies.set(copy, entries);
    }
    const known = entries.get(key);
    if (known) {
      // In its old place, but spared the next time: half the cost of a new entry at the end.
      this.#bytes += bytes - known.bytes;
      known.contentType = contentType;
      known.etag = etag;
      known.expiresAtMs = expiresAtMs;
      known.value = packed(stored.value);
      known.bytes = bytes;
      known.used = true;
    } else {
      const value = packed(stored.value);
      entries.set(key, { contentType, etag, expiresAtMs, value, bytes, used: false });
      this.#bytes += bytes;
    }
    while (this.#bytes > this.bytesMax) this.#evictFrom(entries);
  }

  delete(copy: CopyId, key: string): void {
    const entries = this.#copies.get(copy);
    const entry = entries?.get(key);
    if (!entry) return;
    entries?.delete(key);
    this.#bytes -= entry.bytes;
  }

  /** Forgets all of a copy. */
  drop(copy: CopyId): void {
    for (const entry of this.#copies.get(copy)?.values() ?? []) this.#bytes -= entry.bytes;
    this.#copies.delete(copy);
  }

  /** The copy that grows pays; when it has nothing old, the others do. */
  #evictFrom(preferred: Map<string, CacheEntry>): void {
    const entries = preferred.size > 1 ? preferred : (largest(this.#copies.values()) ?? preferred);
    let chances = SECOND_CHANCES_MAX;
    for (const [key, entry] of entries) {
      entries.delete(key);
      if (entry.used && chances > 0) {
        chances -= 1;
        entry.used = false;
        entries.set(key, entry);
        continue;
      }
      this.#bytes -= entry.bytes;
      return;
    }
  }
}

function largest(maps: Iterable<Map<string, CacheEntry>>): Map<string, CacheEntry> | undefined {
  let best: Map<string, CacheEntry> | undefined;
  for (const map of maps) if (!best || map.size > best.size) best = map;
  return best;
}

function packed(value: Buffer): string | Buffer {
  return value.length <= PACKED_BYTES_MAX ? value.toString('latin1') : value;
}

function unpacked(value: string | Buffer): Buffer {
  return typeof value === 'string' ? Buffer.from(value, 'latin1') : value;
}
