/** A copy's MANIFEST file: who it is, what it refuses for ever, and which records wait for an operator. */
import { type Disk, readWhole, writeAtomically } from '../kernel/disk.ts';
import type { CopyId, ShardUid } from '../kernel/ids.ts';

/** Content of the file, in its own form. `fence`: terms up to it are refused for ever. `aside`: seqs kept aside. */
export interface Manifest {
  readonly format: 1;
  readonly copy_id: CopyId;
  readonly shard_uid: ShardUid;
  readonly fence: number;
  readonly aside: readonly number[];
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
  });
  await disk.syncDirectory(directory.slice(0, directory.lastIndexOf('/')));
}

/** The manifest of the copy in this directory; undefined when its creation never finished. */
export async function readManifest(disk: Disk, directory: string): Promise<Manifest | undefined> {
  const bytes = await readWhole(disk, `${directory}/MANIFEST`);
  return bytes && (JSON.parse(bytes.toString('utf8')) as Manifest);
}

/** Replaces the manifest, atomically and durably. */
export function writeManifest(disk: Disk, directory: string, manifest: Manifest): Promise<void> {
  return writeAtomically(disk, directory, 'MANIFEST', Buffer.from(`${JSON.stringify(manifest)}\n`));
}
