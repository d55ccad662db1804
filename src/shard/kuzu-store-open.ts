/** From a copy's directory to an open store: creation, the decision whom to trust, and what an unfinished life left. */
import type { Clock } from '../kernel/clock.ts';
import type { Disk } from '../kernel/disk.ts';
import type { Logger } from '../kernel/logger.ts';
import { Turns } from '../kernel/turns.ts';
import { KuzuStore } from './kuzu-store.ts';
import { inDoubt, StoreLayout, type StoreState } from './kuzu-store-layout.ts';
import { type LiveDatabase, makeBase, openLive, type StoreParts } from './kuzu-store-live.ts';
import { KUZU_STORE_LIMITS, type KuzuStoreLimits } from './kuzu-store-policy.ts';

/** What a Kuzu store needs. `poolBytes` is a bound per copy, at least 128 MiB; 256 MiB is the engine's sane size. */
export interface KuzuStoreOptions {
  readonly disk: Disk;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly poolBytes: number;
  readonly limits?: Partial<KuzuStoreLimits> | undefined;
}

/** Opens Kuzu stores; a `StoreFactory` whose stores can also be asked for graph reads. */
export interface KuzuStoreFactory {
  open(directory: string): Promise<KuzuStore>;
}

/** A factory of stores on Kuzu. Contract: the directory's parent exists and is durable; one store per directory. */
export function createKuzuStoreFactory(options: KuzuStoreOptions): KuzuStoreFactory {
  const { disk, clock, logger, poolBytes } = options;
  const rewrites = new Turns();
  return {
    open: (directory) =>
      openKuzuStore(directory, {
        disk,
        clock,
        logger,
        limits: { ...KUZU_STORE_LIMITS, ...options.limits },
        pool: { bytes: poolBytes, bytesAtFirst: poolBytes },
        rewrites,
      }),
  };
}

async function openKuzuStore(directory: string, parts: StoreParts): Promise<KuzuStore> {
  const layout = new StoreLayout(parts.disk, directory);
  const generation = (await layout.current()) ?? (await createStore(layout, parts));
  const state = await layout.state();
  await layout.sweep(generation);
  const store = new KuzuStore(
    layout,
    parts,
    await openTrusted(layout, parts, { generation, state }),
  );
  await store.learnOldestOutcome();
  return store;
}

/** An empty base 0. A directory that was in use and has lost its base is damage, not a new store. */
async function createStore(layout: StoreLayout, parts: StoreParts): Promise<number> {
  if (await layout.wasUsed()) throw inDoubt('no file names its base');
  await parts.disk.makeDirectory(layout.directory);
  await makeBase(parts, layout, {
    generation: 0,
    meta: { applied: 0, commits: 0, keys: 0, bytes: 0 },
  });
  await layout.setCurrent(0);
  await layout.liveFromBase(0);
  return 0;
}

/** The live database if it may be trusted and opens, else a new one from the base. */
async function openTrusted(
  layout: StoreLayout,
  parts: StoreParts,
  start: { generation: number; state: StoreState | undefined },
): Promise<LiveDatabase> {
  const { generation, state } = start;
  if (state === 'opening' || state === 'checkpointing') {
    parts.logger.warn(
      { state, generation },
      'the process died in a dangerous moment; beginning again from the base',
    );
  } else {
    try {
      return await openLive(parts, layout, generation);
    } catch (error) {
      parts.logger.warn(
        { err: error, generation },
        'the live database does not open; beginning again from the base',
      );
    }
  }
  await layout.setState('opening'); // a half-made copy must never be taken for the live database
  await layout.liveFromBase(generation);
  return openLive(parts, layout, generation);
}
