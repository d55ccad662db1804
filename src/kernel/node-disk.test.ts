import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { nodeDisk } from './node-disk.ts';

test.runIf(existsSync('/dev/full'))(
  'a disk without space answers disk_full with the cause',
  async () => {
    const file = await nodeDisk().open('/dev/full', 'write');
    await expect(file.write(0, Buffer.from('x'))).rejects.toMatchObject({
      code: 'disk_full',
      cause: { code: 'ENOSPC' },
    });
    await file.close();
  },
);

test('any other failure answers storage_failed with the path and the cause', async () => {
  const disk = nodeDisk();
  const directory = await mkdtemp(join(tmpdir(), 'torua-disk-'));
  const path = join(directory, 'absent');
  await expect(disk.open(path, 'read')).rejects.toMatchObject({
    code: 'storage_failed',
    detail: `Could not open ${path} (ENOENT).`,
    cause: { code: 'ENOENT' },
  });
  const file = await disk.open(path, 'write');
  await expect(disk.list(path)).rejects.toMatchObject({ code: 'storage_failed' });
  await expect(disk.makeDirectory(join(path, 'below'))).rejects.toMatchObject({
    code: 'storage_failed',
  });
  await file.close();
  await rm(directory, { recursive: true });
});

test('a large write arrives whole', async () => {
  const disk = nodeDisk();
  const directory = await mkdtemp(join(tmpdir(), 'torua-disk-'));
  const bytes = Buffer.alloc(3_000_000, 'torua');
  const file = await disk.open(join(directory, 'file'), 'create');
  await file.write(7, bytes);
  await file.sync();
  expect((await file.read(7, bytes.length + 10)).equals(bytes)).toBe(true);
  await file.close();
  await rm(directory, { recursive: true });
});
