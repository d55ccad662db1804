/**
 * The shard store in memory, for simulations: same promises, no engine. Only its base lies on the (simulated) disk, so
 * a crash takes it back to the base, the worst that may happen to the real one. Deterministic, and cheap enough for
 * thousands of runs.
 */
import { assert } from '../kernel/assert.ts';
import type { Clock } from '../kernel/clock.ts';
import { type Disk, readWhole, writeAtomically } from '../kernel/disk.ts';
import { ToruaError } from '../kernel/errors.ts';
import { seq as brandSeq, type Seq } from '../kernel/ids.ts';
import { compareUtf8 } from '../kernel/utf8-order.ts';
import type {
  ApplyBatch,
  KeyRange,
  ListedRow,
  MaintenanceReport,
  Outcome,
  ShardStore,
  StoredValue,
  StoreFactory,
  StoreSizes,
  StoreTotals,
} from './store.ts';

/** What a memory store needs. */
export interface MemoryStoreOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  /** A base older than this many bytes of log is refreshed. */
  readonly baseLogBytes?: number | undefined;
}

/** The one file, in the copy's directory. */
const BASE_FILE = 'memory-base.json';
const BASE_LOG_BYTES = 64 * 1024;

interface BaseFile {
  readonly format: 1;
  readonly seq: number;
  readonly rows: readonly (readonly [
    string,
    Omit<StoredValue, 'value'> & { readonly value?: string },
  ])[];
  readonly outcomes: readonly Outcome[];
}

/** A factory of stores in memory. */
export function createMemoryStoreFactory(options: MemoryStoreOptions): StoreFactory {
  return {
    open: async (directory) => {
      const store = new MemoryStore(directory, options);
      await store.open();
      return store;
    },
  };
}

class MemoryStore implements ShardStore {
  readonly #directory: string;
  readonly #options: MemoryStoreOptions;
  #rows = new Map<string, StoredValue>();
  #outcomes = new Map<string, Outcome>();
  #appliedSeq = brandSeq(0);
  #baseSeq = brandSeq(0);
  #bytes = 0;
  #baseBytes = 0;
  #isClosed = false;

  constructor(directory: string, options: MemoryStoreOptions) {
    this.#directory = directory;
    this.#options = options;
  }

  get appliedSeq(): Seq {
    return this.#appliedSeq;
  }

  get baseSeq(): Seq {
    return this.#baseSeq;
  }

