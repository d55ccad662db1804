/** One measurement per function: what each way to fold changes into a file costs, and what readers notice of it. */
import { copyFile, mkdir, rm, stat } from 'node:fs/promises';
import { EngineDatabase } from '../../src/engine/database.ts';
import { copyDatabaseFile, syncDatabaseFile } from '../../src/engine/files.ts';
import { openNative } from '../../src/engine/native.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { seq } from '../../src/kernel/ids.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { nodeDisk } from '../../src/kernel/node-disk.ts';
import type { KuzuStore } from '../../src/shard/kuzu-store.ts';
import { createKuzuStoreFactory } from '../../src/shard/kuzu-store-open.ts';
import type { KuzuStoreLimits } from '../../src/shard/kuzu-store-policy.ts';
import { STATEMENT } from '../../src/shard/kuzu-store-schema.ts';
import type { StoreChange } from '../../src/shard/store.ts';
import {
  type Cost,
  costOf,
  orderedPuts,
  randomPuts,
  readLoop,
  rounded,
  spread,
  sumOf,
} from './measure.ts';

const POOL_BYTES = 256 * 2 ** 20;
/** About what one record of the log takes for a 100-byte value. */
const LOG_BYTES_PER_ROW = 250;
/** Never by itself: the measurement says when. */
const BY_HAND: Partial<KuzuStoreLimits> = {
  checkpointRows: 1e9,
  checkpointCommits: 1e9,
  checkpointWalBytes: 1e15,
  baseLogBytes: 1e15,
  rewriteFactor: 1e9,
  poolCommitsMin: 1e9,
};

/** Opens a store and says how batches are applied to it. */
async function openStore(directory: string, limits: Partial<KuzuStoreLimits> = {}) {
  const options = {
    disk: nodeDisk(),
    clock: systemClock,
    logger: silentLogger,
    poolBytes: POOL_BYTES,
    limits,
  };
  const store: KuzuStore = await createKuzuStoreFactory(options).open(directory);
  const apply = (changes: readonly StoreChange[]) =>
    store.apply({
      changes,
      seq: seq(store.appliedSeq + changes.length),
      outcomes: [],
      forgetOutcomesBeforeMs: 0,
    });
  return { store, apply };
}

async function filled(directory: string, keys: number, limits?: Partial<KuzuStoreLimits>) {
  const opened = await openStore(directory, limits);
  for (let from = 0; from < keys; from += 10_000)
    await opened.apply(orderedPuts(from, Math.min(10_000, keys - from)));
  await opened.store.maintain({ logBytesSinceBase: 0, force: 'rewrite' });
  return opened;
}

/** Strategy (b) as built: updates with everything that upkeep costs, and how the file grows. */
export async function sustained(
  directory: string,
  plan: { keys: number; updates: number; batchRows: number },
) {
  const { store, apply } = await filled(directory, plan.keys);
  const upkeep: Record<string, Cost[]> = { checkpoint: [], rewrite: [] };
  const fileMiB: number[] = [];
  let [logBytes, boundUsed] = [0, 0];
  const total = await costOf(async () => {
    for (let done = 0; done < plan.updates; done += plan.batchRows) {
      await apply(randomPuts(plan.batchRows, plan.keys));
      logBytes += plan.batchRows * LOG_BYTES_PER_ROW;
      let did = 'nothing';
      const cost = await costOf(async () => {
        did = (await store.maintain({ logBytesSinceBase: logBytes })).did;
      });
      upkeep[did]?.push(cost);
      if (did === 'rewrite') logBytes = 0;
      const sizes = await store.sizes();
      boundUsed = Math.max(
        boundUsed,
        sizes.live / Math.max(4 * sizes.liveAfterRewrite, 16 * 2 ** 20),
      );
      fileMiB.push(rounded(sizes.live / 2 ** 20));
    }
  });
  const sizes = await store.sizes();
  await store.close();
  const perRow = (cost: Cost) => rounded((cost.cpuMs * 1_000) / plan.updates);
  const [checkpoints, rewrites] = [upkeep.checkpoint ?? [], upkeep.rewrite ?? []];
  return {
    keys: plan.keys,
    batchRows: plan.batchRows,
    cpuMicrosPerRow: perRow(total),
    ofWhichCheckpoints: perRow(sumOf(checkpoints)),
    ofWhichRewrites: perRow(sumOf(rewrites)),
    checkpoints: checkpoints.length,
    rewrites: rewrites.length,
    fileMiBMax: Math.max(...fileMiB),
    fileMiBAfterRewrite: rounded(sizes.liveAfterRewrite / 2 ** 20),
    shareOfBoundUsed: rounded(boundUsed, 100),
  };
}

