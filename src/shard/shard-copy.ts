/**
 * One copy of one shard as the node sees it: open, read, write, list, sweep, release, reset, close. The parts behind
 * it are wired in `copy-core.ts`; decisions live in write-path, newest, listing and applier.
 */
import type { Deadline } from '../kernel/deadline.ts';
import type { DiskFile } from '../kernel/disk.ts';
import { ToruaError } from '../kernel/errors.ts';
import { term as asTerm, type CopyId, type Seq, type ShardUid, type Term } from '../kernel/ids.ts';
import { RECORD_KIND } from '../log/log-record.ts';
import type { KeyAnswer, KeyOperation } from '../protocol/key-operation.ts';
import { BlobFiles } from './blob-files.ts';
import { CopyCore, type CopyParts } from './copy-core.ts';
import { etagOf, matchesEtag } from './etag.ts';
import { type ListPage, listPage } from './listing.ts';
import { readManifest } from './manifest.ts';
import { encodeSkip } from './payload.ts';
import type { KeyRange, StoredValue, StoreSizes, StoreTotals } from './store.ts';
import type { Write } from './write.ts';
import { isOver } from './write-path.ts';

/** Keys deleted by one record at most: bounds the record and the work of one tick. */
export const DELETE_PAGE_MAX = 1_000;
/** Keys whose time is over that one sweep removes at most. */
export const SWEEP_MAX = 1_000;

/** Operations answered since the copy was opened. */
export interface OperationCounts {
  gets: number;
  puts: number;
  deletes: number;
}

/** A large value, opened for streaming; whoever gets it closes `file`. */
export interface OpenedBlob {
  readonly file: DiskFile;
  readonly etag: string;
  readonly contentType: string;
  readonly bytes: number;
}

/** Opens the copy in `directory`: the store, then the log behind it. Errors: `shard_in_doubt`. */
export async function openCopy(parts: CopyParts, directory: string): Promise<ShardCopy> {
  const manifest = await readManifest(parts.disk, directory);
  if (!manifest) throw inDoubt(`The copy in ${directory} has no manifest.`);
  const position = parts.log.position(manifest.copy_id);
  if (position?.inDoubt) throw inDoubt(`The log of copy ${manifest.copy_id} has a hole.`);
  const store = await parts.stores.open(directory);
  if ((position?.lastSeq ?? 0) < store.appliedSeq) {
    await store.close();
    throw inDoubt(`The log of copy ${manifest.copy_id} ends before its store.`);
  }
  const blobs = new BlobFiles(parts.disk, `${directory}/blobs`);
  await blobs.open();
  const core = new CopyCore({ parts, directory, manifest, store });
  await core.recover();
  return new ShardCopy(core, blobs);
}

const inDoubt = (detail: string): ToruaError => new ToruaError('shard_in_doubt', detail);

/** See the module. Contract: term, lease and read-only mode were checked by the wrappers around it. */
export class ShardCopy {
  readonly copyId: CopyId;
  readonly shardUid: ShardUid;
  readonly blobs: BlobFiles;
  readonly counts: OperationCounts = { gets: 0, puts: 0, deletes: 0 };
  readonly #core: CopyCore;
  #garbage = true;

  constructor(core: CopyCore, blobs: BlobFiles) {
    this.#core = core;
    this.blobs = blobs;
    this.copyId = core.manifest.copy_id;
    this.shardUid = core.manifest.shard_uid;
  }

  /** The term under which this copy is primary and has said so in its log; 0 = not yet. */
  get term(): Term {
    return this.#core.writes.owner;
  }

