/**
 * A real shard copy over a simulated disk and clock: log, memtable, applier and blobs as they ship, the store in
 * memory. The power may fail, the store may refuse; opening again shows what was kept.
 */

import { type Deadline, deadlineIn } from '../../src/kernel/deadline.ts';
import type { Disk } from '../../src/kernel/disk.ts';
import { ToruaError } from '../../src/kernel/errors.ts';
import { createHybridClock, type HybridClock } from '../../src/kernel/hybrid-clock.ts';
import { copyId, seq, shardUid, term } from '../../src/kernel/ids.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import type { LogLimits } from '../../src/log/limits.ts';
import type { NodeLog } from '../../src/log/log.ts';
import { openLog } from '../../src/log/open-log.ts';
import type { KeyAnswer } from '../../src/protocol/key-operation.ts';
import type { ApplierLimits } from '../../src/shard/applier.ts';
import type { CopyEvent, CopyParts } from '../../src/shard/copy-core.ts';
import { etagOf } from '../../src/shard/etag.ts';
import { createCopy } from '../../src/shard/manifest.ts';
import { createMemoryStoreFactory } from '../../src/shard/memory-store.ts';
import type { MemtableLimits } from '../../src/shard/memtable.ts';
import { openCopy } from '../../src/shard/open-copy.ts';
import type { ShardCopy } from '../../src/shard/shard-copy.ts';
import type { Outcome, ShardStore, StoreFactory } from '../../src/shard/store.ts';
import { ValueCache } from '../../src/shard/value-cache.ts';
import type { Write } from '../../src/shard/write.ts';
import { SimClock } from '../simulation/sim-clock.ts';
import { SimDisk } from '../simulation/sim-disk.ts';
import { simRandom } from '../simulation/sim-random.ts';

/** Where the copy lies. */
export const COPY_DIRECTORY = '/data/copies/c000000000000001';
/** Who it is. */
export const COPY_ID = copyId('c000000000000001');
const SHARD_UID = shardUid('5000000000000001');
const TEXT = 'text/plain';

/** What may go wrong with the store; asked before each call. */
export interface StoreFaults {
  /** Throws to make the transaction fail. */
  apply?: ((keys: readonly string[]) => void) | undefined;
  read?: ((key: string) => Promise<void> | undefined) | undefined;
  list?: (() => Promise<void> | undefined) | undefined;
  expired?: (() => Promise<void> | undefined) | undefined;
  blobNames?: (() => Promise<void> | undefined) | undefined;
  maintain?: (() => void) | undefined;
  rebuild?: (() => void) | undefined;
  close?: (() => void) | undefined;
}

/** How a world begins. */
export interface ShardWorldOptions {
  readonly seed?: number | undefined;
  readonly memtable?: Partial<MemtableLimits> | undefined;
  readonly applier?: Partial<ApplierLimits> | undefined;
  readonly log?: Partial<LogLimits> | undefined;
  readonly cacheBytes?: number | undefined;
  /** A base that the log has outgrown by this much is renewed; default 64 KiB. */
  readonly baseLogBytes?: number | undefined;
}

/** One machine with one copy. */
export class ShardWorld {
  readonly shardUid = SHARD_UID;
  readonly disk: SimDisk;
  readonly clock = new SimClock();
  readonly faults: StoreFaults = {};
  readonly events: CopyEvent[] = [];
  readonly #options: ShardWorldOptions;
  #opened: { view: Disk; log: NodeLog; hybrid: HybridClock; copy: ShardCopy } | undefined;
  #stores: ShardStore[] = [];
  #ids = 0;

  constructor(options: ShardWorldOptions = {}) {
    this.#options = options;
    this.disk = new SimDisk({ random: simRandom(options.seed ?? 1) });
  }

