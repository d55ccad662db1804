/**
 * The lock file of a data directory: who holds it is written in it, and a holder that is gone is recognised, so that
 * a restart after kill -9 needs no hands. Part of the real disk.
 *
 * A holder is the process with this pid *and* these start ticks, of this boot, in this pid namespace. A holder in
 * another namespace cannot be looked at and counts as gone: a container that comes back on its volume must start. So
 * two containers that share one volume are not kept apart here; a live database still is, by its engine's own lock.
 * Without /proc only the pid is left to compare.
 */
import { promises } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { DiskLock } from './disk.ts';
import { ToruaError } from './errors.ts';

interface Holder {
  readonly pid: number;
  /** When the process started, in ticks since boot: tells it from a later one with the same pid. */
  readonly start_ticks: string | null;
  readonly boot_id: string | null;
  readonly pid_namespace: string | null;
  /** Tells two locks of one process apart. */
  readonly number?: number | undefined;
}

/** Attempts before we give up on a file that changes hands all the time. */
const ATTEMPTS_MAX = 8;
const GIVE_BACK_ATTEMPTS_MAX = 1_000;
/** Marks files that hold a lock which was moved away. */
const ASIDE = 'stale';

let lastNumber = 0;

/** Takes the lock. Errors: `directory_locked` while its holder lives; `storage_failed`. */
export async function takeLock(path: string): Promise<DiskLock> {
  lastNumber += 1;
  const content = JSON.stringify({ ...(await self()), number: lastNumber });
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt += 1) {
    if (await createExclusively(path, content)) {
      const lock = heldLock(path, content);
      const rival = await rivalBeside(path);
      if (rival === undefined) return lock;
      await lock.release();
      throw locked(path, `by process ${rival.pid}`);
    }
    const found = await readIfPresent(path);
    if (found === undefined) continue;
    const holder = parseHolder(found);
    if (holder && (await isAlive(holder))) throw locked(path, `by process ${holder.pid}`);
    await setAside(path, found);
  }
  throw locked(path, 'by processes that come and go');
}

function heldLock(path: string, content: string): DiskLock {
  let isHeld = true;
  return {
    release: async () => {
      if (!isHeld) return;
      isHeld = false;
      if ((await readIfPresent(path)) === content)
        await attempt('remove', path, promises.unlink(path));
    },
  };
}

/** Whether the file is ours now. It appears with its content, so that nobody reads a lock half written. */
async function createExclusively(path: string, content: string): Promise<boolean> {
  const temporary = uniqueBeside(path, 'new');
  await attempt('write', temporary, promises.writeFile(temporary, content, { flag: 'wx' }));
  try {
    await promises.link(temporary, path);
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    // A file system without hard links: the second best way is exclusive too, but the content comes after the name.
    return await writeExclusively(path, content);
  } finally {
    await promises.rm(temporary, { force: true });
  }
}

async function writeExclusively(path: string, content: string): Promise<boolean> {
  try {
    await promises.writeFile(path, content, { flag: 'wx' });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw failed('create', path, error);
  }
}

/**
 * Moves a stale lock away. Between our look and the rename another process may have done the same and taken the lock:
 * then what we moved is not what we judged, and it goes back. Meanwhile it counts where it is: see `rivalBeside`.
 */
async function setAside(path: string, judged: string): Promise<void> {
  const aside = uniqueBeside(path, ASIDE);
  try {
    await promises.rename(path, aside);
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return;
    throw failed('take over', path, error);
  }
  const isJudged = (await readIfPresent(aside)) === judged;
  if (isJudged || (await isGivenBack(aside, path))) await promises.rm(aside, { force: true });
}

/** Whoever holds the name now will find the moved lock and let go; if not in time, the lock stays valid where it is. */
async function isGivenBack(aside: string, path: string): Promise<boolean> {
  for (let attempt = 0; attempt < GIVE_BACK_ATTEMPTS_MAX; attempt += 1) {
    try {
      await promises.link(aside, path);
      return true;
    } catch (error) {
      // Removed by a new holder who found its owner dead: nothing is left to give back.
      if (codeOf(error) === 'ENOENT') return true;
      if (codeOf(error) !== 'EEXIST') throw failed('give back', path, error);
    }
  }
  return false;
}

/**
 * A live holder whose lock somebody has moved aside by mistake just now: it was there before us. Moved locks of the
 * dead are removed on the way.
 */
async function rivalBeside(path: string): Promise<Holder | undefined> {
  const prefix = `${basename(path)}.${ASIDE}-`;
  for (const name of await promises.readdir(dirname(path))) {
    if (!name.startsWith(prefix)) continue;
    const aside = join(dirname(path), name);
    const holder = parseHolder((await readIfPresent(aside)) ?? '');
    if (holder && (await isAlive(holder))) return holder;
    await promises.rm(aside, { force: true });
  }
  return undefined;
}

async function isAlive(holder: Holder): Promise<boolean> {
  const here = await self();
  if (holder.boot_id !== here.boot_id || holder.pid_namespace !== here.pid_namespace) return false;
  if (holder.start_ticks === null || here.start_ticks === null) return answersSignal(holder.pid);
  return (await startTicks(holder.pid)) === holder.start_ticks;
}

function answersSignal(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

async function self(): Promise<Holder> {
  return {
    pid: process.pid,
    start_ticks: await startTicks(process.pid),
    boot_id: (await readIfPresent('/proc/sys/kernel/random/boot_id'))?.trim() ?? null,
    pid_namespace: await promises.readlink('/proc/self/ns/pid').catch(() => null),
  };
}

/** Field 22 of /proc/<pid>/stat; null when there is no such process, or when it is dead and only not reaped. */
async function startTicks(pid: number): Promise<string | null> {
  const stat = await readIfPresent(`/proc/${pid}/stat`);
  // The command's name stands in parentheses and may hold anything, parentheses and spaces included.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ') ?? [];
  const state = fields[0] ?? '';
  return 'ZX'.includes(state) ? null : (fields[19] ?? null);
}

function parseHolder(content: string): Holder | undefined {
  try {
    const holder = JSON.parse(content) as Partial<Holder> | null;
    if (typeof holder?.pid !== 'number') return undefined;
    return { start_ticks: null, boot_id: null, pid_namespace: null, ...holder, pid: holder.pid };
  } catch {
    // A crash of the machine can leave an empty lock behind: nobody holds it.
    return undefined;
  }
}

async function readIfPresent(path: string): Promise<string | undefined> {
  try {
    return await promises.readFile(path, 'utf8');
  } catch (error) {
    // ESRCH: the process ended while its file in /proc was read.
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ESRCH') return undefined;
    throw failed('read', path, error);
  }
}

function uniqueBeside(path: string, purpose: string): string {
  lastNumber += 1;
  return join(dirname(path), `${basename(path)}.${purpose}-${process.pid}-${lastNumber}`);
}

async function attempt(doing: string, path: string, work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    throw failed(doing, path, error);
  }
}

function codeOf(error: unknown): string {
  return String((error as NodeJS.ErrnoException | undefined)?.code ?? 'unknown');
}

function failed(doing: string, path: string, cause: unknown): ToruaError {
  return new ToruaError('storage_failed', `Could not ${doing} ${path} (${codeOf(cause)}).`, {
    cause,
  });
}

function locked(path: string, by: string): ToruaError {
  return new ToruaError(
    'directory_locked',
    `${path} is held ${by}; stop it, or use another directory.`,
  );
}
