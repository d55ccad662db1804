/** The engine's wrapper against the traps of the library: each promise here is one that the bare library breaks. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { systemClock } from '../kernel/clock.ts';
import { deadlineIn } from '../kernel/deadline.ts';
import { EngineDatabase, POOL_BYTES_MIN } from './database.ts';
import { copyDatabaseFile, hashDatabaseFile } from './files.ts';
import { openNative } from './native.ts';
import { Readers } from './readers.ts';
import { writeRowFile } from './row-file.ts';
import { loadClause } from './statement-text.ts';
import { ENGINE_NICENESS } from './thread-priority.ts';
import { Writer } from './writer.ts';

const POOL = POOL_BYTES_MIN;
const SHORT = { reader: 'short', timeoutMs: 5_000 } as const;
/** A cross product that would run for hours; the engine looks at its timeout all the time. */
const ENDLESS = 'MATCH (a:t), (b:t), (c:t) WHERE a.n + b.n + c.n < 0 RETURN count(*) AS c';
const NOTHING = { before: async () => {}, after: async () => {} };

let folder = '';
let database: EngineDatabase;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'torua-engine-'));
  database = await EngineDatabase.open(join(folder, 'x'), { clock: systemClock, poolBytes: POOL });
  await database.runAlone('CREATE NODE TABLE t(k STRING PRIMARY KEY, n INT64)');
});

afterEach(async () => {
  await database.close();
  await rm(folder, { recursive: true, force: true });
});

const fill = (rows: number) =>
  database.write((transaction) =>
    transaction.runText(`UNWIND range(1, ${rows}) AS i CREATE (:t {k: cast(i AS STRING), n: i})`),
  );
const count = async () =>
  (await database.read('MATCH (a:t) RETURN count(*) AS c', {}, SHORT))[0]?.c;

describe('opening', () => {
  test('a path is open once in a process, and its file is not touched meanwhile', async () => {
    const options = { clock: systemClock, poolBytes: POOL };
    await expect(EngineDatabase.open(database.path, options)).rejects.toThrow('opened once');
    await expect(hashDatabaseFile(database.path)).rejects.toThrow('drops their lock');
    await expect(copyDatabaseFile(database.path, join(folder, 'y'))).rejects.toThrow(
      'drops their lock',
    );
  });

  // @req: limits.loop
  test.runIf(process.platform === 'linux')('its threads give way to the process', () => {
    const niceness = readdirSync('/proc/self/task').map((thread) => {
      const stat = readFileSync(`/proc/self/task/${thread}/stat`, 'utf8');
      return { thread, nice: Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[16]) };
    });
    const lower = niceness.filter(({ nice }) => nice === ENGINE_NICENESS);
    expect(lower.length).toBeGreaterThanOrEqual(availableParallelism());
    expect(niceness.find(({ thread }) => thread === String(process.pid))?.nice).toBe(0);
  });

  test('a file that is no database is an error, and the path is free again', async () => {
    await writeRowFile(join(folder, 'junk'), {
      columns: { k: 'STRING' },
      rows: [{ k: 'x'.repeat(9_000) }],
      clock: systemClock,
    });
    const open = () =>
      EngineDatabase.open(join(folder, 'junk'), { clock: systemClock, poolBytes: POOL });
    await expect(open()).rejects.toThrow('storage_failed');
    await expect(open()).rejects.toThrow('storage_failed');
  });

  test('closing writes no checkpoint, and what was committed is there at the next open', async () => {
    await fill(5);
    await database.close();
    expect(existsSync(`${database.path}.wal`)).toBe(true);
    database = await EngineDatabase.open(database.path, { clock: systemClock, poolBytes: POOL });
    expect(await count()).toBe(5);
  });
});

