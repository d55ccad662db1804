/** What every `Disk` promises, on the real one and on the simulated one. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type Disk, readWhole, writeAtomically } from '../../src/kernel/disk.ts';
import { nodeDisk } from '../../src/kernel/node-disk.ts';
import { SimDisk } from '../simulation/sim-disk.ts';
import { simRandom } from '../simulation/sim-random.ts';

interface Made {
  readonly disk: Disk;
  readonly root: string;
  readonly end: () => Promise<void>;
}

const IMPLEMENTATIONS: readonly { name: string; make: () => Promise<Made> }[] = [
  {
    name: 'nodeDisk',
    make: async () => {
      const root = await mkdtemp(join(tmpdir(), 'torua-disk-'));
      return { disk: nodeDisk(), root, end: () => rm(root, { recursive: true }) };
    },
  },
  {
    name: 'SimDisk',
    make: async () => {
      const disk = new SimDisk({ random: simRandom(1) }).boot();
      await disk.makeDirectory('/root');
      return { disk, root: '/root', end: async () => {} };
    },
  },
];

// @req: tests.contract-suites
describe.each(IMPLEMENTATIONS)('$name', ({ make }) => {
  let made: Made;
  let disk: Disk;
  let path: string;
  beforeEach(async () => {
    made = await make();
    disk = made.disk;
    path = `${made.root}/file`;
  });
  afterEach(() => made.end());

  const put = async (at: string, text: string): Promise<void> => {
    const file = await disk.open(at, 'write');
    await file.write(0, Buffer.from(text));
    await file.close();
  };
  const text = async (at: string): Promise<string | undefined> =>
    (await readWhole(disk, at))?.toString();

  test('bytes are read where they were written, shorter at the end', async () => {
    const file = await disk.open(path, 'write');
    await file.write(0, Buffer.from('hello world'));
    await file.write(6, Buffer.from('there'));
    expect((await file.read(0, 100)).toString()).toBe('hello there');
    expect((await file.read(6, 3)).toString()).toBe('the');
    expect(await file.read(50, 10)).toHaveLength(0);
    expect(await file.read(0, 0)).toHaveLength(0);
    await file.write(3, Buffer.alloc(0));
    expect(await file.size()).toBe(11);
    await file.sync();
    await file.close();
  });

  test('what is written and synced at once is read like anything else', async () => {
    const file = await disk.open(path, 'write');
    await file.write(0, Buffer.from('hello world'));
    await file.writeSynced(6, Buffer.from('there'));
    await file.writeSynced(11, Buffer.from('!'));
    await file.write(0, Buffer.from('J'));
    expect((await file.read(0, 100)).toString()).toBe('Jello there!');
    await file.truncate(3);
    await file.writeSynced(3, Buffer.from('p'));
    expect(await file.size()).toBe(4);
    await file.close();
    expect(await text(path)).toBe('Jelp');
    await expect(file.writeSynced(0, Buffer.from('x'))).rejects.toMatchObject({
      code: 'storage_failed',
    });
  });

  test('a write behind the end leaves zeros between', async () => {
    const file = await disk.open(path, 'write');
    await file.write(5, Buffer.from('x'));
    expect(await file.read(0, 10)).toEqual(Buffer.from('\0\0\0\0\0x'));
    await file.close();
  });

  test('truncate cuts and extends with zeros', async () => {
    await put(path, 'abcdef');
    const file = await disk.open(path, 'write');
    await file.truncate(3);
    expect(await file.size()).toBe(3);
    await file.truncate(5);
    expect(await file.read(0, 10)).toEqual(Buffer.from('abc\0\0'));
    await file.close();
  });

  test('write keeps an existing file, create refuses it, read wants it', async () => {
    await expect(disk.open(path, 'read')).rejects.toMatchObject({ code: 'storage_failed' });
    await (await disk.open(path, 'create')).close();
    await put(path, 'kept');
    await (await disk.open(path, 'write')).close();
    expect(await text(path)).toBe('kept');
    await expect(disk.open(path, 'create')).rejects.toMatchObject({ code: 'storage_failed' });
    const file = await disk.open(path, 'read');
    await expect(file.write(0, Buffer.from('x'))).rejects.toMatchObject({ code: 'storage_failed' });
    await file.close();
    await expect(disk.open(`${made.root}/no/file`, 'write')).rejects.toMatchObject({
      code: 'storage_failed',
    });
  });

  test('a closed file refuses every call', async () => {
    const file = await disk.open(path, 'write');
    await file.close();
    await expect(file.size()).rejects.toMatchObject({ code: 'storage_failed' });
  });

  test('list is sorted, and empty for what does not exist', async () => {
    for (const name of ['b', 'a', 'c']) await put(`${made.root}/${name}`, name);
    expect(await disk.list(made.root)).toEqual(['a', 'b', 'c']);
    expect(await disk.list(`${made.root}/absent`)).toEqual([]);
  });

  test('directories are made with their parents, twice without complaint', async () => {
    await disk.makeDirectory(`${made.root}/x/y/z`);
    await disk.makeDirectory(`${made.root}/x/y/z`);
    expect(await disk.exists(`${made.root}/x/y/z`)).toBe(true);
    expect(await disk.exists(`${made.root}/x/q`)).toBe(false);
    await disk.syncDirectory(`${made.root}/x/y`);
    await expect(disk.syncDirectory(`${made.root}/absent`)).rejects.toMatchObject({
      code: 'storage_failed',
    });
  });

  test('rename replaces its target', async () => {
    await put(path, 'new');
    await put(`${path}.old`, 'old');
    await disk.rename(path, `${path}.old`);
    expect(await text(`${path}.old`)).toBe('new');
    expect(await disk.exists(path)).toBe(false);
    await expect(disk.rename(path, `${path}.old`)).rejects.toMatchObject({
      code: 'storage_failed',
    });
  });

  test('remove takes files and whole directories, and nothing that is absent', async () => {
    await disk.makeDirectory(`${made.root}/x/y`);
    await put(`${made.root}/x/y/file`, 'text');
    await disk.remove(`${made.root}/x`);
    await disk.remove(`${made.root}/x`);
    expect(await disk.list(made.root)).toEqual([]);
  });

  test('an open file outlives its name', async () => {
    await put(path, 'text');
    const file = await disk.open(path, 'read');
    await disk.remove(path);
    expect((await file.read(0, 10)).toString()).toBe('text');
    await file.close();
  });

  test('sizeOf counts files and what lies below directories', async () => {
    await disk.makeDirectory(`${made.root}/x/y`);
    await put(`${made.root}/x/one`, '12345');
    await put(`${made.root}/x/y/two`, '123');
    expect(await disk.sizeOf(`${made.root}/x/one`)).toBe(5);
    expect(await disk.sizeOf(`${made.root}/x`)).toBe(8);
    expect(await disk.sizeOf(`${made.root}/absent`)).toBe(0);
  });

  test('freeBytes answers for a path that is not there yet', async () => {
    expect(await disk.freeBytes(`${made.root}/not/yet`)).toBeGreaterThan(0);
  });

  test('writeAtomically replaces, readWhole knows absence', async () => {
    expect(await text(path)).toBeUndefined();
    await writeAtomically(disk, made.root, 'file', Buffer.from('one'));
    await writeAtomically(disk, made.root, 'file', Buffer.from('two'));
    expect(await text(path)).toBe('two');
    expect(await disk.list(made.root)).toEqual(['file']);
  });

  test('a lock is held once, and free again after release', async () => {
    const lock = await disk.lock(`${made.root}/LOCK`);
    await expect(disk.lock(`${made.root}/LOCK`)).rejects.toMatchObject({
      code: 'directory_locked',
    });
    await lock.release();
    await lock.release();
    const again = await disk.lock(`${made.root}/LOCK`);
    expect(await disk.list(made.root)).toEqual(['LOCK']);
    await again.release();
    expect(await disk.list(made.root)).toEqual([]);
  });
});
