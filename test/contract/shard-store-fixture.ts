/** What the contract suite of the shard store needs: both implementations, values, batches and a model. */
import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../src/kernel/clock.ts';
import { seq } from '../../src/kernel/ids.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { nodeDisk } from '../../src/kernel/node-disk.ts';
import { createKuzuStoreFactory } from '../../src/shard/kuzu-store-open.ts';
import type { KuzuStoreLimits } from '../../src/shard/kuzu-store-policy.ts';
import { createMemoryStoreFactory } from '../../src/shard/memory-store.ts';
import type {
  ApplyBatch,
  Outcome,
  ShardStore,
  StoreChange,
  StoredValue,
  StoreFactory,
} from '../../src/shard/store.ts';

/** Every implementation of the seam by name. */
export const IMPLEMENTATIONS: readonly (readonly [string, () => StoreFactory])[] = [
  ['kuzu', () => kuzuFactory()],
  ['memory', () => createMemoryStoreFactory({ disk: nodeDisk(), clock: systemClock })],
];

/** The production store with a pool fit for tests. */
export const kuzuFactory = (limits: Partial<KuzuStoreLimits> = {}, poolMiB = 128) =>
  createKuzuStoreFactory({
    disk: nodeDisk(),
    clock: systemClock,
    logger: silentLogger,
    poolBytes: poolMiB * 2 ** 20,
    limits,
  });

/** Runs `work` with a directory that is gone afterwards. */
export async function inDirectory<T>(work: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'torua-store-'));
  try {
    return await work(join(directory, 'copy'));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Runs `work` with an open store of its own. */
export function withStore<T>(
  factory: StoreFactory,
  work: (store: ShardStore, directory: string) => Promise<T>,
): Promise<T> {
  return inDirectory(async (directory) => {
    const store = await factory.open(directory);
    try {
      return await work(store, directory);
    } finally {
      await store.close();
    }
  });
}

/** A value as the write path would make it. */
export function storedText(bytes: Buffer | string, more: Partial<StoredValue> = {}): StoredValue {
  const value = Buffer.from(bytes);
  return {
    contentType: 'text/plain',
    etag: createHash('sha256').update(value).digest('hex').slice(0, 32),
    bytes: value.length,
    expiresAtMs: 0,
    value,
    ...more,
  };
}

/** A put of text or bytes. */
export const put = (
  key: string,
  bytes: Buffer | string,
  more: Partial<StoredValue> = {},
): StoreChange => ({ kind: 'put', key, stored: storedText(bytes, more) });

/** A delete. */
export const remove = (key: string): StoreChange => ({ kind: 'delete', key });

/** A batch without outcomes, unless given. */
export const batch = (
  at: number,
  changes: readonly StoreChange[],
  more: { outcomes?: Outcome[]; forgetOutcomesBeforeMs?: number } = {},
): ApplyBatch => ({ changes, seq: seq(at), outcomes: [], forgetOutcomesBeforeMs: 0, ...more });

/** All rows with values, by key; checks on the way that the listing has each key once. */
export async function everything(store: ShardStore): Promise<Map<string, StoredValue>> {
  const rows = await store.list({ limit: 1_000_000, values: true });
  return new Map(rows.map(({ key, stored }) => [key, stored]));
}
