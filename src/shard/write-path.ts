/**
 * Writes of one copy: recognise repeats, decide conditions against the newest appended value, append, wait until the
 * record is durable, make it visible, answer — in that order. Source: design, section 4.
 */
import type { Clock } from '../kernel/clock.ts';
import { type Deadline, within } from '../kernel/deadline.ts';
import { ToruaError } from '../kernel/errors.ts';
import type { HybridClock } from '../kernel/hybrid-clock.ts';
import {
  seq as asSeq,
  term as asTerm,
  type CopyId,
  type Seq,
  type ShardUid,
  type Term,
} from '../kernel/ids.ts';
import { type LogRecord, RECORD_KIND, type RecordKind } from '../log/log-record.ts';
import type { KeyAnswer } from '../protocol/key-operation.ts';
import { CallerOutcomes } from './caller-outcomes.ts';
import type { CopyLog } from './copy-log.ts';
import { matchesEtag } from './etag.ts';
import type { Knowledge, NewestValues } from './newest.ts';
import { OperationIndex } from './operation-index.ts';
import { encodeDelete, encodeDeleteMany, encodePut } from './payload.ts';
import { answerOf, fingerprintOf } from './record-answer.ts';
import { outcomeOfRecord } from './replay.ts';
import type { StoredValue } from './store.ts';
import type { Write } from './write.ts';

/** See `#verdict`. */
type Verdict =
  | { readonly refusal: KeyAnswer }
  | { readonly refusal: undefined; readonly stands: () => boolean };

/** How long the coordinators' own operation ids are remembered: longer than any of their retries. Milliseconds. */
export const OWN_WINDOW_MS = 60_000;

/** What the write path is given. */
export interface WritePathParts {
  readonly copyId: CopyId;
  readonly shardUid: ShardUid;
  readonly log: CopyLog;
  readonly clock: Clock;
  readonly hybrid: HybridClock;
  readonly newest: NewestValues;
  /** Resolves when the memtable has room again; asked only while it is full. */
  readonly roomInMemtable: () => Promise<void>;
  /** Told after each commit, so that the applier wakes up. */
  readonly onCommit: () => void;
}

/** See the module. One object per copy; all its bookkeeping of sequence numbers and operation ids. */
export class WritePath {
  readonly #parts: WritePathParts;
  readonly callers = new CallerOutcomes();
  readonly own = new OperationIndex(OWN_WINDOW_MS);
  readonly #inFlight = new Map<string, Promise<KeyAnswer>>();
  /** Whether any user record was ever appended since the copy was created or reset. */
  touched = false;
  /** The term under which this copy is primary and has committed its `term_start`; 0 = it is not. */
  owner: Term = asTerm(0);

  constructor(parts: WritePathParts) {
    this.#parts = parts;
  }