/** What folding in the same changes costs: in place, as a generation copy, by a rewrite. */
export async function foldingCosts(directory: string, plan: { keys: number; updates: number }) {
  const { store, apply } = await filled(directory, plan.keys, BY_HAND);
  const update = async () => {
    for (let done = 0; done < plan.updates; done += 2_000)
      await apply(randomPuts(2_000, plan.keys));
  };
  const upkeep = (force: 'checkpoint' | 'rewrite') =>
    costOf(() => store.maintain({ logBytesSinceBase: 0, force }));
  await update();
  const copy = await generationCopy(directory, `${directory}/live-1`);
  const inPlace = await upkeep('checkpoint');
  await update();
  const rewrite = await upkeep('rewrite');
  await store.close();
  const figures = (cost: Cost) => ({ wallMs: rounded(cost.wallMs), cpuMs: rounded(cost.cpuMs) });
  return {
    ...plan,
    inPlace: figures(inPlace),
    generationCopy: figures(copy),
    rewrite: figures(rewrite),
  };
}

/** Strategy (a), on copies of the live files: copy, open with replay, checkpoint, sync, close, open again. */
async function generationCopy(directory: string, live: string): Promise<Cost> {
  const [from, to] = [`${directory}/generation-a`, `${directory}/generation-b`];
  for (const folder of [from, to]) await mkdir(folder);
  for (const name of ['x', 'x.wal']) await copyFile(`${live}/${name}`, `${from}/${name}`);
  const options = { clock: systemClock, poolBytes: POOL_BYTES };
  const cost = await costOf(async () => {
    await copyDatabaseFile(`${from}/x`, `${to}/x`);
    await copyDatabaseFile(`${from}/x.wal`, `${to}/x.wal`);
    const copy = await EngineDatabase.open(`${to}/x`, options);
    await copy.checkpoint({ before: async () => {}, after: async () => {} });
    await copy.close();
    await syncDatabaseFile(`${to}/x`);
    const again = await EngineDatabase.open(`${to}/x`, options);
    await again.runAlone(STATEMENT.countRows);
    await again.close();
  });
  for (const folder of [from, to]) await rm(folder, { recursive: true });
  return cost;
}

/** Key reads in a quiet store, beside applying, and beside applying with checkpoints and rewrites. */
export async function readLatencies(directory: string, plan: { keys: number; rounds: number }) {
  const { store, apply } = await filled(directory, plan.keys, BY_HAND);
  const measured = async (work: () => Promise<unknown>) => {
    const reading = readLoop((key) => store.read(key), plan.keys);
    await work();
    return spread(await reading.stop());
  };
  const applying = (force?: 'checkpoint' | 'rewrite') => async () => {
    for (let round = 0; round < plan.rounds; round += 1) {
      for (let part = 0; part < 5; part += 1) await apply(randomPuts(2_000, plan.keys));
      if (force !== undefined) await store.maintain({ logBytesSinceBase: 0, force });
    }
  };
  const quiet = await measured(() => new Promise((resolve) => setTimeout(resolve, 1_000)));
  const result = {
    quiet,
    applying: await measured(applying()),
    checkpoints: await measured(applying('checkpoint')),
    rewrites: await measured(applying('rewrite')),
  };
  await store.close();
  return result;
}

