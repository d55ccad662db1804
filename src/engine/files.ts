/** Copies and hashes of database files that no handle has open. What is small goes through kernel/disk.ts instead. */
import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { copyFile, open } from 'node:fs/promises';
import { assert } from '../kernel/assert.ts';
import { isPathOpen } from './open-registry.ts';

const READ_BYTES = 1024 * 1024;

/** Copies a file durably: shares blocks where the file system can, then syncs. The name needs a directory sync. */
export async function copyDatabaseFile(from: string, to: string): Promise<void> {
  assert(
    !isPathOpen(from) && !isPathOpen(to),
    'files of open databases are not touched: that drops their lock',
  );
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  await syncDatabaseFile(to);
}

/** Makes the file's bytes durable. */
export async function syncDatabaseFile(path: string): Promise<void> {
  assert(!isPathOpen(path), 'files of open databases are not touched: that drops their lock');
  const file = await open(path, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** SHA-256 (64 hex digits) and length of a file. */
export async function hashDatabaseFile(
  path: string,
): Promise<{ sha256: string; sizeBytes: number }> {
  assert(!isPathOpen(path), 'files of open databases are not touched: that drops their lock');
  const hash = createHash('sha256');
  const file = await open(path, 'r');
  let sizeBytes = 0;
  try {
    const buffer = Buffer.allocUnsafe(READ_BYTES);
    for (;;) {
      const { bytesRead } = await file.read(buffer, 0, buffer.length, sizeBytes);
      if (bytesRead === 0) break;
      hash.update(buffer.subarray(0, bytesRead));
      sizeBytes += bytesRead;
    }
  } finally {
    await file.close();
  }
  return { sha256: hash.digest('hex'), sizeBytes };
}