  /** Seq of the newest appended record. */
  get lastSeq(): Seq {
    return asSeq(this.#parts.log.nextSeq(this.#parts.copyId) - 1);
  }

  /** Writes that wait for their record to become durable. */
  get waiting(): number {
    return this.#inFlight.size;
  }

  /**
   * See the module. Errors: 412 is an answer, not an error; `stale_term` when `owner` is not this copy's term, also
   * when it lost the term while the write waited; `overloaded` when the memtable stays full.
   */
  async write(write: Write, owner: Term, deadline: Deadline): Promise<KeyAnswer> {
    for (;;) {
      const seenBefore = this.#recorded(write);
      const repeated = await this.#repeated(write);
      if (repeated) return repeated;
      while (this.#parts.newest.memtable.full) await this.#waitForRoom(deadline);
      const verdict = await this.#verdict(write);
      if (verdict.refusal) return verdict.refusal;
      // A repeat, or another write of the key, may have overtaken this one while it waited. If not, nothing waits from
      // here to the append: what the condition saw is what the record follows.
      const isFirst = !this.#inFlight.has(write.opId) && this.#recorded(write) === seenBefore;
      if (isFirst && verdict.stands()) break;
    }
    const answer = this.#append(write, owner);
    this.#inFlight.set(write.opId, answer);
    try {
      return await answer;
    } finally {
      this.#inFlight.delete(write.opId);
    }
  }

  /** Appends a record of our own, without user data; resolves when it is committed. */
  appendOwn(kind: RecordKind, owner: Term, payload: Buffer): Promise<Seq> {
    const { record, durable } = this.#log({ kind, owner, payload, opId: '', callerOpId: false });
    return durable.then(() => {
      this.#parts.newest.memtable.pass(record.seq);
      this.#parts.onCommit();
      return record.seq;
    });
  }

  /** What is remembered under the operation's id, right or not; changes when the operation is recorded. */
  #recorded({ opId, callerOpId }: Write): unknown {
    return callerOpId ? this.callers.get(opId) : this.own.get(opId);
  }

  /** The outcome of an operation that was seen before, in memory or in the log. */
  async #repeated(write: Write): Promise<KeyAnswer | undefined> {
    const running = this.#inFlight.get(write.opId);
    if (write.callerOpId) {
      const outcome = this.callers.find(write.opId, fingerprintOf(write), this.#parts.hybrid.now());
      return running ?? (outcome && (JSON.parse(outcome.answer) as KeyAnswer));
    }
    if (running) return running;
    const known = this.own.get(write.opId);
    if (known === undefined) return undefined;
    const [record] = await this.#parts.log.read(this.#parts.copyId, asSeq(known), 1);
    return record?.opId === write.opId ? answerOf(record) : undefined;
  }

  async #waitForRoom(deadline: Deadline): Promise<void> {
    try {
      await within(
        this.#parts.clock,
        deadline,
        'waiting for the store',
        this.#parts.roomInMemtable(),
      );
    } catch (reason) {
      throw new ToruaError(
        'overloaded',
        'The shard takes writes faster than its store applies them.',
        { retryAfterMs: 250, cause: reason },
      );
    }
  }

  /**
   * What the write's condition says: a 412, given only when what it was decided on is committed; or nothing against it,
   * as long as `stands`.
   */
  async #verdict(write: Write): Promise<Verdict> {
    const ifNoneMatch = write.verb === 'put' ? write.ifNoneMatch : undefined;
    if (write.verb === 'deleteMany' || (write.ifMatch === undefined && ifNoneMatch === undefined))
      return { refusal: undefined, stands: () => true };
    const { newest } = this.#parts;
    for (;;) {
      const known = newest.appended(write.key);
      let stored: StoredValue | undefined;
      if (known) {
        stored = known.stored;
      } else {
        const load = newest.load(write.key);
        stored = await load.row;
        if (!load.fresh) continue;
      }
      const etag = stored && !isOver(stored, this.#parts.hybrid.now()) ? stored.etag : undefined;
      const holds =
        (write.ifMatch === undefined || matchesEtag(write.ifMatch, etag)) &&
        (ifNoneMatch === undefined || !matchesEtag(ifNoneMatch, etag));
      if (holds) return { refusal: undefined, stands: () => this.#isStill(write.key, known, stored) };
      // What the log refused was never there: the condition is looked at again.
      if (known?.pending && !(await known.pending.settled)) continue;
      return {
        refusal: {
          status: 412,
          code: 'precondition_failed',
          detail: etag ? `The present etag is "${etag}".` : 'The key does not exist.',
          etag,
        },
      };
    }
  }

  /** Whether the newest appended fact is still the one that was seen: `known`, or `stored` as the store gave it. */
  #isStill(key: string, known: Knowledge, stored: StoredValue | undefined): boolean {
    const now = this.#parts.newest.appended(key);
    return now === undefined ? known === undefined : now.stored === (known ? known.stored : stored);
  }

