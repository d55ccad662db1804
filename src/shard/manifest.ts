/** A copy's MANIFEST file: who it is, what it refuses for ever, and which changes wait for an operator. */
import { type Disk, readWhole, writeAtomically } from '../kernel/disk.ts';
import { ToruaError } from '../kernel/errors.ts';
import type { CopyId, ShardUid } from '../kernel/ids.ts';
import { Turns } from '../kernel/turns.ts';

/** Content of the file, in its own form. `fence`: terms up to it are refused for ever. */
export interface Manifest {
  readonly format: 1;
  readonly copy_id: CopyId;
  readonly shard_uid: ShardUid;
  readonly fence: number;
  /** Changes that the store refused, with their values: the log need not keep their records. */
  readonly aside: readonly AsideRow[];
  /** Changes that an operator gave up; named until the base has passed their records. */
  readonly skipped: readonly SkippedRow[];
}

/** A change that was given up. */
export interface SkippedRow {
  readonly seq: number;
  readonly key: string;
}

/** A change kept aside. `stored` null: the key is deleted. */
export interface AsideRow extends SkippedRow {
  readonly stored: StoredRow | null;
}

/** A value in the file. */
export interface StoredRow {
  readonly content_type: string;
  readonly etag: string;
  readonly bytes: number;
  readonly expires_at_ms: number;
  readonly value_base64?: string | undefined;
  readonly blob?: string | undefined;
}

/** Creates a copy's directory, durably; its store is created when it is opened. */
export async function createCopy(
  disk: Disk,
  directory: string,
  identity: { copyId: CopyId; shardUid: ShardUid },
): Promise<void> {
  await disk.makeDirectory(`${directory}/blobs`);
  await writeManifest(disk, directory, {
    format: 1,
    copy_id: identity.copyId,
    shard_uid: identity.shardUid,
    fence: 0,
    aside: [],
    skipped: [],
  });
  await disk.syncDirectory(directory.slice(0, directory.lastIndexOf('/')));
}

/**
 * The manifest of the copy in this directory; undefined when its creation never finished.
 * Errors: `shard_in_doubt` when it cannot be understood.
 */
export async function readManifest(disk: Disk, directory: string): Promise<Manifest | undefined> {
  const bytes = await readWhole(disk, `${directory}/MANIFEST`);
  if (!bytes) return undefined;
  try {
    return JSON.parse(bytes.toString('utf8')) as Manifest;
  } catch (cause) {
    const detail = `The manifest in ${directory} is damaged.`;
    throw new ToruaError('shard_in_doubt', detail, { cause });
  }
}

/** The manifest of an open copy: changed by one after another, so that no change is lost to another one. */
export class ManifestFile {
  readonly #disk: Disk;
  readonly #directory: string;
  #current: Manifest;
  readonly #turns = new Turns();

  constructor(disk: Disk, directory: string, current: Manifest) {
    this.#disk = disk;
    this.#directory = directory;
    this.#current = current;
  }

  /** As it is on disk. */
  get current(): Manifest {
    return this.#current;
  }

  /** Replaces it by what `update` makes of the newest one; resolves when that is durable. */
  change(update: (manifest: Manifest) => Manifest): Promise<void> {
    return this.#turns.run(async () => {
      const manifest = update(this.#current);
      await writeManifest(this.#disk, this.#directory, manifest);
      this.#current = manifest;
    });
  }
}

function writeManifest(disk: Disk, directory: string, manifest: Manifest): Promise<void> {
  return writeAtomically(disk, directory, 'MANIFEST', Buffer.from(`${JSON.stringify(manifest)}\n`));
}
