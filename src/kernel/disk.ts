/**
 * The disk as a dependency: the only importer of `node:fs` among the rooms that the simulation runs. Every promise
 * of durability rests on `sync` and `syncDirectory`; the simulated disk forgets whatever they were not called for.
 */

/** An open file. One owner; calls of one kind are not reordered by us. */
export interface DiskFile {
  /** Up to `length` bytes from `position`; shorter at the end of the file. */
  read(position: number, length: number): Promise<Buffer>;
  /** Writes all bytes at `position`, or throws. Not durable before `sync`. */
  write(position: number, bytes: Uint8Array): Promise<void>;
  /** Cuts or extends the file. Not durable before `sync`. */
  truncate(length: number): Promise<void>;
  /**
   * `write` and `sync` in one trip to the disk: the bytes are durable when it resolves, earlier ones not before `sync`.
   * Errors: after `disk_full` any part of the bytes may be in the file, and none of them counts as durable.
   */
  writeSynced(position: number, bytes: Uint8Array): Promise<void>;
  /** fdatasync: bytes and length are durable. The file's name is not: see `syncDirectory`. */
  sync(): Promise<void>;
  size(): Promise<number>;
  close(): Promise<void>;
}

/** A held lock; the operating system or the next owner ends it when the process dies. */
export interface DiskLock {
  release(): Promise<void>;
}

/** What Torua needs of a file system. Paths are absolute. */
export interface Disk {
  /** `read`: must exist. `write`: created when absent. `create`: must not exist. */
  open(path: string, mode: 'read' | 'write' | 'create'): Promise<DiskFile>;
  /** Names in a directory, sorted; empty when it does not exist. */
  list(directory: string): Promise<string[]>;
  /** Creates it with its parents; no error when it exists. */
  makeDirectory(path: string): Promise<void>;
  /** Atomic, replaces the target. Not durable before `syncDirectory`. */
  rename(from: string, to: string): Promise<void>;
  /** Removes a file or a whole directory; no error when it is absent. */
  remove(path: string): Promise<void>;
  exists(path: string): Promise<boolean>;
  /** Bytes of a file, or of all files below a directory; 0 when absent. */
  sizeOf(path: string): Promise<number>;
  /** Names created, renamed and removed in the directory are durable. */
  syncDirectory(path: string): Promise<void>;
  /** Bytes an ordinary user may still write below `path`. */
  freeBytes(path: string): Promise<number>;
  /** Takes the lock file, or throws `directory_locked` while a live process holds it. */
  lock(path: string): Promise<DiskLock>;
}

/** The file's content, or undefined when it does not exist. */
export async function readWhole(disk: Disk, path: string): Promise<Buffer | undefined> {
  if (!(await disk.exists(path))) return undefined;
  const file = await disk.open(path, 'read');
  try {
    return await file.read(0, await file.size());
  } finally {
    await file.close();
  }
}

/**
 * Replaces the file by `bytes`, atomically and durably: after a crash it holds either the old content or the new.
 * `directory` must exist and be durable.
 */
export async function writeAtomically(
  disk: Disk,
  directory: string,
  name: string,
  bytes: Uint8Array,
): Promise<void> {
  const temporary = `${directory}/${name}.tmp`;
  await disk.remove(temporary);
  const file = await disk.open(temporary, 'create');
  try {
    await file.write(0, bytes);
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.rename(temporary, `${directory}/${name}`);
  await disk.syncDirectory(directory);
}