/** Endless for any table of some thousand rows; ends by its timeout. */
const HEAVY =
  'MATCH (a:_kv), (b:_kv), (c:_kv) WHERE a.bytes + b.bytes + c.bytes < 0 RETURN count(*) AS c';

/** A checkpoint comes due while a graph read of 5 s runs: with our gate, and as the bare engine does it. */
export async function collision(directory: string, plan: { keys: number; heavyMs: number }) {
  const { store, apply } = await filled(directory, plan.keys, {
    ...BY_HAND,
    checkpointRows: 2_000,
  });
  const reading = readLoop((key) => store.read(key), plan.keys);
  const heavy = store.graphRead(HEAVY, { timeoutMs: plan.heavyMs }).catch(() => 'interrupted');
  const writes: number[] = [];
  const gated = await costOf(async () => {
    let isOver = false;
    void heavy.then(() => {
      isOver = true;
    });
    for (let round = 0; !isOver; round += 1) {
      const { wallMs } = await costOf(async () => {
        await apply(randomPuts(200, plan.keys));
        if (round < 12) await store.maintain({ logBytesSinceBase: 0 });
      });
      writes.push(wallMs);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    await store.graphRead('RETURN 1 AS one', { timeoutMs: 10_000 }); // enters when the checkpoint is over
  });
  const withGate = {
    keyReads: spread(await reading.stop()),
    writes: spread(writes),
    checkpointAfterMs: rounded(gated.wallMs),
    walAfter: (await store.sizes()).wal,
  };
  await store.close();
  return { withGate, bareEngine: await bareCollision(`${directory}/live-1/x`, plan) };
}

async function bareCollision(file: string, plan: { keys: number; heavyMs: number }) {
  const native = await openNative(file, { poolBytes: POOL_BYTES, clock: systemClock });
  const [writer, keyReader, heavyReader] = [
    await native.connect(),
    await native.connect(),
    await native.connect(),
  ];
  heavyReader.setTimeoutMs(plan.heavyMs);
  await writer.runText("MATCH (n:_kv) WHERE n.k < 'key:0000000100' SET n.expires = 1");
  const heavy = heavyReader.runText(HEAVY).catch(() => 'interrupted');
  const reading = readLoop((k) => keyReader.run(STATEMENT.readRow, { k }), plan.keys);
  let error = '';
  const checkpoint = await costOf(() =>
    writer.runText('CHECKPOINT').catch((thrown: Error) => (error = thrown.message)),
  );
  const result = {
    keyReads: spread(await reading.stop()),
    checkpointMs: rounded(checkpoint.wallMs),
    error,
  };
  await heavy;
  for (const connection of [writer, keyReader, heavyReader]) await connection.close();
  await native.close();
  return result;
}

/** Death at the worst instant: just before a checkpoint that was due, the longest log allowed behind an old base. */
export async function recovery(directory: string, plan: { keys: number; logRows: number }) {
  const { store, apply } = await filled(directory, plan.keys, BY_HAND);
  for (let done = 0; done < plan.logRows; done += 8_000) await apply(randomPuts(8_000, plan.keys));
  const walMiB = rounded((await store.sizes()).wal / 2 ** 20);
  const rebuild = await costOf(() => store.rebuild());
  const replay = await costOf(async () => {
    for (let done = 0; done < plan.logRows; done += 8_000) {
      await apply(randomPuts(8_000, plan.keys));
      if (done % 24_000 === 16_000)
        await store.maintain({ logBytesSinceBase: 0, force: 'checkpoint' });
    }
  });
  await store.close();
  const reopen = await costOf(async () => {
    const again = await openStore(directory);
    await again.store.close();
  });
  return {
    ...plan,
    walMiB,
    rebuildMs: rounded(rebuild.wallMs),
    replayMs: rounded(replay.wallMs),
    replayRowsPerSecond: Math.round((plan.logRows / replay.wallMs) * 1_000),
    cleanReopenMs: rounded(reopen.wallMs),
    liveMiB: rounded((await stat(`${directory}/live-1/x`)).size / 2 ** 20),
  };
}
