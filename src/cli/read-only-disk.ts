/** A disk that can only be read: what `inspect` does beside a running process can then never disturb it. */
import { existsSync } from 'node:fs';
import { open, readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Disk, DiskFile } from '../kernel/disk.ts';

/** The machine's files, for reading. Errors: every call that would change something throws. */
export const readOnlyDisk: Disk = {
  open: async (path, mode) => {
    if (mode !== 'read') return refuse('open');
    return readOnlyFile(path);
  },
  list: async (directory) => (existsSync(directory) ? (await readdir(directory)).sort() : []),
  makeDirectory: () => refuse('makeDirectory'),
  rename: () => refuse('rename'),
  remove: () => refuse('remove'),
  exists: async (path) => existsSync(path),
  sizeOf,
  syncDirectory: () => refuse('syncDirectory'),
  freeBytes: () => refuse('freeBytes'),
  lock: () => refuse('lock'),
};

async function readOnlyFile(path: string): Promise<DiskFile> {
  const file = await open(path, 'r');
  return {
    read: async (position, length) => {
      const buffer = Buffer.alloc(length);
      let filled = 0;
      for (let got = -1; got !== 0 && filled < length; filled += got) {
        got = (await file.read(buffer, filled, length - filled, position + filled)).bytesRead;
      }
      return buffer.subarray(0, filled);
    },
    write: () => refuse('write'),
    writeSynced: () => refuse('writeSynced'),
    truncate: () => refuse('truncate'),
    sync: () => refuse('sync'),
    size: async () => (await file.stat()).size,
    close: () => file.close(),
  };
}

/** Files that a running process removes meanwhile count as empty. */
async function sizeOf(path: string): Promise<number> {
  const facts = await stat(path).catch(() => undefined);
  if (facts === undefined) return 0;
  if (!facts.isDirectory()) return facts.size;
  const names = await readdir(path).catch((): string[] => []);
  const sizes = await Promise.all(names.map((name) => sizeOf(join(path, name))));
  return sizes.reduce((sum, size) => sum + size, 0);
}

function refuse(call: string): Promise<never> {
  return Promise.reject(new Error(`${call} would change the directory; it is only read here`));
}
