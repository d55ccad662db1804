/** A process's data directory: one FORMAT file that says whose it is, one lock so that only one process uses it. */
import { z } from 'zod';
import { type Disk, type DiskLock, readWhole, writeAtomically } from './disk.ts';
import { ToruaError } from './errors.ts';
import type { Random } from './random.ts';

/** The newest layout this build reads and writes. */
export const DIRECTORY_FORMAT = 1;

/** Whose directory it is. */
export type DirectoryKind = 'node' | 'coordinator';

/** An open data directory. */
export interface DataDirectory {
  readonly path: string;
  /** 16 hex digits, written once; tells a restarted process from another one under the same name. */
  readonly directoryId: string;
  readonly lock: DiskLock;
}

/**
 * Creates or opens the directory and takes its lock.
 * Errors: `directory_locked`, `directory_too_new`, `directory_foreign` (other files, or the other kind of process).
 */
export async function openDataDirectory(
  parts: { disk: Disk; random: Random },
  path: string,
  kind: DirectoryKind,
): Promise<DataDirectory> {
  const { disk, random } = parts;
  await makeDurable(disk, path);
  const names = (await disk.list(path)).filter((name) => !isOurs(name));
  const bytes = await readWhole(disk, `${path}/FORMAT`);
  if (!bytes && names.length > 0) {
    throw new ToruaError(
      'directory_foreign',
      `DATA_DIR ${path} holds ${names[0]} but no FORMAT file; choose an empty directory.`,
    );
  }
  const lock = await disk.lock(`${path}/LOCK`);
  try {
    const directoryId = bytes ? checkFormat(bytes, path, kind) : random.hex(8);
    // The life before may have died before FORMAT's name was durable; other names must not outlive it.
    if (bytes) await disk.syncDirectory(path);
    if (!bytes) {
      const format = { format: DIRECTORY_FORMAT, kind, directory_id: directoryId };
      await writeAtomically(disk, path, 'FORMAT', Buffer.from(`${JSON.stringify(format)}\n`));
    }
    return { path, directoryId, lock };
  } catch (reason) {
    await lock.release();
    throw reason;
  }
}

/** Creates the directory with its parents, and makes their names durable: what lies below is no safer than they are. */
async function makeDurable(disk: Disk, path: string): Promise<void> {
  const parentOf = (directory: string): string =>
    directory.slice(0, Math.max(1, directory.lastIndexOf('/')));
  const unsure = [parentOf(path)];
  // The parent always: an earlier life may have created `path` and died before the sync.
  for (let at = parentOf(path); at !== '/' && !(await disk.exists(at)); at = parentOf(at))
    unsure.push(parentOf(at));
  await disk.makeDirectory(path);
  for (const directory of unsure) await disk.syncDirectory(directory);
}

/** What may lie in a directory before its FORMAT: our own first steps, and what `mkfs` puts at a volume's root. */
function isOurs(name: string): boolean {
  return name === 'LOCK' || name.endsWith('.tmp') || name === 'lost+found';
}

const formatSchema = z.object({
  format: z.number().int(),
  kind: z.string(),
  directory_id: z.string().regex(/^[0-9a-f]{16}$/),
});

function checkFormat(bytes: Buffer, path: string, kind: DirectoryKind): string {
  const found = parseFormat(bytes, path);
  if (found.format > DIRECTORY_FORMAT) {
    throw new ToruaError(
      'directory_too_new',
      `DATA_DIR ${path} has format ${found.format}; this version reads up to ${DIRECTORY_FORMAT}.`,
    );
  }
  if (found.kind !== kind) {
    throw new ToruaError(
      'directory_foreign',
      `DATA_DIR ${path} belongs to a ${found.kind}, not to a ${kind}.`,
    );
  }
  return found.directory_id;
}

function parseFormat(bytes: Buffer, path: string): z.output<typeof formatSchema> {
  try {
    const json = JSON.parse(bytes.toString('utf8')) as { format?: unknown };
    // A newer format may have other fields; its number is all that can be relied on.
    if (typeof json.format === 'number' && json.format > DIRECTORY_FORMAT) {
      return { format: json.format, kind: '', directory_id: '' };
    }
    return formatSchema.parse(json);
  } catch (cause) {
    throw new ToruaError(
      'directory_foreign',
      `DATA_DIR ${path} has a FORMAT file that is not Torua's, or is damaged; choose another directory.`,
      { cause },
    );
  }
}
