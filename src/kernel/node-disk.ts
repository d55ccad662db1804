/**
 * The real disk, on `node:fs`. The hot calls (write, fdatasync) use the callback API: the promise API's file handles
 * cost more per call. Errors become ours here: `disk_full` for missing space or quota, `storage_failed` for the rest.
 */
import {
  close,
  constants,
  fdatasync,
  fstat,
  fsync,
  ftruncate,
  open,
  promises,
  read,
  statfs,
  write,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Disk, DiskFile } from './disk.ts';
import { takeLock } from './disk-lock.ts';
import { ToruaError } from './errors.ts';

const OPEN_FLAGS = {
  read: constants.O_RDONLY,
  write: constants.O_RDWR | constants.O_CREAT,
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL,
} as const;

/**
 * Writes through this flag return when the bytes are durable, and cost two thirds of a write and an fdatasync. Only
 * where the kernel keeps that promise: macOS leaves the bytes in the drive's cache, where libuv's fdatasync does not.
 */
const SYNCED_FLAGS = process.platform === 'linux' ? constants.O_WRONLY | constants.O_DSYNC : 0;

/** The machine's disk. */
export function nodeDisk(): Disk {
  return {
    open: async (path, mode) => new NodeFile(path, await openFile(path, OPEN_FLAGS[mode])),
    list: (directory) =>
      guarded('list', directory, async () => (await promises.readdir(directory)).sort(), []),
    makeDirectory: (path) =>
      guarded('make', path, async () => {
        await promises.mkdir(path, { recursive: true });
      }),
    rename: (from, to) => guarded('rename', from, () => promises.rename(from, to)),
    remove: (path) =>
      guarded('remove', path, () => promises.rm(path, { recursive: true, force: true })),
    exists: (path) =>
      guarded(
        'look at',
        path,
        async () => {
          await promises.stat(path);
          return true;
        },
        false,
      ),
    sizeOf: (path) => guarded('measure', path, () => sizeOf(path), 0),
    syncDirectory,
    freeBytes,
    lock: takeLock,
  };
}

class NodeFile implements DiskFile {
  readonly #path: string;
  readonly #handle: number;
  /** The same file, opened again by the first `writeSynced`. */
  #synced: number | undefined;
  #isClosed = false;

  constructor(path: string, handle: number) {
    this.#path = path;
    this.#handle = handle;
  }

  async read(position: number, length: number): Promise<Buffer> {
    const bytes = Buffer.allocUnsafe(length);
    let done = 0;
    while (done < length) {
      const count = await this.#call<number>('read', (callback) =>
        read(this.#handle, bytes, done, length - done, position + done, callback),
      );
      if (count === 0) break;
      done += count;
    }
    return bytes.subarray(0, done);
  }

  write(position: number, bytes: Uint8Array): Promise<void> {
    return this.#writeTo(this.#handle, position, bytes);
  }

  async writeSynced(position: number, bytes: Uint8Array): Promise<void> {
    if (SYNCED_FLAGS === 0) {
      await this.write(position, bytes);
      return this.sync();
    }
    // Else it would open the path again, behind the back of whoever has it next.
    if (this.#isClosed) throw new ToruaError('storage_failed', `${this.#path} is closed.`);
    this.#synced ??= await openFile(this.#path, SYNCED_FLAGS);
    return this.#writeTo(this.#synced, position, bytes);
  }

  async #writeTo(handle: number, position: number, bytes: Uint8Array): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      const count = await this.#call<number>('write', (callback) =>
        write(handle, bytes, done, bytes.length - done, position + done, callback),
      );
      if (count === 0) throw new ToruaError('storage_failed', `${this.#path} takes no bytes.`);
      done += count;
    }
  }

  truncate(length: number): Promise<void> {
    return this.#call('truncate', (callback) => ftruncate(this.#handle, length, callback));
  }

  sync(): Promise<void> {
    return this.#call('sync', (callback) => fdatasync(this.#handle, callback));
  }

  async size(): Promise<number> {
    const stats = await this.#call<{ size: number }>('measure', (callback) =>
      fstat(this.#handle, callback),
    );
    return stats.size;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const synced = this.#synced;
    this.#synced = undefined;
    if (synced !== undefined) await this.#call('close', (callback) => close(synced, callback));
    await this.#call('close', (callback) => close(this.#handle, callback));
  }

  #call<T = void>(doing: string, start: (callback: Callback<T>) => void): Promise<T> {
    return called(doing, this.#path, start);
  }
}

type Callback<T> = (error: NodeJS.ErrnoException | null, result?: T) => void;

function called<T = void>(
  doing: string,
  path: string,
  start: (callback: Callback<T>) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, result) => {
      if (error) reject(translated(error, doing, path));
      else resolve(result as T);
    });
  });
}

function openFile(path: string, flags: number): Promise<number> {
  return called('open', path, (callback) => open(path, flags, 0o644, callback));
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await openFile(path, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    // fsync, not fdatasync: only it promises the names.
    await called('sync', path, (callback) => fsync(handle, callback));
  } finally {
    await called('close', path, (callback) => close(handle, callback));
  }
}

/** The path may not exist yet: then its nearest existing parent answers. */
async function freeBytes(path: string): Promise<number> {
  const parent = dirname(path);
  try {
    const stats = await called<{ bavail: number; bsize: number }>('measure', path, (callback) =>
      statfs(path, callback),
    );
    return stats.bavail * stats.bsize;
  } catch (error) {
    if (parent === path || !isAbsent(error)) throw error;
    return freeBytes(parent);
  }
}

async function sizeOf(path: string): Promise<number> {
  const stats = await promises.stat(path);
  if (!stats.isDirectory()) return stats.size;
  let sum = 0;
  for (const name of await promises.readdir(path)) {
    // Files come and go while we count.
    sum += await guarded('measure', join(path, name), () => sizeOf(join(path, name)), 0);
  }
  return sum;
}

/** The call's result; `absent`, when given, is the answer for a path that does not exist. */
async function guarded<T>(
  doing: string,
  path: string,
  call: () => Promise<T>,
  absent?: T,
): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (absent !== undefined && isAbsent(error)) return absent;
    throw translated(error, doing, path);
  }
}

function isAbsent(error: unknown): boolean {
  const cause = error instanceof ToruaError ? error.cause : error;
  return codeOf(cause) === 'ENOENT';
}

function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException | undefined)?.code ?? 'unknown');
}

function translated(error: unknown, doing: string, path: string): ToruaError {
  if (error instanceof ToruaError) return error;
  const code = codeOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new ToruaError('disk_full', `No space left for ${path}.`, { cause: error });
  }
  return new ToruaError('storage_failed', `Could not ${doing} ${path} (${code}).`, {
    cause: error,
  });
}
