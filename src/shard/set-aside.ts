/**
 * Changes that the store refused and that wait for an operator, and those an operator gave up. They live in the copy's
 * manifest, values included: a change kept aside is durable by itself, and the log need not be kept for it.
 */
import { ToruaError } from '../kernel/errors.ts';
import { seq as asSeq, type Seq } from '../kernel/ids.ts';
import type { AsideRow, ManifestFile, StoredRow } from './manifest.ts';
import type { CommittedChange, MemtableEntry } from './memtable.ts';
import type { StoredValue } from './store.ts';

/** Changes kept aside at most: bounds the manifest. A store that refuses more is not trusted to be right. */
export const ASIDE_MAX = 100;

/** The changes kept aside of one copy: at most one a key, the newest that the store refused. */
export class SetAside {
  readonly #file: ManifestFile;
  readonly #entries = new Map<string, MemtableEntry>();

  constructor(file: ManifestFile) {
    this.#file = file;
    for (const row of file.current.aside) this.#entries.set(row.key, entryOf(row));
  }

  /** By key. */
  get entries(): ReadonlyMap<string, MemtableEntry> {
    return this.#entries;
  }

  /** Seqs of their records, ascending. */
  get seqs(): number[] {
    const seqs = new Set(Array.from(this.#entries.values(), ({ seq }) => seq as number));
    return [...seqs].sort((left, right) => left - right);
  }

  /** Whether replay passes over this change of the log: it or a newer one of its key is kept aside, or it was given up. */
  covers(key: string, seq: Seq): boolean {
    const kept = this.#entries.get(key);
    if (kept && kept.seq >= seq) return true;
    return this.#file.current.skipped.some((row) => row.seq === seq && row.key === key);
  }

  /**
   * Keeps a change, durably; false when a newer one of its key is kept already.
   * Errors: `storage_failed` when there are too many.
   */
  async keep(change: CommittedChange): Promise<boolean> {
    const { key, stored, seq } = change;
    const known = this.#entries.get(key);
    if (known && known.seq >= seq) return false;
    if (!known && this.#entries.size >= ASIDE_MAX) {
      const detail = `The store refused ${ASIDE_MAX} changes already: it is more likely broken than they are.`;
      throw new ToruaError('storage_failed', detail);
    }
    const row = { seq, key, stored: stored ? rowOf(stored) : null };
    await this.#file.change((manifest) => ({
      ...manifest,
      aside: [...manifest.aside.filter((other) => other.key !== key), row],
    }));
    this.#entries.set(key, { stored, seq });
    return true;
  }

  /** Forgets what is older than these changes of the same keys, durably: they are about to get into the store. */
  async supersede(changes: readonly CommittedChange[]): Promise<void> {
    if (this.#entries.size === 0) return;
    const keys = new Set<string>();
    for (const { key, seq } of changes) {
      const kept = this.#entries.get(key);
      if (kept && kept.seq < seq) keys.add(key);
    }
    if (keys.size === 0) return;
    await this.#file.change((manifest) => ({
      ...manifest,
      aside: manifest.aside.filter(({ key }) => !keys.has(key)),
    }));
    for (const key of keys) this.#entries.delete(key);
  }

  /** Gives the changes of a record up, durably; their keys. `baseSeq`: older ones need not be named any more. */
  async giveUp(seq: number, baseSeq: Seq): Promise<string[]> {
    await this.#file.change((manifest) => ({
      ...manifest,
      aside: manifest.aside.filter((row) => row.seq !== seq),
      skipped: [
        ...manifest.skipped.filter((row) => row.seq > baseSeq),
        ...manifest.aside.filter((row) => row.seq === seq).map(({ key }) => ({ seq, key })),
      ],
    }));
    const keys = [...this.#entries].flatMap(([key, entry]) => (entry.seq === seq ? [key] : []));
    for (const key of keys) this.#entries.delete(key);
    return keys;
  }
}

function rowOf(stored: StoredValue): StoredRow {
  return {
    content_type: stored.contentType,
    etag: stored.etag,
    bytes: stored.bytes,
    expires_at_ms: stored.expiresAtMs,
    ...(stored.value ? { value_base64: stored.value.toString('base64') } : {}),
    ...(stored.blob === undefined ? {} : { blob: stored.blob }),
  };
}

function entryOf({ seq, stored }: AsideRow): MemtableEntry {
  if (!stored) return { seq: asSeq(seq), stored: undefined };
  const { content_type, etag, bytes, expires_at_ms, value_base64, blob } = stored;
  return {
    seq: asSeq(seq),
    stored: {
      contentType: content_type,
      etag,
      bytes,
      expiresAtMs: expires_at_ms,
      value: value_base64 === undefined ? undefined : Buffer.from(value_base64, 'base64'),
      blob,
    },
  };
}