  /** Terms up to this one are refused for ever: the copy was released under it. */
  get fence(): Term {
    return asTerm(this.#core.manifest.fence);
  }

  get lastSeq(): Seq {
    return this.#core.writes.lastSeq;
  }

  /** Whether no user ever wrote to it since it was created or reset: another node may get the shard. */
  get empty(): boolean {
    return !this.#core.writes.touched;
  }

  /** Committed changes that the store does not hold yet, and their bytes. */
  get backlog(): { rows: number; bytes: number } {
    const { memtable } = this.#core.newest;
    return { rows: memtable.rows, bytes: memtable.bytes };
  }

  /** Seqs of records that the store refused and an operator has to decide about. */
  get keptAside(): readonly number[] {
    return this.#core.manifest.aside;
  }

  /** How often a read or condition was answered from memory, and how often not. */
  get cacheResults(): { hits: number; misses: number } {
    return { hits: this.#core.newest.cacheHits, misses: this.#core.newest.cacheMisses };
  }

  /** Sums as the store has them now, without waiting. */
  get storedTotals(): StoreTotals {
    return this.#core.newest.store.totals;
  }

  /** Takes the ownership of a term: nothing of it is served before its `term_start` is committed. */
  async assume(owner: Term): Promise<void> {
    const { writes } = this.#core;
    if (owner <= writes.owner) return;
    writes.owner = asTerm(0);
    await writes.appendOwn(RECORD_KIND.termStart, owner, Buffer.alloc(0));
    writes.owner = owner;
  }

  /** Refuses terms up to `owner` from now on, durably. False when a user's write came first. */
  async release(owner: Term): Promise<boolean> {
    if (!this.empty) return false;
    const { manifest, writes } = this.#core;
    // Fenced in memory first: a write that comes while the manifest is written must find the door closed.
    writes.owner = asTerm(0);
    await this.#core.note({ ...manifest, fence: Math.max(owner, manifest.fence) });
    return true;
  }

  /** A write with a small or already stored value. */
  async write(write: Write, owner: Term, deadline: Deadline): Promise<KeyAnswer> {
    if (write.verb === 'put') this.counts.puts += 1;
    else this.counts.deletes += 1;
    this.#garbage = true;
    return this.#core.writes.write(write, owner, deadline);
  }

  /** One operation as it travels in batches. */
  execute(operation: KeyOperation, deadline: Deadline): Promise<KeyAnswer> {
    const { verb, key, opId, callerOpId, ifMatch } = operation;
    if (verb === 'get' || verb === 'head') return this.read(operation);
    const base = { key, opId, callerOpId, ifMatch };
    if (verb === 'delete') return this.write({ ...base, verb }, operation.term, deadline);
    // A copy: the frame's buffer must not stay in memory for as long as one of its values.
    const value = Buffer.from(operation.value ?? '');
    const contentType = operation.contentType ?? 'application/octet-stream';
    const stored = { contentType, etag: etagOf(contentType, value), bytes: value.length, value };
    const { ttlMs, ifNoneMatch } = operation;
    return this.write({ ...base, verb, stored, ttlMs, ifNoneMatch }, operation.term, deadline);
  }

  /** A `get` or `head`. A value in a blob is answered by its length alone, for the caller to stream. */
  async read(
    operation: Pick<KeyOperation, 'verb' | 'key' | 'ifNoneMatch' | 'ifMatch'>,
  ): Promise<KeyAnswer> {
    this.counts.gets += 1;
    const stored = await this.#living(operation.key);
    if (!stored) return { status: 404, code: 'key_not_found', detail: 'The key does not exist.' };
    const { etag, contentType, bytes } = stored;
    if (operation.ifMatch !== undefined && !matchesEtag(operation.ifMatch, etag)) {
      const detail = `The present etag is "${etag}".`;
      return { status: 412, code: 'precondition_failed', detail, etag };
    }
    if (operation.ifNoneMatch !== undefined && matchesEtag(operation.ifNoneMatch, etag)) {
      return { status: 304, etag };
    }
    if (operation.verb === 'head') return { status: 200, etag, contentType, bytes };
    return { status: 200, etag, contentType, bytes, value: stored.value };
  }

  /** Opens a large value for streaming; undefined when the key has none (any more). */
  async openBlob(key: string): Promise<OpenedBlob | undefined> {
    const stored = await this.#living(key);
    if (stored?.blob === undefined) return undefined;
    const release = this.blobs.hold(stored.blob);
    try {
      const { etag, contentType, bytes } = stored;
      return { file: await this.blobs.read(stored.blob), etag, contentType, bytes };
    } finally {
      release();
    }
  }

  /** One page of living rows. */
  list(range: KeyRange): Promise<ListPage> {
    return listPage(this.#core.newest, range, this.#core.parts.hybrid.now());
  }

  /** Deletes one page of a range; the answer's `detail` is JSON `{"deleted","next"}`. */
  async deletePage(
    range: Omit<KeyRange, 'limit' | 'values'>,
    operation: { opId: string; callerOpId: boolean; term: Term },
    deadline: Deadline,
  ): Promise<KeyAnswer> {
    const page = await this.list({ ...range, limit: DELETE_PAGE_MAX });
    const keys = page.rows.map((row) => row.key);
    const { opId, callerOpId } = operation;
    const write: Write = { verb: 'deleteMany', keys, next: page.next, opId, callerOpId };
    return this.write(write, operation.term, deadline);
  }

  /** Deletes keys whose time is over, as records like any other. Returns how many. */
  async sweepExpired(opId: string, deadline: Deadline): Promise<number> {
    const { newest, writes, parts } = this.#core;
    const candidates = await newest.store.expired(parts.hybrid.now(), SWEEP_MAX);
    const keys = candidates.filter((key) => newest.appended(key) === undefined);
    if (keys.length === 0) return 0;
    const write: Write = { verb: 'deleteMany', keys, next: undefined, opId, callerOpId: false };
    await writes.write(write, this.term, deadline);
    return keys.length;
  }

  /** Removes blobs that nothing refers to. Returns how many. */
  async sweepBlobs(): Promise<number> {
    if (!this.#garbage) return 0;
    this.#garbage = false;
    const { newest, applier } = this.#core;
    const candidates = await this.blobs.list();
    if (candidates.length === 0) return 0;
    await applier.drain();
    const stored = await newest.store.blobNames();
    return this.blobs.sweep(candidates, (blob) => stored.has(blob) || newest.refersTo(blob));
  }

  /** Exact sums over everything committed before the call. */
  async totals(): Promise<StoreTotals> {
    await this.#core.applier.drain();
    return this.#core.newest.store.totals;
  }

  /** Sizes of the store on disk. */
  sizes(): Promise<StoreSizes> {
    return this.#core.newest.store.sizes();
  }

  /** Makes a new base generation now, so that the log before it can go. */
  async compact(): Promise<void> {
    const { applier, newest } = this.#core;
    await applier.drain();
    await applier.inTurn(async () => {
      const report = await newest.store.maintain({ logBytesSinceBase: 0, force: 'rewrite' });
      this.#core.maintained(report);
    });
  }

  /** Gives up a record that was kept aside. Errors: `nothing_kept_aside`. */
  async skip(skipped: number): Promise<void> {
    const { manifest, newest, writes } = this.#core;
    if (!manifest.aside.includes(skipped)) {
      throw new ToruaError('nothing_kept_aside', `No record ${skipped} is kept aside here.`);
    }
    await writes.appendOwn(RECORD_KIND.skip, this.term, encodeSkip(skipped));
    for (const [key, entry] of newest.aside) if (entry.seq === skipped) newest.aside.delete(key);
    await this.#core.note({
      ...manifest,
      aside: manifest.aside.filter((kept) => kept !== skipped),
    });
    this.#core.retain();
  }

  /** Applies what is left, checkpoints and closes. */
  async close(): Promise<void> {
    await this.#core.applier.stop();
    await this.#core.newest.store.close();
    this.#core.parts.cache.drop(this.copyId);
  }

  async #living(key: string): Promise<StoredValue | undefined> {
    const { newest, parts } = this.#core;
    const known = newest.committed(key);
    const stored = known ? known.stored : await newest.load(key).row;
    return stored && !isOver(stored, parts.hybrid.now()) ? stored : undefined;
  }
}