describe('writing', () => {
  test('after an error nothing of the transaction stays, nothing more is sent, and the next one works', async () => {
    let later: Promise<unknown> | undefined;
    const failing = database.write(async (transaction) => {
      await transaction.run('CREATE (:t {k: $k, n: 1})', { k: 'a' });
      await transaction.run('CREATE (:t {k: $k, n: 2})', { k: 'a' }).catch(() => undefined);
      later = transaction.run('CREATE (:t {k: $k, n: 3})', { k: 'b' });
      await later;
    });
    await expect(failing).rejects.toThrow('nothing is sent');
    await expect(later).rejects.toThrow('nothing is sent');
    expect(await count()).toBe(0);
    await fill(2);
    expect(await count()).toBe(2);
  });

  test('a transaction after which the owner goes on writing into it is refused', async () => {
    let escaped: (() => Promise<unknown>) | undefined;
    await database.write(async (transaction) => {
      escaped = () => transaction.run('CREATE (:t {k: $k, n: 1})', { k: 'late' });
    });
    await expect(escaped?.()).rejects.toThrow('nothing is sent');
  });

  test('transactions asked for at once run one after another', async () => {
    const order: number[] = [];
    const all = Array.from({ length: 20 }, (_, index) =>
      database.write(async (transaction) => {
        await transaction.run('CREATE (:t {k: $k, n: $n})', { k: `k${index}`, n: index });
        order.push(index);
      }),
    );
    await Promise.all(all);
    expect([order, await count()]).toEqual([Array.from({ length: 20 }, (_, index) => index), 20]);
  });

  test('a connection whose BEGIN failed is discarded, and the process lives', async () => {
    const native = await openNative(join(folder, 'two'), { poolBytes: POOL, clock: systemClock });
    const [first, second] = [
      new Writer(() => native.connect()),
      new Writer(() => native.connect()),
    ];
    await first.alone((connection) =>
      connection.runText('CREATE NODE TABLE t(k INT64 PRIMARY KEY)'),
    );
    const create =
      (k: number) => (transaction: Parameters<Parameters<Writer['transaction']>[0]>[0]) =>
        transaction.run('CREATE (:t {k: $k})', { k });
    await first.transaction(async (transaction) => {
      await create(1)(transaction);
      await expect(second.transaction(create(2))).rejects.toThrow(
        'Cannot start a new write transaction',
      );
      const seen = await second.alone(
        (connection) => connection.runText('MATCH (a:t) RETURN count(*) AS c'), // kills the process on the broken connection
      );
      expect(seen).toEqual([{ c: 0 }]);
    });
    await second.transaction(create(3));
    const rows = await first.alone((connection) =>
      connection.runText('MATCH (a:t) RETURN a.k AS k ORDER BY k'),
    );
    expect(rows).toEqual([{ k: 1 }, { k: 3 }]);
    for (const writer of [first, second]) await writer.close();
    await native.close();
  });

  test('one text is one statement', async () => {
    await expect(database.runAlone('RETURN 1; RETURN 2')).rejects.toThrow(
      'one text is one statement',
    );
  });

  test('row files keep every text, typed by what is stated and not by the first row', async () => {
    const columns = { k: 'STRING', n: 'INT64' } as const;
    const rows = [
      '1',
      'true',
      '2024-01-01',
      '{"a":1}',
      '\\x00',
      '"',
      '\u0001',
      '\u{1f600}',
      'null',
    ].map((k, n) => ({ k, n: n - 3 }));
    const path = join(folder, 'rows.json');
    await writeRowFile(path, { columns, rows, clock: systemClock });
    await database.write((transaction) =>
      transaction.runText(`${loadClause(path, columns)} CREATE (:t {k: k, n: n})`),
    );
    expect(
      await database.read('MATCH (a:t) RETURN a.k AS k, a.n AS n ORDER BY n', {}, SHORT),
    ).toEqual(rows);
    const bad = writeRowFile(path, { columns, rows: [{ k: '\ud800', n: 1 }], clock: systemClock });
    await expect(bad).rejects.toThrow('well-formed');
  });
});

