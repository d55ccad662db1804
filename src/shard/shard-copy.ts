/**
 * One copy of one shard as the node sees it: read, write, list, sweep, release, skip, close. `open-copy.ts` makes it,
 * the parts behind it are wired in `copy-core.ts`; decisions live in write-path, newest, listing and applier.
 */
import type { Deadline } from '../kernel/deadline.ts';
import type { DiskFile } from '../kernel/disk.ts';
import { ToruaError } from '../kernel/errors.ts';
import { term as asTerm, type CopyId, type Seq, type ShardUid, type Term } from '../kernel/ids.ts';
import { andThen, type Soon } from '../kernel/soon.ts';
import { RECORD_KIND } from '../log/log-record.ts';
import type { KeyAnswer, KeyOperation } from '../protocol/key-operation.ts';
import type { BlobFiles } from './blob-files.ts';
import type { CopyCore } from './copy-core.ts';
import { DELETE_PAGE_MAX, pageOf } from './delete-page.ts';
import { etagOf, matchesEtag } from './etag.ts';
import { isOver } from './expiry.ts';
import { type ListPage, listPage } from './listing.ts';
import { encodeSkip } from './payload.ts';
import { pageDetail } from './record-answer.ts';
import type { KeyRange, StoredValue, StoreSizes, StoreTotals } from './store.ts';
import { sweepBlobs, sweepExpired } from './sweeps.ts';
import type { Write } from './write.ts';
import { staleTerm } from './write-path.ts';

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

const NO_BYTES = Buffer.alloc(0);

/** See the module. Contract: term, lease and read-only mode were checked by the wrappers around it. */
export class ShardCopy {
  readonly copyId: CopyId;
  readonly shardUid: ShardUid;
  readonly blobs: BlobFiles;
  readonly counts: OperationCounts = { gets: 0, puts: 0, deletes: 0 };
  readonly #core: CopyCore;
  #garbage = true;
  /** As `fence`, from the moment on when a release begins. */
  #refusedTerm: number;
  #isClosed = false;

  constructor(core: CopyCore, blobs: BlobFiles) {
    this.#core = core;
    this.blobs = blobs;
    this.copyId = core.copyId;
    this.shardUid = core.shardUid;
    this.#refusedTerm = core.manifest.fence;
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
    return this.#core.aside.seqs;
  }

