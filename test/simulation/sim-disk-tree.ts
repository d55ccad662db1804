/** What a simulated disk holds: files by sectors and directories by names, each with a durable and a current side. */
import type { SimRandom } from './sim-random.ts';

/** The unit that a disk writes whole or not at all. */
export const SECTOR_BYTES = 512;

/** A file's bytes: what processes see, and what a power failure would leave. */
export class SimInode {
  #current: Buffer = Buffer.alloc(0);
  #durable: Buffer = Buffer.alloc(0);
  #size = 0;
  #durableSize = 0;
  readonly #dirty = new Set<number>();

  get size(): number {
    return this.#size;
  }

  read(position: number, length: number): Buffer {
    const end = Math.min(this.#size, position + length);
    return Buffer.from(this.#current.subarray(Math.min(position, end), end));
  }

  write(position: number, bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    const end = position + bytes.length;
    if (position > this.#size) this.#markDirty(this.#size, position);
    this.#current = grown(this.#current, end);
    this.#current.set(bytes, position);
    this.#markDirty(position, end);
    this.#size = Math.max(this.#size, end);
  }

  truncate(length: number): void {
    this.#markDirty(Math.min(length, this.#size), Math.max(length, this.#size));
    this.#current = grown(this.#current, length);
    this.#current.fill(0, length);
    this.#size = length;
  }

  sync(): void {
    this.#durable = grown(this.#durable, this.#size);
    for (const sector of this.#dirty) this.#copySector(sector);
    this.#dirty.clear();
    this.#durable.fill(0, this.#size);
    this.#durableSize = this.#size;
  }

  /** As Linux does: the pages count as clean afterwards, a later sync says nothing of them. */
  failSync(): void {
    this.#dirty.clear();
  }

  /** Any subset of the unsynced sectors is kept, and any length between the durable and the current one. */
  crash(random: SimRandom): void {
    // The disk may write in any order: nothing, all, a random half, or the last sectors before the first ones.
    const keep = random.pick([0, 1, 0.5, random.float(), 1]);
    const dirty = [...this.#dirty].sort((left, right) => left - right);
    const first = random.chance(0.3) ? random.integer(dirty.length + 1) : 0;
    this.#durableSize = this.#sizeAfterCrash(random);
    this.#durable = grown(this.#durable, this.#durableSize);
    for (const [index, sector] of dirty.entries()) {
      if (index >= first && random.chance(keep)) this.#copySector(sector);
    }
    this.#dirty.clear();
    this.#durable.fill(0, this.#durableSize);
    this.#size = this.#durableSize;
    this.#current = Buffer.from(this.#durable.subarray(0, this.#size));
  }

  flipBit(bit: number): void {
    const at = bit >>> 3;
    for (const side of [this.#current, this.#durable]) {
      if (at < side.length) side[at] = (side[at] ?? 0) ^ (1 << (bit & 7));
    }
  }

  #sizeAfterCrash(random: SimRandom): number {
    const low = Math.min(this.#size, this.#durableSize);
    const high = Math.max(this.#size, this.#durableSize);
    return random.pick([
      this.#size,
      this.#durableSize,
      low + random.integer(high - low + 1),
      Math.min(high, Math.ceil((low + 1) / SECTOR_BYTES) * SECTOR_BYTES),
    ]);
  }

  #markDirty(from: number, to: number): void {
    for (let sector = Math.floor(from / SECTOR_BYTES); sector * SECTOR_BYTES < to; sector += 1) {
      this.#dirty.add(sector);
    }
  }

  #copySector(sector: number): void {
    const start = sector * SECTOR_BYTES;
    if (start >= this.#durable.length) return;
    const end = Math.min(start + SECTOR_BYTES, this.#current.length, this.#durable.length);
    this.#durable.fill(0, start, Math.min(start + SECTOR_BYTES, this.#durable.length));
    if (end > start) this.#current.copy(this.#durable, start, start, end);
  }
}

/** A change of names that a crash keeps or loses as a whole. */
type NameChange = readonly { readonly name: string; readonly inode: SimNode | undefined }[];

/** A file or a directory. */
export type SimNode = SimInode | SimDirectory;

/** Names: what processes see, and what a power failure would leave. */
export class SimDirectory {
  #current = new Map<string, SimNode>();
  #durable = new Map<string, SimNode>();
  #changes: NameChange[] = [];

  get(name: string): SimNode | undefined {
    return this.#current.get(name);
  }

  names(): string[] {
    return [...this.#current.keys()].sort();
  }

  nodes(): SimNode[] {
    return [...this.#current.values()];
  }

  set(name: string, inode: SimNode): void {
    this.#change([{ name, inode }]);
  }

  delete(name: string): void {
    if (this.#current.has(name)) this.#change([{ name, inode: undefined }]);
  }

  /** Both names change together or not at all. */
  renameHere(from: string, to: string): void {
    this.#change([
      { name: from, inode: undefined },
      { name: to, inode: this.#current.get(from) },
    ]);
  }

  sync(): void {
    this.#changes = [];
    this.#durable = new Map(this.#current);
  }

  /** Any subset of the unsynced changes of names is kept; then everything below crashes. */
  crash(random: SimRandom): void {
    for (const change of this.#changes) {
      if (random.chance(0.5)) applyChange(this.#durable, change);
    }
    this.#changes = [];
    this.#current = new Map(this.#durable);
    for (const node of this.#current.values()) node.crash(random);
  }

  #change(change: NameChange): void {
    applyChange(this.#current, change);
    this.#changes.push(change);
  }
}

function applyChange(names: Map<string, SimNode>, change: NameChange): void {
  for (const { name, inode } of change) {
    if (inode === undefined) names.delete(name);
    else names.set(name, inode);
  }
}

function grown(buffer: Buffer, length: number): Buffer {
  if (length <= buffer.length) return buffer;
  const larger = Buffer.alloc(Math.max(length, buffer.length * 2, SECTOR_BYTES));
  buffer.copy(larger);
  return larger;
}
