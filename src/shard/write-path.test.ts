import { expect, test } from 'vitest';
import { copyOf, logWorld } from '../../test/simulation/log-world.ts';
import { deadlineIn } from '../kernel/deadline.ts';
import { createHybridClock } from '../kernel/hybrid-clock.ts';
import { seq, shardUid, term } from '../kernel/ids.ts';
import { createMemoryStoreFactory } from './memory-store.ts';
import { Memtable } from './memtable.ts';
import { NewestValues } from './newest.ts';
import { ValueCache } from './value-cache.ts';
import { OWN_WINDOW_MS, WritePath } from './write-path.ts';

// @req: shard.op-id.own, limits.named
test('when the window holds no more own ids a new write is refused, a remembered one is not, until the oldest are over', async () => {
  const world = await logWorld();
  const { clock } = world;
  const log = await world.open();
  const stores = createMemoryStoreFactory({ disk: world.disk.boot(), clock });
  const store = await world.settle(stores.open('/data/copy'));
  const copyId = copyOf(1);
  const memtable = new Memtable({ bytesMax: 1 << 20, rowsMax: 100 }, seq(0));
  const cache = new ValueCache(0);
  const newest = new NewestValues({ copyId, memtable, store, cache, aside: new Map() });
  const writes = new WritePath({
    copyId,
    shardUid: shardUid('5000000000000001'),
    log,
    clock,
    hybrid: createHybridClock(clock),
    newest,
    roomInMemtable: () => Promise.resolve(),
    onCommit: () => {},
  });
  writes.owner = term(1);
  const idOf = (at: number): string => at.toString(16).padStart(16, '0');
  const write = (at: number) => {
    const operation = { verb: 'delete', key: 'k', opId: idOf(at), callerOpId: false } as const;
    return world.settle(writes.write(operation, term(1), deadlineIn(clock, 1_000)));
  };
  await write(1);
  for (let at = 2; writes.own.hasRoom(clock.monotonicMs()); at += 1) {
    writes.own.set(idOf(at), 1, clock.monotonicMs());
  }
  await expect(write(0xffff_ffff)).rejects.toMatchObject({ code: 'overloaded' });
  expect(await write(1)).toEqual({ status: 204 });
  await clock.run({ forMs: OWN_WINDOW_MS + 1_000 });
  expect(await write(0xffff_ffff)).toEqual({ status: 204 });
  expect(writes.lastSeq).toBe(2);
});