  /** How often a read or condition was answered from memory, and how often not. */
  get cacheResults(): { hits: number; misses: number } {
    return { hits: this.#core.newest.cacheHits, misses: this.#core.newest.cacheMisses };
  }

  /** Sums as the store has them now, without waiting. */
  get storedTotals(): StoreTotals {
    return this.#core.newest.store.totals;
  }

  /**
   * Takes the ownership of a term: nothing of it is served before its `term_start` is committed.
   * Errors: `stale_term` when the term is older than the copy's, or was released.
   */
  async assume(owner: Term): Promise<void> {
    const { writes, parts } = this.#core;
    if (owner <= writes.owner) return;
    const lastTerm = parts.log.position(this.copyId)?.lastTerm ?? 0;
    if (owner < lastTerm) throw staleTerm(owner, asTerm(lastTerm));
    this.#checkAssumable(owner);
    writes.owner = asTerm(0);
    await writes.appendOwn(RECORD_KIND.termStart, owner, Buffer.alloc(0));
    this.#checkAssumable(owner);
    if (owner > writes.owner) writes.owner = owner;
  }

  /** Refuses terms up to `owner` from now on, durably. False when a user's write came first. */
  async release(owner: Term): Promise<boolean> {
    if (!this.empty) return false;
    const { writes, file } = this.#core;
    // Fenced in memory first: a write that comes while the manifest is written must find the door closed.
    this.#refusedTerm = Math.max(this.#refusedTerm, owner);
    if (writes.owner <= this.#refusedTerm) writes.owner = asTerm(0);
    try {
      await file.change((manifest) => ({ ...manifest, fence: Math.max(owner, manifest.fence) }));
    } catch (reason) {
      // Nobody was told of the release, so the shard stays: its holder takes the term again.
      this.#refusedTerm = this.fence;
      throw reason;
    }
    return true;
  }

  /** A write with a small or already stored value. */
  write(write: Write, owner: Term, deadline: Deadline): Promise<KeyAnswer> {
    if (write.verb === 'put') this.counts.puts += 1;
    else this.counts.deletes += 1;
    this.#garbage = true;
    return this.#core.writes.write(write, owner, deadline);
  }

  /** One operation as it travels in batches. What is in memory is answered at once. */
  execute(operation: KeyOperation, deadline: Deadline): Soon<KeyAnswer> {
    const { verb, key, term, opId, callerOpId, ifMatch } = operation;
    if (verb === 'get' || verb === 'head') return this.#read(operation);
    if (verb === 'delete')
      return this.write({ verb, key, opId, callerOpId, ifMatch }, term, deadline);
    const { value = NO_BYTES, contentType = 'application/octet-stream' } = operation;
    const stored = { contentType, etag: etagOf(contentType, value), bytes: value.length, value };
    const { ttlMs, ifNoneMatch } = operation;
    const write: Write = { verb, key, stored, ttlMs, ifNoneMatch, opId, callerOpId, ifMatch };
    return this.write(write, term, deadline);
  }

  /** A `get` or `head`. A value in a blob is answered by its length alone, for the caller to stream. */
  async read(operation: Read): Promise<KeyAnswer> {
    return this.#read(operation);
  }

  /** Opens a large value for streaming; undefined when the key has none (any more). */
  async openBlob(key: string): Promise<OpenedBlob | undefined> {
    for (let tried: string | undefined; ; ) {
      const stored = await this.#living(key);
      if (stored?.blob === undefined) return undefined;
      const { blob, etag, contentType, bytes } = stored;
      const release = this.blobs.hold(blob);
      try {
        return { file: await this.blobs.read(blob), etag, contentType, bytes };
      } catch (reason) {
        // Replaced and swept before it was held: the next look finds another one. The same one is missing.
        if (tried === blob) throw reason;
        tried = blob;
      } finally {
        release();
      }
    }
  }

  /** One page of living rows. Errors: `shard_opening`. */
  list(range: KeyRange): Promise<ListPage> {
    return listPage(this.#core.newest, range, this.#core.parts.hybrid.now());
  }

  /** Deletes one page of a range; the answer's `detail` is JSON `{"deleted","next"}`. */
  async deletePage(
    range: Omit<KeyRange, 'limit' | 'values'>,
    operation: { opId: string; callerOpId: boolean; term: Term },
    deadline: Deadline,
  ): Promise<KeyAnswer> {
    const { start, startExclusive = false, end } = range;
    const listed = await this.list({ ...range, limit: DELETE_PAGE_MAX });
    const page = pageOf(
      listed.rows.map((row) => row.key),
      listed.next,
    );
    const { opId, callerOpId, term } = operation;
    if (page.keys.length === 0 && !callerOpId) {
      // Nothing to remember, nothing to delete: an empty shard stays one that was never written.
      if (term === 0 || term !== this.term) throw staleTerm(term, this.term);
      return { status: 200, detail: pageDetail(0, page.next) };
    }
    const named = JSON.stringify([start ?? null, startExclusive, end ?? null]);
    const write: Write = { verb: 'deleteMany', ...page, range: named, opId, callerOpId };
    return this.write(write, term, deadline);
  }

  /** Deletes keys whose time is over, as records like any other. Returns how many. */
  async sweepExpired(opId: string, deadline: Deadline): Promise<number> {
    const found = await sweepExpired(this.#core, opId, deadline);
    if (found > 0) this.#garbage = true;
    return found;
  }

  /** Removes blobs that nothing refers to. Returns how many. */
  async sweepBlobs(): Promise<number> {
    if (!this.#garbage) return 0;
    this.#garbage = false;
    try {
      const { removed, young } = await sweepBlobs(this.#core, this.blobs);
      if (young > 0) this.#garbage = true;
      return removed;
    } catch (reason) {
      this.#garbage = true;
      throw reason;
    }
  }

  /** Sums over everything committed before the call, except what is kept aside. */
  async totals(): Promise<StoreTotals> {
    await this.#core.applier.drain();
    return this.#core.newest.store.totals;
  }

  /** Sizes of the store on disk. */
  sizes(): Promise<StoreSizes> {
    return this.#core.newest.store.sizes();
  }

  /** Makes a new base generation now, so that the log before it can go. */
  compact(): Promise<void> {
    return this.#core.applier.maintain('rewrite');
  }

  /** Gives up a record that was kept aside. Errors: `nothing_kept_aside`, `stale_term`. */
  async skip(skipped: number): Promise<void> {
    const { aside, newest, writes } = this.#core;
    if (!aside.seqs.includes(skipped)) {
      throw new ToruaError('nothing_kept_aside', `No record ${skipped} is kept aside here.`);
    }
    if (this.term === 0) throw staleTerm(this.term, this.term);
    await writes.appendOwn(RECORD_KIND.skip, this.term, encodeSkip(skipped));
    const keys = await aside.giveUp(skipped, newest.store.baseSeq);
    // What readers see of these keys from now on is what the store has.
    for (const key of keys) if (!newest.memtable.get(key)) newest.uncache(key);
  }

  /** Applies what is left, checkpoints and closes. From the call on the copy has no term and takes no write. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#core.close();
  }

  #checkAssumable(owner: Term): void {
    if (this.#isClosed || owner <= this.#refusedTerm) throw staleTerm(owner, asTerm(0));
  }

  #read(operation: Read): Soon<KeyAnswer> {
    this.counts.gets += 1;
    return andThen(this.#living(operation.key), (stored) => readAnswer(operation, stored));
  }

  #living(key: string): Soon<StoredValue | undefined> {
    const { newest, parts } = this.#core;
    const known = newest.committed(key);
    return andThen(known ? known.stored : newest.load(key).row, (stored) =>
      stored && !isOver(stored, parts.hybrid.now()) ? stored : undefined,
    );
  }
}

/** What a read says. */
type Read = Pick<KeyOperation, 'verb' | 'key' | 'ifNoneMatch' | 'ifMatch'>;

function readAnswer(read: Read, stored: StoredValue | undefined): KeyAnswer {
  if (!stored) return { status: 404, code: 'key_not_found', detail: 'The key does not exist.' };
  const { etag, contentType, bytes } = stored;
  if (read.ifMatch !== undefined && !matchesEtag(read.ifMatch, etag)) {
    const detail = `The present etag is "${etag}".`;
    return { status: 412, code: 'precondition_failed', detail, etag };
  }
  if (read.ifNoneMatch !== undefined && matchesEtag(read.ifNoneMatch, etag)) {
    return { status: 304, etag };
  }
  if (read.verb === 'head') return { status: 200, etag, contentType, bytes };
  return { status: 200, etag, contentType, bytes, value: stored.value };
}