describe('reading', () => {
  test('a read that takes too long is interrupted, and its connection goes on', async () => {
    await fill(2_000);
    await expect(database.read(ENDLESS, {}, { reader: 'long', timeoutMs: 50 })).rejects.toThrow(
      'deadline_exceeded',
    );
    expect(
      await database.read(
        'MATCH (a:t) RETURN max(a.n) AS n',
        {},
        { reader: 'long', timeoutMs: 5_000 },
      ),
    ).toEqual([{ n: 2_000 }]);
  });

  test('reads that wait too long or are too many are refused, key reads go on beside long ones', async () => {
    await fill(2_000);
    const native = await openNative(join(folder, 'y'), { poolBytes: POOL, clock: systemClock });
    const lane = { connections: 1, waitingMax: 2 };
    const readers = new Readers({
      connect: () => native.connect(),
      clock: systemClock,
      limits: { short: lane, long: lane },
    });
    const endless =
      'UNWIND range(1, 100000) AS a UNWIND range(1, 100000) AS b WITH a, b WHERE a + b < 0 RETURN count(*) AS c';
    const long = { reader: 'long', timeoutMs: 600 } as const;
    const running = readers.read(endless, {}, long).catch((error: Error) => error.message);
    const late = readers.read(
      'RETURN 1 AS one',
      {},
      { ...long, deadline: deadlineIn(systemClock, 20) },
    );
    const waiting = readers.read('RETURN 2 AS two', {}, long);
    await expect(readers.read('RETURN 3 AS three', {}, long)).rejects.toThrow('overloaded');
    expect(await readers.read('RETURN 4 AS four', {}, SHORT)).toEqual([{ four: 4 }]);
    await expect(late).rejects.toThrow('deadline_exceeded');
    expect([await running, await waiting]).toEqual([
      expect.stringContaining('deadline_exceeded'),
      [{ two: 2 }],
    ]);
    const last = readers.read('RETURN 5 AS five', {}, SHORT);
    await readers.close();
    expect(await last).toEqual([{ five: 5 }]);
    await expect(readers.read('RETURN 6', {}, SHORT)).rejects.toThrow('shutting_down');
    await native.close();
  });

  test('before the end long reads that wait are refused, the one inside and short ones go on', async () => {
    await fill(10);
    const native = await openNative(join(folder, 'z'), { poolBytes: POOL, clock: systemClock });
    const lane = { connections: 1, waitingMax: 4 };
    const readers = new Readers({
      connect: () => native.connect(),
      clock: systemClock,
      limits: { short: lane, long: lane },
    });
    const long = { reader: 'long', timeoutMs: 5_000 } as const;
    const inside = readers.read('UNWIND range(1, 1000000) AS a RETURN count(a) AS c', {}, long);
    const waiting = readers.read('RETURN 2 AS two', {}, long).catch((error: Error) => error);
    readers.refuseLong();
    expect(await waiting).toMatchObject({ code: 'shutting_down' });
    await expect(readers.read('RETURN 3', {}, long)).rejects.toThrow('shutting_down');
    expect(await readers.read('RETURN 4 AS four', {}, SHORT)).toEqual([{ four: 4 }]);
    expect(await inside).toEqual([{ c: 1_000_000 }]);
    await readers.close();
    await native.close();
  });

  test('thousands of reads at once are all answered, rightly', async () => {
    await fill(500);
    const keys = Array.from({ length: 3_000 }, (_, index) => String((index % 500) + 1));
    const rows = await Promise.all(
      keys.map((k) => database.read('MATCH (a:t {k: $k}) RETURN a.n AS n', { k }, SHORT)),
    );
    expect(rows.map((row) => row[0]?.n)).toEqual(keys.map(Number));
  });

  test('more rows than one slice come out whole', async () => {
    await fill(2_345);
    expect(await database.read('MATCH (a:t) RETURN a.n AS n', {}, SHORT)).toHaveLength(2_345);
  });
});

