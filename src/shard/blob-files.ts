/**
 * Values over 64 KiB: immutable files named by the SHA-256 of content-type and bytes, durable (file and directory)
 * before the record that names them is appended. Swept when nothing refers to them any more.
 */
import type { Disk, DiskFile } from '../kernel/disk.ts';
import { Turns } from '../kernel/turns.ts';
import { valueHash } from './etag.ts';

/** Directory of files that are still being written; emptied at every start. */
const INCOMING = 'incoming';

/** A value on its way to disk. `finish` ends it; `abort` does when it, or a write before it, failed. */
export interface BlobWriter {
  write(chunk: Uint8Array): Promise<void>;
  /** Makes the file durable under its name and holds it against sweeping until `release` is called. */
  finish(): Promise<{ blob: string; bytes: number; release: () => void }>;
  /** Removes what was written. */
  abort(): Promise<void>;
}

/** The blobs of one copy. */
export class BlobFiles {
  readonly #disk: Disk;
  readonly #directory: string;
  readonly #held = new Map<string, number>();
  /** Folders whose names are durable: made in this life and synced, or synced again. */
  readonly #folders = new Set<string>();
  /** Renaming into place and sweeping never run at once: a sweep must not take a file that was just named again. */
  readonly #turns = new Turns();
  #incoming = 0;

  constructor(disk: Disk, directory: string) {
    this.#disk = disk;
    this.#directory = directory;
  }

  /** Creates the folder and removes what a crash left half written. */
  async open(): Promise<void> {
    await this.#disk.remove(`${this.#directory}/${INCOMING}`);
    await this.#disk.makeDirectory(`${this.#directory}/${INCOMING}`);
  }

  /** Begins a value of this content-type. */
  async begin(contentType: string): Promise<BlobWriter> {
    this.#incoming += 1;
    const temporary = `${this.#directory}/${INCOMING}/${this.#incoming}`;
    const file = await this.#disk.open(temporary, 'create');
    const hash = valueHash(contentType);
    let bytes = 0;
    let isClosed = false;
    const close = async (): Promise<void> => {
      if (isClosed) return;
      isClosed = true;
      await file.close();
    };
    return {
      write: async (chunk) => {
        hash.update(chunk);
        const at = bytes;
        bytes += chunk.length;
        await file.write(at, chunk);
      },
      finish: async () => {
        await file.sync();
        await close();
        const blob = hash.digest();
        const release = this.hold(blob);
        try {
          await this.#turns.run(() => this.#place(temporary, blob));
        } catch (reason) {
          release();
          throw reason;
        }
        return { blob, bytes, release };
      },
      abort: async () => {
        await close();
        await this.#disk.remove(temporary);
      },
    };
  }

  /** Opens a blob for reading; the file stays readable even when it is swept meanwhile. */
  read(blob: string): Promise<DiskFile> {
    return this.#disk.open(this.pathOf(blob), 'read');
  }

  /** Path of a blob. */
  pathOf(blob: string): string {
    return `${this.#directory}/${blob.slice(0, 2)}/${blob}`;
  }

  /** Keeps a blob from being swept until the returned function is called, once. */
  hold(blob: string): () => void {
    this.#held.set(blob, (this.#held.get(blob) ?? 0) + 1);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      const left = (this.#held.get(blob) ?? 1) - 1;
      if (left === 0) this.#held.delete(blob);
      else this.#held.set(blob, left);
    };
  }

  /** All blobs on disk. */
  async list(): Promise<string[]> {
    const names: string[] = [];
    for (const part of await this.#disk.list(this.#directory)) {
      if (part !== INCOMING) names.push(...(await this.#disk.list(`${this.#directory}/${part}`)));
    }
    return names;
  }

  /**
   * Removes the candidates nobody needs; returns how many. `needed` is asked immediately before each removal.
   * Contract: `candidates` were listed before `needed`'s knowledge was collected.
   */
  async sweep(candidates: readonly string[], needed: (blob: string) => boolean): Promise<number> {
    let removed = 0;
    for (const blob of candidates) {
      await this.#turns.run(async () => {
        if (this.#held.has(blob) || needed(blob)) return;
        await this.#disk.remove(this.pathOf(blob));
        removed += 1;
      });
    }
    return removed;
  }

  /** Bytes of all blobs. */
  size(): Promise<number> {
    return this.#disk.sizeOf(this.#directory);
  }

  async #place(temporary: string, blob: string): Promise<void> {
    const folder = `${this.#directory}/${blob.slice(0, 2)}`;
    if (!this.#folders.has(folder)) {
      // Also when it exists: whoever made it may have failed before its name was durable.
      await this.#disk.makeDirectory(folder);
      await this.#disk.syncDirectory(this.#directory);
      this.#folders.add(folder);
    }
    await this.#disk.rename(temporary, this.pathOf(blob));
    await this.#disk.syncDirectory(folder);
  }
}