  get copy(): ShardCopy {
    if (!this.#opened) throw new Error('the world is not open');
    return this.#opened.copy;
  }

  get log(): NodeLog {
    if (!this.#opened) throw new Error('the world is not open');
    return this.#opened.log;
  }

  /** The store under the copy, faults aside. */
  get store(): ShardStore {
    const store = this.#stores.at(-1);
    if (!store) throw new Error('no store was opened');
    return store;
  }

  /** The directory and the copy, durably, as a first assignment makes them. */
  async format(): Promise<void> {
    const disk = this.disk.boot();
    await disk.makeDirectory('/data/copies');
    await disk.syncDirectory('/');
    await disk.syncDirectory('/data');
    await createCopy(disk, COPY_DIRECTORY, { copyId: COPY_ID, shardUid: SHARD_UID });
  }

  /** Starts a process: log, then copy, then the term. */
  async open(owner = 1): Promise<ShardCopy> {
    const { parts, log, hybrid, view } = await this.parts();
    const copy = await this.settle(openCopy(parts, COPY_DIRECTORY));
    this.#opened = { view, log, hybrid, copy };
    if (owner > 0) await this.settle(copy.assume(term(owner)));
    return copy;
  }

  /** Puts outcomes into the base of the closed store, as an earlier life may have. */
  async fillStore(outcomes: readonly Outcome[]): Promise<void> {
    const { parts, log } = await this.parts();
    const store = await this.settle(parts.stores.open(COPY_DIRECTORY));
    const batch = { changes: [], seq: seq(0), outcomes, forgetOutcomesBeforeMs: 0 };
    await this.settle(store.apply(batch));
    await this.settle(store.maintain({ logBytesSinceBase: 0, force: 'rewrite' }));
    await this.settle(store.close());
    await this.settle(log.close());
  }

  /** What a process would open the copy with. */
  async parts(): Promise<{ parts: CopyParts; log: NodeLog; hybrid: HybridClock; view: Disk }> {
    const { clock } = this;
    const view = this.disk.boot();
    const log = await this.settle(
      openLog({
        disk: view,
        clock,
        logger: silentLogger,
        directory: '/data/log',
        logId: '00000000000000aa',
        limits: {
          roomBytes: 256,
          reserveBytes: 600,
          freeBytesMin: 1_200,
          fullCheckMs: 10,
          ...this.#options.log,
        },
      }),
    );
    const hybrid = createHybridClock(clock);
    hybrid.observe(log.lastHybridMs);
    const parts: CopyParts = {
      disk: view,
      log,
      clock,
      hybrid,
      cache: new ValueCache(this.#options.cacheBytes ?? 1 << 20),
      stores: this.#storesOn(view),
      logger: silentLogger,
      memtable: { bytesMax: 1 << 20, rowsMax: 1_000, ...this.#options.memtable },
      applier: { delayMs: 250, rowsEager: 100, ...this.#options.applier },
      onEvent: (event) => this.events.push(event),
    };
    return { parts, log, hybrid, view };
  }

  /** Ends the process as it should be ended. */
  async close(): Promise<void> {
    const { copy, log } = this;
    await this.settle(copy.close());
    await this.settle(log.close());
    this.#opened = undefined;
  }

  /** Power failure; then a new process. */
  async crashAndOpen(owner = 1): Promise<ShardCopy> {
    this.crash();
    return this.open(owner);
  }

  /** Power failure. */
  crash(): void {
    this.disk.crash();
    this.clock.clear();
    this.#opened = undefined;
  }

  /** Waits in virtual time. */
  settle<T>(work: Promise<T>): Promise<T> {
    return this.clock.settle(work);
  }

  /** As a coordinator does: asks again while the store is being rebuilt. */
  async patiently<T>(work: () => Promise<T>): Promise<T> {
    for (let tries = 0; ; tries += 1) {
      try {
        return await work();
      } catch (reason) {
        const isOpening = reason instanceof ToruaError && reason.code === 'shard_opening';
        if (!isOpening || tries >= 20) throw reason;
        await this.clock.run({ forMs: 200 });
      }
    }
  }

  /** Everything applied, every timer run. */
  async quiet(): Promise<void> {
    await this.clock.run({ forMs: 1_000 });
  }

  deadline(ms = 10_000): Deadline {
    return deadlineIn(this.clock, ms);
  }

  /** An operation id as coordinators make them. */
  nextId(): string {
    this.#ids += 1;
    return this.#ids.toString(16).padStart(16, '0');
  }

  /** Begins a put; wait for it with `settle`. */
  startPut(key: string, value: string, parts: Partial<Write & { verb: 'put' }> = {}) {
    return this.copy.write(this.putOf(key, value, parts), this.copy.term, this.deadline());
  }

  /** Begins a delete. */
  startDelete(key: string, parts: { ifMatch?: string; opId?: string; callerOpId?: boolean } = {}) {
    const write: Write = { verb: 'delete', key, opId: this.nextId(), callerOpId: false, ...parts };
    return this.copy.write(write, this.copy.term, this.deadline());
  }

  put(key: string, value: string, parts: Partial<Write & { verb: 'put' }> = {}) {
    return this.settle(this.startPut(key, value, parts));
  }

  delete(key: string, parts: { ifMatch?: string; opId?: string; callerOpId?: boolean } = {}) {
    return this.settle(this.startDelete(key, parts));
  }

  /** The write that `put` would send. */
  putOf(key: string, value: string, parts: Partial<Write & { verb: 'put' }> = {}): Write {
    const bytes = Buffer.from(value);
    const stored = {
      contentType: TEXT,
      etag: etagOfText(value),
      bytes: bytes.length,
      value: bytes,
    };
    return { verb: 'put', key, stored, opId: this.nextId(), callerOpId: false, ...parts };
  }

  /** The value as text; undefined when the key does not exist. */
  async get(key: string): Promise<string | undefined> {
    return textOf(await this.settle(this.copy.read({ verb: 'get', key })));
  }

  /** A large value, as the node stores one: blob first, then the record. */
  async putBlob(key: string, value: string): Promise<{ blob: string; answer: KeyAnswer }> {
    const writer = await this.settle(this.copy.blobs.begin(TEXT));
    await this.settle(writer.write(Buffer.from(value)));
    const { blob, bytes, release } = await this.settle(writer.finish());
    const stored = { contentType: TEXT, etag: blob.slice(0, 32), bytes, blob };
    const answer = await this.put(key, '', { stored });
    release();
    return { blob, answer };
  }

  /** The bytes of a large value. */
  async getBlob(key: string): Promise<string | undefined> {
    const opened = await this.settle(this.copy.openBlob(key));
    if (!opened) return undefined;
    const bytes = await this.settle(opened.file.read(0, opened.bytes));
    await this.settle(opened.file.close());
    return bytes.toString('utf8');
  }

  /** All keys by pages of this size. */
  async keys(limit = 100): Promise<string[]> {
    const keys: string[] = [];
    let start: string | undefined;
    for (;;) {
      const range = start === undefined ? { limit } : { limit, start, startExclusive: true };
      const page = await this.settle(this.copy.list(range));
      keys.push(...page.rows.map((row) => row.key));
      if (page.next === undefined) return keys;
      start = page.next;
    }
  }

  #storesOn(disk: Disk): StoreFactory {
    const { clock, faults } = this;
    const factory = createMemoryStoreFactory({
      disk,
      clock,
      baseLogBytes: this.#options.baseLogBytes,
    });
    return {
      open: async (directory) => {
        const store = await factory.open(directory);
        this.#stores.push(store);
        return faultyStore(store, faults);
      },
    };
  }
}

/** A formatted world with its copy open. */
export async function shardWorld(options: ShardWorldOptions = {}): Promise<ShardWorld> {
  const world = new ShardWorld(options);
  await world.format();
  await world.open();
  return world;
}

/** The etag of a text value. */
export const etagOfText = (value: string): string => etagOf(TEXT, Buffer.from(value));

/** The value of an answer as text; undefined for a key that does not exist. */
export function textOf(answer: KeyAnswer): string | undefined {
  return answer.status === 404 ? undefined : (answer.value?.toString('utf8') ?? '');
}

/** A promise and the hand that resolves it. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open: () => void = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

function faultyStore(store: ShardStore, faults: StoreFaults): ShardStore {
  return {
    get appliedSeq() {
      return store.appliedSeq;
    },
    get baseSeq() {
      return store.baseSeq;
    },
    get totals() {
      return store.totals;
    },
    apply: async (batch) => {
      faults.apply?.(batch.changes.map(({ key }) => key));
      await store.apply(batch);
    },
    // The row is what it was when the read began; the answer may come late.
    read: async (key) => {
      const row = await store.read(key);
      await faults.read?.(key);
      return row;
    },
    list: async (range) => {
      const rows = await store.list(range);
      await faults.list?.();
      return rows;
    },
    expired: async (nowMs, limit) => {
      const keys = await store.expired(nowMs, limit);
      await faults.expired?.();
      return keys;
    },
    blobNames: async () => {
      const names = await store.blobNames();
      await faults.blobNames?.();
      return names;
    },
    outcomes: () => store.outcomes(),
    maintain: async (hint) => {
      faults.maintain?.();
      return store.maintain(hint);
    },
    rebuild: async () => {
      faults.rebuild?.();
      await store.rebuild();
    },
    sizes: () => store.sizes(),
    close: async () => {
      faults.close?.();
      await store.close();
    },
  };
}