describe('checkpoints', () => {
  test('one that is due lets a long reader end, holds new ones back, and lets keys be read and written', async () => {
    await fill(2_000);
    const order: string[] = [];
    const note = (what: string) => () => void order.push(what);
    const long = database
      .read(ENDLESS, {}, { reader: 'long', timeoutMs: 400 })
      .catch(note('long ended'));
    const checkpoint = database
      .checkpoint({ before: async () => void order.push('checkpoint'), after: async () => {} })
      .then(note('checkpoint over'));
    const next = database
      .read('RETURN 1 AS one', {}, { reader: 'long', timeoutMs: 1_000 })
      .then(note('next long'));
    await database
      .read('MATCH (a:t {k: $k}) RETURN a.n AS n', { k: '7' }, SHORT)
      .then(note('key read'));
    await database
      .write((transaction) => transaction.run('CREATE (:t {k: $k, n: 0})', { k: 'new' }))
      .then(note('write'));
    await Promise.all([long, checkpoint, next]);
    expect(order).toEqual([
      'key read',
      'write',
      'long ended',
      'checkpoint',
      'checkpoint over',
      'next long',
    ]);
    expect([await count(), existsSync(`${database.path}.wal`)]).toEqual([2_001, false]);
  });

  test('short readers inside are waited for, and those that come meanwhile are answered after it', async () => {
    await fill(2_000);
    const order: string[] = [];
    const note = (what: string) => async () => void order.push(what);
    const inside = database
      .read(ENDLESS, {}, { reader: 'short', timeoutMs: 300 })
      .catch(note('reader inside ended'));
    const checkpoint = database.checkpoint({ before: note('begin'), after: note('end') });
    await database.write(async () => {}).catch(() => undefined); // queued behind it: its turn has come
    const outside = count().then(note('reader outside'));
    await Promise.all([inside, checkpoint, outside]);
    expect(order).toEqual(['reader inside ended', 'begin', 'end', 'reader outside']);
  });

  test('after a failed one the handle only reads; closing it loses nothing', async () => {
    await fill(100);
    const failing = database.checkpoint({
      ...NOTHING,
      after: () => Promise.reject(new Error('disk gone')),
    });
    await expect(failing).rejects.toThrow('disk gone');
    expect(database.isPoisoned).toBe(true);
    await expect(database.checkpoint(NOTHING)).rejects.toThrow('must be rebuilt');
    expect(() => database.write(async () => {})).toThrow('must be rebuilt');
    expect(await count()).toBe(100);
  });

  test('a marker that cannot be written stops the checkpoint before it does harm', async () => {
    const failing = database.checkpoint({
      ...NOTHING,
      before: () => Promise.reject(new Error('no space')),
    });
    await expect(failing).rejects.toThrow('no space');
    expect(database.isPoisoned).toBe(false);
    await database.checkpoint(NOTHING);
  });

  test('an export is one snapshot, and comes back the same in another database', async () => {
    await fill(1_000);
    const tables = [{ name: 't', query: 'MATCH (a:t) RETURN a.k AS k, a.n AS n' }];
    const stamp = await database.exportTo(folder, {
      tables,
      stamp: 'MATCH (a:t) RETURN sum(a.n) AS sum',
    });
    expect(Number(stamp[0]?.sum)).toBe(500_500);
    const copy = await EngineDatabase.open(join(folder, 'copy'), {
      clock: systemClock,
      poolBytes: POOL,
    });
    await copy.runAlone('CREATE NODE TABLE t(k STRING PRIMARY KEY, n INT64)');
    await copy.runAlone(`COPY t FROM '${folder}/t.json'`);
    const rows = (engine: EngineDatabase) =>
      engine.read('MATCH (a:t) RETURN a.k AS k, a.n AS n ORDER BY n', {}, SHORT);
    expect(await rows(copy)).toEqual(await rows(database));
    expect((await copy.poolUse()).limitBytes).toBe(POOL);
    await copy.close();
  });
});
