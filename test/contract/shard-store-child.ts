/**
 * A process that opens a Kuzu store, checks what its predecessor left, writes on, and dies by SIGKILL in the middle of
 * what it was told: `write`, `checkpoint` or `rewrite`. Prints one JSON line per fact; the last line is what was safe.
 */
import { systemClock } from '../../src/kernel/clock.ts';
import type { Disk } from '../../src/kernel/disk.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { nodeDisk } from '../../src/kernel/node-disk.ts';
import { createKuzuStoreFactory } from '../../src/shard/kuzu-store-open.ts';
import type { ShardStore, StoreChange } from '../../src/shard/store.ts';
import { batch, everything, put, remove } from './shard-store-fixture.ts';

const KEYS = 3_000;
const ROWS_PER_BATCH = 300;

/** What a batch changes: a pure function of its seq, so that any process can tell what must be there. */
function changesAt(at: number): StoreChange[] {
  const changes = new Map<string, StoreChange>();
  for (let index = 0; index < ROWS_PER_BATCH; index += 1) {
    const number = (at * 7_919 + index * 31) % KEYS;
    const key = `key ${number} "\\ü`;
    changes.set(
      key,
      (at + index) % 11 === 0 ? remove(key) : put(key, `${at}:${index}:`.repeat(12)),
    );
  }
  return [...changes.values()];
}

function modelAt(last: number): Map<string, string> {
  const model = new Map<string, string>();
  for (let at = 1; at <= last; at += 1) {
    for (const change of changesAt(at)) {
      if (change.kind === 'put') model.set(change.key, change.stored.etag);
      else model.delete(change.key);
    }
  }
  return model;
}

async function check(store: ShardStore): Promise<void> {
  const model = modelAt(store.appliedSeq);
  const rows = await everything(store);
  if (rows.size !== model.size || store.totals.keys !== model.size) {
    throw new Error(
      `seq ${store.appliedSeq}: ${rows.size} rows, ${store.totals.keys} counted, ${model.size} wanted`,
    );
  }
  const keys = [...model.keys()].filter((_, index) => index % 5 === 0); // the index, too, must have kept them
  const found = await Promise.all(keys.map((key) => store.read(key)));
  for (const [key, etag] of model) {
    if (rows.get(key)?.etag !== etag) throw new Error(`seq ${store.appliedSeq}: ${key} differs`);
  }
  for (const [index, key] of keys.entries()) {
    if (found[index]?.etag !== model.get(key)) throw new Error(`the index has lost ${key}`);
  }
}

const say = (fact: object): void => {
  process.stdout.write(`${JSON.stringify(fact)}\n`);
};

const die = (): void => {
  process.kill(process.pid, 'SIGKILL');
};

/** A disk that starts the countdown to death when the marker `checkpointing` has become durable. */
function dyingDisk(armed: () => boolean, delayMs: number): Disk {
  const disk = nodeDisk();
  let isMarked = false;
  return {
    ...disk,
    rename: async (from, to) => {
      await disk.rename(from, to);
      isMarked ||= armed() && to.endsWith('/STATE');
    },
    syncDirectory: async (path) => {
      await disk.syncDirectory(path);
      if (isMarked && armed()) systemClock.after(delayMs, die);
    },
  };
}

/** Replays what the log would hold, writes on, and dies. */
async function live(
  directory: string,
  plan: { acknowledged: number; mode: string; luck: number },
): Promise<void> {
  let isArmed = false;
  const factory = createKuzuStoreFactory({
    disk: plan.mode === 'checkpoint' ? dyingDisk(() => isArmed, plan.luck * 8) : nodeDisk(),
    clock: systemClock,
    logger: silentLogger,
    poolBytes: 128 * 2 ** 20,
  });
  const store = await factory.open(directory);
  const found = { applied: store.appliedSeq as number, base: store.baseSeq as number };
  await check(store);
  for (let at = store.appliedSeq + 1; at <= plan.acknowledged; at += 1)
    await store.apply(batch(at, changesAt(at)));
  await check(store);
  say({ verified: true, ...found });
  const last = store.appliedSeq + 3 + Math.floor(plan.luck * 6);
  for (let at = store.appliedSeq + 1; at <= last; at += 1) {
    await store.apply(batch(at, changesAt(at)));
    say({ acknowledged: at });
    const force = at % 9 === 0 ? 'rewrite' : 'checkpoint';
    if (at % 3 === 0) await store.maintain({ logBytesSinceBase: 0, force });
  }
  isArmed = true;
  if (plan.mode !== 'checkpoint') systemClock.after(plan.luck * 90, die);
  for (let at = last + 1; plan.mode === 'write'; at += 1) {
    await store.apply(batch(at, changesAt(at)));
    say({ acknowledged: at });
  }
  const force = plan.mode === 'rewrite' ? 'rewrite' : 'checkpoint';
  for (let at = last + 1; ; at += 1) {
    await store.apply(batch(at, changesAt(at)));
    say({ acknowledged: at });
    await store.maintain({ logBytesSinceBase: 0, force });
  }
}

const [directory = '', acknowledged = '0', mode = 'write', luck = '0'] = process.argv.slice(2);
await live(directory, { acknowledged: Number(acknowledged), mode, luck: Number(luck) });
