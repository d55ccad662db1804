/**
 * Writes of one copy: recognise repeats, decide conditions against the newest appended value, append, wait until the
 * record is durable, make it visible, answer — in that order. Source: design, section 4.
 */
import { assert } from '../kernel/assert.ts';
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
import type { LogRecord, RecordKind } from '../log/log-record.ts';
import type { KeyAnswer } from '../protocol/key-operation.ts';
import { CallerOutcomes } from './caller-outcomes.ts';
import { conditionalOf, refusalOf } from './condition.ts';
import type { CopyLog } from './copy-log.ts';
import type { Load, NewestValues, PendingChange } from './newest.ts';
import { OperationIndex } from './operation-index.ts';
import {
  answerOf,
  contentOf,
  fingerprintOf,
  outcomeOf,
  type RecordContent,
} from './record-answer.ts';
import type { StoredValue } from './store.ts';
import type { Write } from './write.ts';

/** How long the coordinators' own operation ids are remembered: longer than any of their retries. Milliseconds. */
export const OWN_WINDOW_MS = 60_000;

const OWN_ID = /^[0-9a-f]{16}$/;

/** What the write path is given. */
export interface WritePathParts {
  readonly copyId: CopyId;
  readonly shardUid: ShardUid;
  readonly log: CopyLog;
  readonly clock: Clock;
  readonly hybrid: HybridClock;
  readonly newest: NewestValues;
  /** Resolves when the memtable may have room again; asked only while it is full. */
  readonly roomInMemtable: () => Promise<void>;
  /** Told after each commit, so that the applier wakes up. */
  readonly onCommit: () => void;
}

/** A row read for a decision. Good only until the next wait. */
interface Row {
  readonly load: Load;
  readonly stored: StoredValue | undefined;
}

/** What a write's condition says: it holds, nobody knows without the store's row, or a 412 and what it rests on. */
type Verdict =
  | 'holds'
  | 'unknown'
  | { readonly refusal: KeyAnswer; readonly pending: PendingChange | undefined };

/** A turn's outcome: the answer on its way, or what has to be waited for before the next turn. */
type Turn = Promise<KeyAnswer> | 'no room' | Exclude<Verdict, 'holds'>;

