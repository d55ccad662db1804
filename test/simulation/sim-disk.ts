/**
 * A disk in memory that forgets at a power failure whatever was not synced, driven by a seed. `boot` gives a process
 * its view; `kill` ends all views but keeps what the operating system has in its cache; `crash` is a power failure.
 */
import type { Clock } from '../../src/kernel/clock.ts';
import type { Disk, DiskFile, DiskLock } from '../../src/kernel/disk.ts';
import { ToruaError } from '../../src/kernel/errors.ts';
import { SimDirectory, SimInode, type SimNode } from './sim-disk-tree.ts';
import type { SimRandom } from './sim-random.ts';

/** A call that is about to take effect. */
export interface SimCall {
  readonly kind: keyof Disk | 'read' | 'write' | 'truncate' | 'sync' | 'size' | 'close';
  readonly path: string;
}

/** A call of `sync` or `syncDirectory`. */
export interface SyncCall {
  readonly kind: 'file' | 'directory';
  readonly path: string;
  /** Where in `src/` it was called: the two innermost frames. Stable within one run of the tests. */
  readonly site: string;
}

/** How a simulated disk behaves. */
export interface SimDiskOptions {
  readonly random: SimRandom;
  /** With a latency each call takes effect, or returns, that much later; without one it takes one microtask. */
  readonly clock?: Clock | undefined;
  readonly latencyMs?: ((call: SimCall) => number) | undefined;
  /** What calls of a dead process do. Default `reject`; `hang` is closer to life: the dead run no code. */
  readonly deadCalls?: 'reject' | 'hang' | undefined;
}

/** The machine's disk, and the hands that break it. */
export class SimDisk {
  /** Runs before each call takes effect; may call `crash` or `kill`, then the call dies. */
  beforeCall: ((call: SimCall) => void) | undefined;
  /** False for a sync: it reports success and does nothing. */
  syncFilter: ((call: SyncCall) => boolean) | undefined;
  /** True for a sync that fails, in the way Linux fails. */
  syncFails: ((call: SyncCall) => boolean) | undefined;
  /** Bytes that fit; `disk_full` beyond. */
  capacityBytes = Number.POSITIVE_INFINITY;
  /** Calls so far. */
  calls = 0;
  readonly options: SimDiskOptions;
  readonly root = new SimDirectory();
  readonly #locks = new Set<string>();
  #epoch = 0;

  constructor(options: SimDiskOptions) {
    this.options = options;
  }

  /** Which life this is; views of an earlier one are dead. */
  get epoch(): number {
    return this.#epoch;
  }