  async #append(write: Write, owner: Term): Promise<KeyAnswer> {
    if (owner !== this.owner) throw staleTerm(owner, this.owner);
    const nowMs = this.#parts.hybrid.now();
    if (write.callerOpId) this.callers.checkRoom(nowMs);
    else if (!this.own.hasRoom(nowMs))
      throw new ToruaError('overloaded', 'More writes than the last 60 seconds may hold.', {
        retryAfterMs: 1_000,
      });
    const { kind, payload, changes } = this.#contentOf(write, nowMs);
    const { record, durable } = this.#log({
      kind,
      owner,
      payload,
      opId: write.opId,
      callerOpId: write.callerOpId,
    });
    this.touched = true;
    const answer = answerOf(record);
    const outcome = write.callerOpId ? outcomeOfRecord(record) : undefined;
    if (outcome) this.callers.remember(outcome);
    const settled = durable.then(
      () => true,
      () => false,
    );
    for (const [key, stored] of changes)
      this.#parts.newest.append(key, { stored, seq: record.seq, settled });
    try {
      await durable;
    } catch (reason) {
      if (write.callerOpId) this.callers.withdraw(write.opId);
      for (const [key] of changes) this.#parts.newest.withdraw(key, record.seq);
      throw reason;
    }
    for (const [key, stored] of changes)
      this.#parts.newest.commit(key, { stored, seq: record.seq });
    if (outcome) this.#parts.newest.memtable.note(outcome);
    else this.own.set(write.opId, record.seq, record.hybridMs);
    this.#parts.newest.memtable.pass(record.seq);
    this.#parts.onCommit();
    return answer;
  }

  #contentOf(
    write: Write,
    nowMs: number,
  ): { kind: RecordKind; payload: Buffer; changes: [string, StoredValue | undefined][] } {
    switch (write.verb) {
      case 'put': {
        const stored = {
          ...write.stored,
          expiresAtMs: write.ttlMs === undefined ? 0 : nowMs + write.ttlMs,
        };
        const kind = stored.blob === undefined ? RECORD_KIND.put : RECORD_KIND.putBlob;
        return {
          kind,
          payload: encodePut({ key: write.key, stored }),
          changes: [[write.key, stored]],
        };
      }
      case 'delete':
        return {
          kind: RECORD_KIND.delete,
          payload: encodeDelete(write.key),
          changes: [[write.key, undefined]],
        };
      case 'deleteMany':
        return {
          kind: RECORD_KIND.deleteMany,
          payload: encodeDeleteMany(write),
          changes: write.keys.map((key) => [key, undefined]),
        };
    }
  }

  /** Gives the record its place in the sequence, which is the log's to know: it takes refused places back. */
  #log(content: {
    kind: RecordKind;
    owner: Term;
    payload: Buffer;
    opId: string;
    callerOpId: boolean;
  }): { record: LogRecord; durable: Promise<void> } {
    const { copyId, shardUid, log, hybrid } = this.#parts;
    const record: LogRecord = {
      kind: content.kind,
      shardUid,
      copyId,
      term: content.owner,
      seq: log.nextSeq(copyId),
      schemaVersion: 0,
      opId: content.opId,
      callerOpId: content.callerOpId,
      hybridMs: hybrid.now(),
      payload: content.payload,
    };
    const durable = log.append([record], { internal: content.opId === '' });
    return { record, durable };
  }
}

/** The refusal of a request that was routed under another term than the copy's. */
export function staleTerm(asked: Term, held: Term): ToruaError {
  const holding = held === 0 ? 'the copy is not primary here' : `the copy serves term ${held}`;
  return new ToruaError('stale_term', `The request was routed under term ${asked}; ${holding}.`);
}

/** Whether the value's time is over. */
export function isOver(stored: StoredValue, nowMs: number): boolean {
  return stored.expiresAtMs !== 0 && stored.expiresAtMs <= nowMs;
}