/** See the module. One object per copy; all its bookkeeping of operation ids and of who may write. */
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

  /**
   * See the module. Errors: 412 is an answer, not an error; `stale_term` when `owner` is not this copy's term, also
   * when it lost the term while the write waited; `overloaded` when the memtable stays full.
   */
  write(write: Write, owner: Term, deadline: Deadline): Promise<KeyAnswer> {
    try {
      assert(write.callerOpId || OWN_ID.test(write.opId), 'an own operation id is 16 hex digits');
      const turn = this.#turn(write, owner, deadline, undefined);
      return turn instanceof Promise ? turn : this.#nextTurns(write, owner, deadline, turn);
    } catch (reason) {
      return Promise.reject(reason);
    }
  }

  /**
   * Decides everything anew, because anything may have happened before. To the append nothing waits: what the condition
   * saw is what the record follows. The answer on its way, or what stands in the way.
   */
  #turn(write: Write, owner: Term, deadline: Deadline, row: Row | undefined): Turn {
    this.#checkOwner(owner);
    const repeated = this.#repeated(write);
    if (repeated !== undefined) return repeated;
    if (this.#parts.newest.memtable.full) return 'no room';
    const verdict = this.#verdict(write, row);
    return verdict === 'holds' ? this.#begin(write, owner, deadline) : verdict;
  }

  async #nextTurns(write: Write, owner: Term, deadline: Deadline, first: Turn): Promise<KeyAnswer> {
    for (let turn = first; ; ) {
      let row: Row | undefined;
      if (turn instanceof Promise) return turn;
      if (turn === 'no room') await this.#waitForRoom(deadline);
      else if (turn === 'unknown') row = await this.#rowOf(write);
      else if (!turn.pending || (await isCommitted(turn.pending))) return turn.refusal;
      turn = this.#turn(write, owner, deadline, row);
    }
  }

  /** Appends a record of our own, without user data; resolves when it is committed. */
  appendOwn(kind: RecordKind, owner: Term, payload: Buffer): Promise<Seq> {
    const record = this.#recordOf({ kind, payload }, owner, OWN);
    return this.#parts.log.append([record], INTERNAL).then(() => {
      this.#parts.newest.memtable.pass(record.seq);
      this.#parts.onCommit();
      return record.seq;
    });
  }

  /** The outcome of an operation that was seen before: under way, in memory, or in the log. */
  #repeated(write: Write): Promise<KeyAnswer> | undefined {
    const { opId, callerOpId } = write;
    const running = this.#inFlight.get(flightOf(write));
    if (callerOpId) {
      const nowMs = this.#parts.hybrid.now();
      const outcome = this.callers.find(opId, fingerprintOf(write), nowMs);
      return running ?? (outcome && Promise.resolve(JSON.parse(outcome.answer) as KeyAnswer));
    }
    if (running !== undefined) return running;
    const known = this.own.get(opId);
    return known === undefined ? undefined : this.#answerInLog(asSeq(known), opId);
  }

  /** The answer of a record; undefined when the log let it go, which it does only long after the window. */
  #answerInLog(seq: Seq, opId: string): Promise<KeyAnswer> | undefined {
    const { log, copyId } = this.#parts;
    if (seq < (log.position(copyId)?.firstSeq ?? seq + 1)) return undefined;
    return log.read(copyId, seq, 1).then(([record]) => {
      assert(record?.opId === opId, 'an operation id stands for the record that carries it');
      return answerOf(record);
    });
  }

  async #waitForRoom(deadline: Deadline): Promise<void> {
    const { clock, roomInMemtable } = this.#parts;
    try {
      await within(clock, deadline, 'waiting for the store', roomInMemtable());
    } catch (reason) {
      throw new ToruaError(
        'overloaded',
        'The shard takes writes faster than its store applies them.',
        { retryAfterMs: 250, cause: reason },
      );
    }
  }

  #verdict(write: Write, row: Row | undefined): Verdict {
    const conditional = conditionalOf(write);
    if (!conditional) return 'holds';
    const { newest, hybrid } = this.#parts;
    const known = newest.appended(conditional.key) ?? (row?.load.fresh ? row : undefined);
    if (!known) return 'unknown';
    const refusal = refusalOf(conditional, known.stored, hybrid.now());
    // A refusal that rests on a pending change is given when that is committed; if it fails, all is decided anew.
    return refusal ? { refusal, pending: 'pending' in known ? known.pending : undefined } : 'holds';
  }

  async #rowOf(write: Write): Promise<Row | undefined> {
    const conditional = conditionalOf(write);
    if (!conditional) return undefined;
    const load = this.#parts.newest.load(conditional.key);
    return { load, stored: await load.row };
  }

  #begin(write: Write, owner: Term, deadline: Deadline): Promise<KeyAnswer> {
    deadline.check('the write waited for its turn');
    const answer = this.#append(write, owner);
    this.#inFlight.set(flightOf(write), answer);
    return answer;
  }

  #append(write: Write, owner: Term): Promise<KeyAnswer> {
    const { newest, log, hybrid, clock, onCommit } = this.#parts;
    const nowMs = hybrid.now();
    this.#checkRoomForId(write, nowMs);
    const content = contentOf(write, nowMs);
    const { changes } = content;
    const { opId, callerOpId } = write;
    const record = this.#recordOf(content, owner, write);
    const durable = log.append([record]);
    this.touched = true;
    const { seq } = record;
    const outcome = callerOpId ? outcomeOf(record, fingerprintOf(write)) : undefined;
    if (outcome) this.callers.remember(outcome);
    for (const [key, stored] of changes) newest.append(key, { stored, seq, durable });
    const committed = (): KeyAnswer => {
      for (const [key, stored] of changes) newest.commit(key, { stored, seq });
      if (outcome) newest.memtable.note(outcome);
      else this.own.set(opId, seq, clock.monotonicMs());
      newest.memtable.pass(seq);
      this.#inFlight.delete(flightOf(write));
      onCommit();
      return answerOf(record);
    };
    const refused = (reason: unknown): never => {
      if (outcome) this.callers.withdraw(opId);
      for (const [key] of changes) newest.withdraw(key, seq);
      this.#inFlight.delete(flightOf(write));
      throw reason;
    };
    return durable.then(committed, refused);
  }

  #checkOwner(owner: Term): void {
    if (owner === 0 || owner !== this.owner) throw staleTerm(owner, this.owner);
  }

  #checkRoomForId(write: Write, nowMs: number): void {
    if (write.callerOpId) {
      this.callers.checkRoom(nowMs);
    } else if (!this.own.hasRoom(this.#parts.clock.monotonicMs())) {
      const detail = `More writes than the last ${OWN_WINDOW_MS / 1_000} seconds may hold.`;
      throw new ToruaError('overloaded', detail, { retryAfterMs: 1_000 });
    }
  }

  /**
   * A record at the next place in the sequence, which is the log's to know: it takes refused places back.
   * Field by field and in one order everywhere: records of one shape keep the log's loops fast.
   */
  #recordOf(content: Omit<RecordContent, 'changes'>, owner: Term, by: Operation): LogRecord {
    const { copyId, shardUid, log, hybrid } = this.#parts;
    return {
      kind: content.kind,
      shardUid,
      copyId,
      term: owner,
      seq: log.nextSeq(copyId),
      schemaVersion: 0,
      opId: by.opId,
      callerOpId: by.callerOpId,
      hybridMs: hybrid.now(),
      payload: content.payload,
    };
  }
}

/** Whose a record is. */
type Operation = Pick<Write, 'opId' | 'callerOpId'>;

/** Records of the copy's own answer nobody, and are taken while the disk is full. */
const OWN: Operation = { opId: '', callerOpId: false };
const INTERNAL = { internal: true };

/** Whether the change becomes one that all see; false when the log did not take it. Never rejects. */
function isCommitted({ durable }: PendingChange): Promise<boolean> {
  return durable.then(
    () => true,
    () => false,
  );
}

/** Where a running write is found; own ids and callers' keys never meet, as own ids have 16 digits. */
function flightOf({ opId, callerOpId }: Write): string {
  return callerOpId ? `caller ${opId}` : opId;
}

/** The refusal of a request that was routed under another term than the copy's. */
export function staleTerm(asked: Term, held: Term): ToruaError {
  const holding = held === 0 ? 'the copy is not primary here' : `the copy serves term ${held}`;
  return new ToruaError('stale_term', `The request was routed under term ${asked}; ${holding}.`);
}