  get totals(): StoreTotals {
    return { keys: this.#rows.size, bytes: this.#bytes };
  }

  /** Takes the base, or makes an empty one where no store ever was. */
  async open(): Promise<void> {
    const { disk } = this.#options;
    if (await disk.exists(`${this.#directory}/${BASE_FILE}`)) return this.#load();
    await disk.makeDirectory(this.#directory);
    await this.#writeBase();
  }

  async #load(): Promise<void> {
    const bytes = await readWhole(this.#options.disk, `${this.#directory}/${BASE_FILE}`);
    if (bytes === undefined)
      throw new ToruaError('shard_in_doubt', 'The base of the copy is gone.');
    const base = parsed(bytes);
    this.#rows = new Map(
      base.rows.map(([key, { value, ...stored }]) => [
        key,
        value === undefined ? stored : { ...stored, value: Buffer.from(value, 'base64') },
      ]),
    );
    this.#outcomes = new Map(base.outcomes.map((outcome) => [outcome.opId, outcome]));
    this.#bytes = [...this.#rows.values()].reduce((sum, stored) => sum + stored.bytes, 0);
    this.#appliedSeq = brandSeq(base.seq);
    this.#baseSeq = brandSeq(base.seq);
    this.#baseBytes = bytes.length;
  }

  async apply(batch: ApplyBatch): Promise<void> {
    this.#checkOpen();
    assert(batch.seq >= this.#appliedSeq, 'batches come in the order of the log');
    for (const change of batch.changes) {
      this.#bytes -= this.#rows.get(change.key)?.bytes ?? 0;
      this.#rows.delete(change.key);
      if (change.kind === 'delete') continue;
      this.#rows.set(change.key, change.stored);
      this.#bytes += change.stored.bytes;
    }
    for (const [opId, { recordedAtMs }] of this.#outcomes) {
      if (recordedAtMs < batch.forgetOutcomesBeforeMs) this.#outcomes.delete(opId);
    }
    for (const outcome of batch.outcomes) this.#outcomes.set(outcome.opId, outcome);
    this.#appliedSeq = batch.seq;
  }

  async read(key: string): Promise<StoredValue | undefined> {
    this.#checkOpen();
    return this.#rows.get(key);
  }

  async list(range: KeyRange): Promise<ListedRow[]> {
    this.#checkOpen();
    const rows: ListedRow[] = [];
    for (const key of [...this.#rows.keys()].sort(compareUtf8)) {
      if (rows.length >= range.limit) break;
      const stored = this.#rows.get(key);
      if (stored !== undefined && isInside(key, range))
        rows.push({ key, stored: range.values === true ? stored : withoutValue(stored) });
    }
    return rows;
  }

  async expired(nowMs: number, limit: number): Promise<string[]> {
    this.#checkOpen();
    const keys: string[] = [];
    for (const [key, { expiresAtMs }] of this.#rows) {
      if (keys.length >= limit) break;
      if (expiresAtMs > 0 && expiresAtMs <= nowMs) keys.push(key);
    }
    return keys;
  }

  async outcomes(): Promise<Outcome[]> {
    this.#checkOpen();
    return [...this.#outcomes.values()];
  }

  async blobNames(): Promise<Set<string>> {
    this.#checkOpen();
    return new Set(
      [...this.#rows.values()].flatMap(({ blob }) => (blob === undefined ? [] : [blob])),
    );
  }

  async maintain(hint: Parameters<ShardStore['maintain']>[0]): Promise<MaintenanceReport> {
    this.#checkOpen();
    const startedMs = this.#options.clock.monotonicMs();
    const isOld = hint.logBytesSinceBase > (this.#options.baseLogBytes ?? BASE_LOG_BYTES);
    const isDue = isOld || hint.force === 'rewrite';
    if (isDue) await this.#writeBase();
    const did = isDue ? 'rewrite' : hint.force === 'checkpoint' ? 'checkpoint' : 'nothing';
    return { did, durationMs: this.#options.clock.monotonicMs() - startedMs };
  }

  async rebuild(): Promise<void> {
    this.#checkOpen();
    await this.#load();
  }

  async sizes(): Promise<StoreSizes> {
    return {
      live: this.#baseBytes,
      liveAfterRewrite: this.#baseBytes,
      wal: 0,
      base: this.#baseBytes,
    };
  }

  /** What was applied is in the new base: the counterpart of the real store's checkpoint at close. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    if (this.#appliedSeq > this.#baseSeq) await this.#writeBase();
    this.#isClosed = true;
  }

  async #writeBase(): Promise<void> {
    const base: BaseFile = {
      format: 1,
      seq: this.#appliedSeq,
      rows: [...this.#rows].map(([key, { value, ...stored }]) => [
        key,
        value === undefined ? stored : { ...stored, value: value.toString('base64') },
      ]),
      outcomes: [...this.#outcomes.values()],
    };
    const bytes = Buffer.from(JSON.stringify(base), 'utf8');
    await writeAtomically(this.#options.disk, this.#directory, BASE_FILE, bytes);
    this.#baseSeq = brandSeq(base.seq);
    this.#baseBytes = bytes.length;
  }

  #checkOpen(): void {
    assert(!this.#isClosed, 'a closed store is not used');
  }
}

function parsed(bytes: Buffer): BaseFile {
  try {
    return JSON.parse(bytes.toString('utf8')) as BaseFile;
  } catch (cause) {
    throw new ToruaError('shard_in_doubt', 'The base of the copy is damaged.', { cause });
  }
}

function isInside(key: string, range: KeyRange): boolean {
  const { start, startExclusive, end } = range;
  if (end !== undefined && compareUtf8(key, end) >= 0) return false;
  if (start === undefined) return true;
  const order = compareUtf8(key, start);
  return startExclusive === true ? order > 0 : order >= 0;
}

function withoutValue(stored: StoredValue): StoredValue {
  const { value: _, ...rest } = stored;
  return rest;
}
