/** Opening the live database and making bases: what both the start, a rewrite and a rebuild need. */
import { EngineDatabase } from '../engine/database.ts';
import { failureOf } from '../engine/failures.ts';
import type { EngineRow } from '../engine/native.ts';
import { quotedPath } from '../engine/statement-text.ts';
import { assert } from '../kernel/assert.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Disk } from '../kernel/disk.ts';
import { ToruaError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Turns } from '../kernel/turns.ts';
import type { Manifest, StoreLayout } from './kuzu-store-layout.ts';
import type { KuzuStoreLimits } from './kuzu-store-policy.ts';
import { CREATE_TABLES, EXPORTED_TABLES, STATEMENT, STORE_FORMAT } from './kuzu-store-schema.ts';

/** What a store is built from. `pool.bytes` grows once when it proves too small. */
export interface StoreParts {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: KuzuStoreLimits;
  readonly pool: { bytes: number; readonly bytesAtFirst: number };
  /** One rewrite at a time over all stores of the process: each holds a table's index in memory. */
  readonly rewrites: Turns;
}

/** What the database says of itself; committed together with what it describes. */
export interface StoreMeta {
  readonly applied: number;
  /** Transactions ever; tells whether an unclear commit happened. */
  readonly commits: number;
  readonly keys: number;
  readonly bytes: number;
}

/** An open live database and the base behind it. */
export interface LiveDatabase {
  readonly generation: number;
  readonly manifest: Manifest;
  readonly engine: EngineDatabase;
  readonly meta: StoreMeta;
}

/** Factor by which the pool grows, once, when it was full. */
const POOL_GROWTH = 4;
/**
 * Pool of a base while it is made: it grows until the COPY fits. 128 MiB are too few from 80,000 rows on, 256 MiB are
 * enough for 250,000 (measured). It is gone when the base is closed.
 */
const BASE_POOL_BYTES = { min: 256 * 2 ** 20, max: 4 * 2 ** 30 } as const;
/** Longest one read of ours may take, milliseconds. A listing of a million keys takes a quarter of a second. */
export const SHORT_READ_TIMEOUT_MS = 10_000;

/**
 * Opens the live database of a generation and asks it for what it contains.
 * Errors: whatever makes it unusable: it does not open, has another format, or its sums are wrong.
 */
export async function openLive(
  parts: StoreParts,
  layout: StoreLayout,
  generation: number,
): Promise<LiveDatabase> {
  const manifest = await layout.manifest(generation);
  await layout.setState('opening');
  if (!(await parts.disk.exists(layout.liveFile(generation))))
    throw new ToruaError('storage_failed', 'The live database is missing.');
  const engine = await openWithRoom(parts, layout.liveFile(generation));
  try {
    const meta = await probe(engine);
    assert(meta.applied >= manifest.seq, 'a live database is never behind its base');
    await layout.setState('open');
    return { generation, manifest, engine, meta };
  } catch (error) {
    await engine.close();
    throw error;
  }
}

/** Grows the pool if it has not grown yet. Whether there was room left to grow. */
export function growPool(pool: { bytes: number; readonly bytesAtFirst: number }): boolean {
  if (pool.bytes !== pool.bytesAtFirst) return false;
  pool.bytes *= POOL_GROWTH;
  return true;
}

/** Reads the meta row with the writer's connection. */
export async function readMeta(engine: EngineDatabase): Promise<StoreMeta> {
  return metaOf(await engine.runAlone(STATEMENT.readMeta));
}

/** The meta row's content. */
export function metaOf(rows: readonly EngineRow[]): StoreMeta {
  const row = rows[0];
  assert(row !== undefined && rows.length === 1, 'a store has one meta row');
  assert(Number(row.format) === STORE_FORMAT, `the store has format ${STORE_FORMAT}`);
  const number = (name: string): number => {
    const value = Number(row[name]);
    assert(Number.isSafeInteger(value) && value >= 0, `${name} is a count`);
    return value;
  };
  return {
    applied: number('applied'),
    commits: number('commits'),
    keys: number('keys'),
    bytes: number('bytes'),
  };
}

/**
 * Makes base `generation`: the tables, `folder`'s exports if given, and the meta row; sealed, not yet current.
 * COPY always writes a checkpoint, which is why it only ever goes into a file that nobody refers to; the big table
 * comes last, since each checkpoint after it would write its index once more.
 */
export async function makeBase(
  parts: StoreParts,
  layout: StoreLayout,
  base: NewBase,
): Promise<Manifest> {
  for (let poolBytes = Math.max(parts.pool.bytes, BASE_POOL_BYTES.min); ; poolBytes *= 2) {
    try {
      return await makeBaseWithin(poolBytes, parts, layout, base);
    } catch (error) {
      if (failureOf(error) !== 'pool_full' || 2 * poolBytes > BASE_POOL_BYTES.max) throw error;
      parts.logger.info({ poolBytes }, 'a base needs a larger pool while it is made');
    }
  }
}

/** What a base is made of. */
interface NewBase {
  readonly generation: number;
  readonly meta: StoreMeta;
  readonly folder?: string | undefined;
}

async function makeBaseWithin(
  poolBytes: number,
  parts: StoreParts,
  layout: StoreLayout,
  { generation, meta, folder }: NewBase,
): Promise<Manifest> {
  await parts.disk.remove(layout.base(generation));
  await parts.disk.makeDirectory(layout.base(generation));
  const { clock } = parts;
  const engine = await EngineDatabase.open(layout.baseFile(generation), { clock, poolBytes });
  try {
    for (const text of CREATE_TABLES) await engine.runAlone(text);
    await engine.write((transaction) =>
      transaction.run(STATEMENT.createMeta, { format: STORE_FORMAT, ...meta }),
    );
    await engine.checkpoint({ before: async () => {}, after: async () => {} });
    if (folder !== undefined) {
      for (const { name } of EXPORTED_TABLES)
        await engine.runAlone(`COPY ${name} FROM ${quotedPath(`${folder}/${name}.json`)}`);
    }
    const rows = await engine.runAlone(STATEMENT.countRows);
    assert(Number(rows[0]?.keys) === meta.keys, 'a new base has the rows that were exported');
  } finally {
    await engine.close();
  }
  assert(
    !(await parts.disk.exists(`${layout.baseFile(generation)}.wal`)),
    'a base has no write-ahead log',
  );
  return layout.seal(generation, { seq: meta.applied, keys: meta.keys, bytes: meta.bytes });
}

async function openWithRoom(parts: StoreParts, path: string): Promise<EngineDatabase> {
  const attempt = (): Promise<EngineDatabase> =>
    EngineDatabase.open(path, { clock: parts.clock, poolBytes: parts.pool.bytes });
  try {
    return await attempt();
  } catch (error) {
    // Replaying the write-ahead log can need as much memory as writing it did.
    if (failureOf(error) !== 'pool_full' || !growPool(parts.pool)) throw error;
    return attempt();
  }
}

async function probe(engine: EngineDatabase): Promise<StoreMeta> {
  const meta = await readMeta(engine);
  const counted = await engine.runAlone(STATEMENT.countRows);
  assert(Number(counted[0]?.keys) === meta.keys, 'the live database has as many rows as it says');
  return meta;
}
