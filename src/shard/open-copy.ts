/** Opens a copy: manifest, store, blobs, and the log behind the store. */
import { ToruaError } from '../kernel/errors.ts';
import type { CopyId, Seq } from '../kernel/ids.ts';
import { BlobFiles } from './blob-files.ts';
import { CopyCore, type CopyParts } from './copy-core.ts';
import { ManifestFile, readManifest } from './manifest.ts';
import { ShardCopy } from './shard-copy.ts';

/** Opens the copy in `directory`: the store, then the log behind it. Errors: `shard_in_doubt`. */
export async function openCopy(parts: CopyParts, directory: string): Promise<ShardCopy> {
  const manifest = await readManifest(parts.disk, directory);
  if (!manifest) throw inDoubt(`The copy in ${directory} has no manifest.`);
  const position = parts.log.position(manifest.copy_id);
  if (position?.inDoubt) throw inDoubt(`The log of copy ${manifest.copy_id} has a hole.`);
  const store = await parts.stores.open(directory);
  let core: CopyCore | undefined;
  try {
    checkEnds(manifest.copy_id, store.appliedSeq, position);
    const blobs = new BlobFiles(parts.disk, `${directory}/blobs`);
    await blobs.open();
    core = new CopyCore({ parts, file: new ManifestFile(parts.disk, directory, manifest), store });
    await core.recover();
    return new ShardCopy(core, blobs);
  } catch (reason) {
    // Left open it would keep its files locked, and no later attempt could succeed.
    await (core ?? store).close().catch((closing: unknown) => {
      parts.logger.warn({ err: closing, directory }, 'a copy that failed to open cannot be closed');
    });
    throw reason;
  }
}

/** The log must go on exactly where the store stands, or have nothing behind it. */
function checkEnds(
  copyId: CopyId,
  appliedSeq: Seq,
  position: { readonly firstSeq: Seq; readonly lastSeq: Seq } | undefined,
): void {
  const lastSeq = position?.lastSeq ?? 0;
  if (lastSeq < appliedSeq) throw inDoubt(`The log of copy ${copyId} ends before its store.`);
  if (position && lastSeq > appliedSeq && position.firstSeq > appliedSeq + 1) {
    throw inDoubt(`The log of copy ${copyId} begins behind its store.`);
  }
}

const inDoubt = (detail: string): ToruaError => new ToruaError('shard_in_doubt', detail);