  /** A process's view. Several live ones share the disk. */
  boot(): Disk {
    return viewOf(this, this.#epoch);
  }

  /** Every process dies (kill -9); files stay as processes saw them, synced or not. */
  kill(): void {
    this.#epoch += 1;
    this.#locks.clear();
  }

  /** The power fails: every process dies, and what was not synced is kept or lost at random. */
  crash(): void {
    this.kill();
    this.root.crash(this.options.random);
  }

  /** Flips one bit of a file, durably. */
  flipBit(path: string, bit: number): void {
    this.file(path).flipBit(bit);
  }

  /** A file's bytes as processes see them. */
  peek(path: string): Buffer {
    const file = this.file(path);
    return file.read(0, file.size);
  }

  /** The file at `path`. Errors: `storage_failed`. */
  file(path: string): SimInode {
    const node = this.node(path);
    if (node instanceof SimInode) return node;
    throw storageFailed(`${path} is not a file`);
  }

  node(path: string): SimNode | undefined {
    let node: SimNode | undefined = this.root;
    for (const name of partsOf(path)) {
      node = node instanceof SimDirectory ? node.get(name) : undefined;
    }
    return node;
  }

  parent(path: string): { directory: SimDirectory; name: string } {
    const parts = partsOf(path);
    const name = parts.pop() ?? '';
    const directory = this.node(parts.join('/'));
    if (directory instanceof SimDirectory) return { directory, name };
    throw storageFailed(`${path} has no directory`);
  }

  freeBytes(): number {
    if (!Number.isFinite(this.capacityBytes)) return Number.MAX_SAFE_INTEGER;
    return Math.max(0, this.capacityBytes - this.usedBytes());
  }

  /** Bytes of all files. */
  usedBytes(): number {
    return bytesBelow(this.root);
  }

  takeLock(path: string): void {
    if (this.#locks.has(path)) {
      throw new ToruaError('directory_locked', `${path} is held by a simulated process.`);
    }
    this.#locks.add(path);
  }

  releaseLock(path: string): void {
    this.#locks.delete(path);
  }

  /** Whether the sync may do its work; throws when it is to fail. */
  admitsSync(call: SyncCall): boolean {
    if (this.syncFails?.(call)) {
      if (call.kind === 'file') this.file(call.path).failSync();
      throw storageFailed(`sync of ${call.path} failed`);
    }
    return this.syncFilter?.(call) ?? true;
  }
}

/** Runs one call: the hook, the latency, and death. */
async function perform<T>(
  disk: SimDisk,
  epoch: number,
  call: SimCall,
  effect: () => T,
): Promise<T> {
  const { clock, latencyMs, deadCalls } = disk.options;
  const checkAlive = (): Promise<void> | undefined => {
    if (disk.epoch === epoch) return undefined;
    if (deadCalls === 'hang') return new Promise(() => {});
    throw storageFailed(`${call.kind} of ${call.path}: the process is dead`);
  };
  await checkAlive();
  disk.calls += 1;
  disk.beforeCall?.(call);
  await checkAlive();
  const delayMs = latencyMs?.(call) ?? 0;
  // A sync is late in its effect, everything else in its answer: the page cache is written at once.
  const isSync = call.kind === 'sync' || call.kind === 'syncDirectory';
  const wait = (): Promise<void> =>
    new Promise((resolve) => {
      if (clock && delayMs > 0) clock.after(delayMs, resolve);
      else resolve();
    });
  if (isSync) await wait();
  await checkAlive();
  const result = effect();
  if (!isSync) await wait();
  await checkAlive();
  return result;
}

function viewOf(disk: SimDisk, epoch: number): Disk {
  const run = <T>(kind: SimCall['kind'], path: string, effect: () => T): Promise<T> =>
    perform(disk, epoch, { kind, path }, effect);
  return {
    open: (path, mode) => run('open', path, () => openFile(disk, epoch, { path, mode })),
    list: (directory) =>
      run('list', directory, () => {
        const node = disk.node(directory);
        return node instanceof SimDirectory ? node.names() : [];
      }),
    makeDirectory: (path) => run('makeDirectory', path, () => makeDirectories(disk, path)),
    rename: (from, to) => run('rename', from, () => rename(disk, from, to)),
    remove: (path) =>
      run('remove', path, () => {
        if (disk.node(path)) {
          const { directory, name } = disk.parent(path);
          directory.delete(name);
        }
      }),
    exists: (path) => run('exists', path, () => disk.node(path) !== undefined),
    sizeOf: (path) => run('sizeOf', path, () => bytesBelow(disk.node(path))),
    syncDirectory: (path) => {
      const site = callSite(disk);
      return run('syncDirectory', path, () => {
        const node = disk.node(path);
        if (!(node instanceof SimDirectory)) throw storageFailed(`${path} is not a directory`);
        if (disk.admitsSync({ kind: 'directory', path, site })) node.sync();
      });
    },
    freeBytes: (path) => run('freeBytes', path, () => disk.freeBytes()),
    lock: (path) => run('lock', path, () => takeLock(disk, epoch, path)),
  };
}

function openFile(
  disk: SimDisk,
  epoch: number,
  how: { path: string; mode: 'read' | 'write' | 'create' },
): DiskFile {
  const { path, mode } = how;
  const known = disk.node(path);
  if (mode === 'create' && known) throw storageFailed(`${path} exists`);
  if (mode === 'read' && !known) throw storageFailed(`${path} does not exist`);
  const { directory, name } = disk.parent(path);
  const inode = known ?? new SimInode();
  if (!(inode instanceof SimInode)) throw storageFailed(`${path} is a directory`);
  if (!known) directory.set(name, inode);
  return fileOver(disk, epoch, { path, inode, isReadOnly: mode === 'read' });
}

function fileOver(
  disk: SimDisk,
  epoch: number,
  opened: { path: string; inode: SimInode; isReadOnly: boolean },
): DiskFile {
  const { path, inode } = opened;
  let isOpen = true;
  const run = <T>(kind: SimCall['kind'], effect: () => T): Promise<T> =>
    perform(disk, epoch, { kind, path }, () => {
      if (!isOpen) throw storageFailed(`${kind} of ${path} after close`);
      const changes = kind === 'write' || kind === 'truncate';
      if (changes && opened.isReadOnly) throw storageFailed(`${path} is open for reading only`);
      return effect();
    });
  const write = (position: number, bytes: Uint8Array): Promise<void> =>
    run('write', () => writeWithin(disk, inode, { position, bytes }));
  const sync = (site: string): Promise<void> =>
    run('sync', () => {
      if (disk.admitsSync({ kind: 'file', path, site })) inode.sync();
    });
  return {
    read: (position, length) => run('read', () => inode.read(position, length)),
    write,
    writeSynced: async (position, bytes) => {
      const site = callSite(disk);
      await write(position, bytes);
      await sync(site);
    },
    truncate: (length) => run('truncate', () => inode.truncate(length)),
    sync: () => sync(callSite(disk)),
    size: () => run('size', () => inode.size),
    close: () =>
      run('close', () => {
        isOpen = false;
      }),
  };
}

/** As a real disk: what fits is written before the error comes. */
function writeWithin(
  disk: SimDisk,
  inode: SimInode,
  what: { position: number; bytes: Uint8Array },
): void {
  const { position, bytes } = what;
  const growth = position + bytes.length - inode.size;
  const missing = growth > 0 ? growth - disk.freeBytes() : 0;
  if (missing <= 0) {
    inode.write(position, bytes);
    return;
  }
  inode.write(position, bytes.subarray(0, Math.max(0, bytes.length - missing)));
  throw new ToruaError('disk_full', 'The simulated disk is full.');
}

function makeDirectories(disk: SimDisk, path: string): void {
  let directory = disk.root;
  for (const name of partsOf(path)) {
    const next = directory.get(name) ?? new SimDirectory();
    if (!(next instanceof SimDirectory)) throw storageFailed(`${path} crosses a file`);
    if (!directory.get(name)) directory.set(name, next);
    directory = next;
  }
}

function rename(disk: SimDisk, from: string, to: string): void {
  const node = disk.node(from);
  if (node === undefined) throw storageFailed(`${from} does not exist`);
  const source = disk.parent(from);
  const target = disk.parent(to);
  if (source.directory === target.directory) {
    source.directory.renameHere(source.name, target.name);
    return;
  }
  // Harsher than a journal: a crash may keep one half. The name in the target counts only when it was synced.
  target.directory.set(target.name, node);
  source.directory.delete(source.name);
}

function takeLock(disk: SimDisk, epoch: number, path: string): DiskLock {
  disk.takeLock(path);
  const { directory, name } = disk.parent(path);
  if (!directory.get(name)) directory.set(name, new SimInode());
  return {
    release: async () => {
      if (disk.epoch !== epoch) return;
      disk.releaseLock(path);
      directory.delete(name);
    },
  };
}

function bytesBelow(node: SimNode | undefined): number {
  if (node === undefined) return 0;
  if (node instanceof SimInode) return node.size;
  return node.nodes().reduce((sum, child) => sum + bytesBelow(child), 0);
}

function partsOf(path: string): string[] {
  return path.split('/').filter((part) => part.length > 0);
}

function storageFailed(detail: string): ToruaError {
  return new ToruaError('storage_failed', detail);
}

/** The two innermost frames in `src/`, taken before the first await loses them. Costly: only when somebody asks. */
function callSite(disk: SimDisk): string {
  if (disk.syncFilter === undefined && disk.syncFails === undefined) return '';
  const frames = (new Error('site').stack ?? '').split('\n');
  return frames
    .filter((frame) => /[/\\]src[/\\]/.test(frame) && !frame.includes('at async'))
    .slice(0, 2)
    .map((frame) => frame.replace(/^.*[/\\]src[/\\]/, '').replace(/:\d+\)?$/, ''))
    .join(' < ');
}
