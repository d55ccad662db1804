import { expect, test } from 'vitest';
import { copyOf, dropOf, logWorld, recordOf, truncateOf } from '../../test/simulation/log-world.ts';
import { seq } from '../kernel/ids.ts';

test('what was appended is read back in order after a clean restart', async () => {
  const world = await logWorld();
  const log = await world.open();
  await world.fill(log, { from: 1, to: 20 });
  await world.fill(log, { copy: 2, from: 1, to: 5 });
  await world.settle(log.close());
  const again = await world.open();
  expect((await world.readAll(again, 1)).map((record) => record.seq)).toEqual(
    Array.from({ length: 20 }, (_, index) => index + 1),
  );
  expect(await world.readAll(again, 2)).toEqual(
    [1, 2, 3, 4, 5].map((at) => recordOf({ copy: 2, seq: at })),
  );
  expect(again.recovery).toEqual({ records: 25, segments: 1, tornTail: undefined, damage: [] });
  expect(again.copies()).toEqual([copyOf(1), copyOf(2)]);
  expect(again.lastHybridMs).toBe(1_020);
});

// @req: log.group-commit
test('appends of one turn share one batch and one fdatasync, in the order of the calls', async () => {
  const world = await logWorld();
  const log = await world.open();
  const before = log.stats;
  const order: number[] = [];
  const appends = [1, 2, 3, 4].map((at) =>
    log.append([recordOf({ seq: at })]).then(() => order.push(at)),
  );
  await world.settle(Promise.all(appends));
  expect(order).toEqual([1, 2, 3, 4]);
  expect(log.stats.batches - before.batches).toBe(1);
  expect(log.stats.syncs - before.syncs).toBe(1);
  expect(log.stats.records).toBe(4);
});

// @req: log.control-records
test('truncate takes away what lies behind it and drop the whole copy, now and after a restart', async () => {
  const world = await logWorld();
  const log = await world.open();
  await world.fill(log, { from: 1, to: 10 });
  await world.fill(log, { copy: 2, from: 1, to: 3 });
  await world.settle(log.append([truncateOf(1, 6)]));
  await world.settle(log.append([recordOf({ seq: 7, term: 2 })]));
  await world.settle(log.append([dropOf(2, 3)]));
  const check = async (opened: typeof log): Promise<void> => {
    expect((await world.readAll(opened, 1)).map((one) => [one.seq, one.term])).toEqual([
      [1, 1],
      [2, 1],
      [3, 1],
      [4, 1],
      [5, 1],
      [6, 1],
      [7, 2],
    ]);
    expect(opened.position(copyOf(2))).toBeUndefined();
    expect(opened.position(copyOf(1))).toMatchObject({ lastSeq: 7, lastTerm: 2, inDoubt: false });
  };
  await check(log);
  await world.settle(log.close());
  await check(await world.open());
});

// @req: log.control-records
test('a copy that begins with truncate goes on behind it', async () => {
  const world = await logWorld();
  const log = await world.open();
  await world.settle(log.append([truncateOf(1, 41, 3), recordOf({ seq: 42, term: 3 })]));
  expect(log.position(copyOf(1))).toMatchObject({ firstSeq: 42, lastSeq: 42, lastTerm: 3 });
  await world.settle(log.close());
  const again = await world.open();
  expect((await world.readAll(again, 1)).map((one) => one.seq)).toEqual([42]);
  expect(await world.settle(again.read(copyOf(1), seq(43), 100))).toEqual([]);
});
