/**
 * Names that one life gave and did not live to make durable: the next life sees them, and as soon as it believes in
 * them they must survive a power failure.
 */
import { expect, test } from 'vitest';
import { openDataDirectory } from '../../src/kernel/data-directory.ts';
import { copyId, shardUid } from '../../src/kernel/ids.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { CopySet, type CopySetParts } from '../../src/node/copy-set.ts';
import { BlobFiles } from '../../src/shard/blob-files.ts';
import { createCopy, readManifest } from '../../src/shard/manifest.ts';
import { SimDisk } from './sim-disk.ts';
import { simRandom } from './sim-random.ts';

const SEEDS = 60;
const COPY = '/data/copies/00000000000000c1';

test('a copy that is found at start is still there after a power failure', async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const disk = await diskWith(seed, '/data/copies');
    const ids = { copyId: copyId('00000000000000c1'), shardUid: shardUid('00000000000000d1') };
    disk.beforeCall = ({ kind, path }) => {
      if (kind === 'syncDirectory' && path === COPY) disk.kill();
    };
    await expect(createCopy(disk.boot(), COPY, ids)).rejects.toThrow();
    disk.beforeCall = undefined;
    const copies = copySetOn(disk);
    await copies.discover();
    const isFound = copies.held().length > 0;
    disk.crash();
    const manifest = await readManifest(disk.boot(), COPY);
    expect(manifest !== undefined, `seed ${seed}`).toBe(isFound);
  }
});

test('a data directory that was opened once can be opened after any power failure', async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const disk = await diskWith(seed, '/data');
    const random = simRandom(seed);
    const open = () => openDataDirectory({ disk: disk.boot(), random }, '/data/n1', 'node');
    disk.beforeCall = ({ kind, path }) => {
      if (kind === 'syncDirectory' && path === '/data/n1') disk.kill();
    };
    await expect(open()).rejects.toThrow();
    disk.beforeCall = undefined;
    const { directoryId } = await open();
    await disk.boot().makeDirectory('/data/n1/log');
    disk.crash();
    expect((await open()).directoryId, `seed ${seed}`).toBe(directoryId);
  }
});

test('a large value is there after a power failure, also when its folder is of an earlier life', async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) {
    const disk = await diskWith(seed, `${COPY}/blobs`);
    const isSecondLife = seed % 2 === 0;
    if (isSecondLife) {
      disk.beforeCall = ({ kind, path }) => {
        if (kind === 'syncDirectory' && path === `${COPY}/blobs`) disk.kill();
      };
      await expect(storedBlob(disk)).rejects.toThrow();
      disk.beforeCall = undefined;
    }
    const blob = await storedBlob(disk);
    disk.crash();
    const file = await new BlobFiles(disk.boot(), `${COPY}/blobs`).read(blob);
    expect((await file.read(0, 100)).toString(), `seed ${seed}`).toBe('a value');
  }
});

async function diskWith(seed: number, directory: string): Promise<SimDisk> {
  const disk = new SimDisk({ random: simRandom(seed) });
  const first = disk.boot();
  await first.makeDirectory(directory);
  for (let at = directory; at !== ''; at = at.slice(0, at.lastIndexOf('/'))) {
    await first.syncDirectory(at);
  }
  await first.syncDirectory('/');
  return disk;
}

async function storedBlob(disk: SimDisk): Promise<string> {
  const blobs = new BlobFiles(disk.boot(), `${COPY}/blobs`);
  await blobs.open();
  const writer = await blobs.begin('text/plain');
  await writer.write(Buffer.from('a value'));
  return (await writer.finish()).blob;
}

/** Only what `discover` and `held` ask for. */
function copySetOn(disk: SimDisk): CopySet {
  const log = { position: () => undefined };
  const copyParts = { log } as unknown as CopySetParts['copyParts'];
  const nodeId = 'n1';
  const directory = '/data/copies';
  return new CopySet({ nodeId, directory, disk: disk.boot(), logger: silentLogger, copyParts });
}
