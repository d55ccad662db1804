/**
 * Every copy of the log: how far its sequence is durable, how far it is appended, what is in doubt, and its index.
 * `admit` checks what callers want to append; `publish` moves the durable side once the disk has it.
 */
import { assert } from '../kernel/assert.ts';
import { type ErrorCode, ToruaError } from '../kernel/errors.ts';
import type { Doubt, Position } from './batch-codec.ts';
import { readU64 } from './bytes.ts';
import { CopyIndex } from './copy-index.ts';
import { type LogRecord, RECORD_KIND } from './log-record.ts';
import { encodeIds, type RecordHead } from './record-codec.ts';

/** Why appends were refused and what callers should be told when they go on as if nothing had happened. */
export type Refusal = Extract<ErrorCode, 'disk_full' | 'overloaded'>;

/** One copy. Fields without a word are the durable side. */
export class CopyState {
  readonly copyId: string;
  readonly shardUid: string;
  /** Both ids as bytes, for encoding. */
  readonly ids: Buffer;
  readonly index = new CopyIndex();
  /** False until the first record is durable. */
  exists = false;
  seq = 0;
  term = 0;
  doubt: Doubt | undefined;
  /** Records up to here are no longer needed. */
  baseSeq = 0;
  appendedSeq = 0;
  appendedTerm = 0;
  /** A `drop` waits to become durable. */
  dropAppended = false;
  /** Set when waiting appends were refused, until the caller starts again where the log stands. */
  refusal: Refusal | undefined;

  constructor(ids: Pick<LogRecord, 'copyId' | 'shardUid'>) {
    this.copyId = ids.copyId;
    this.shardUid = ids.shardUid;
    this.ids = encodeIds(ids);
  }

  /** Whether something appended is not durable yet. */
  get isAhead(): boolean {
    return this.appendedSeq !== this.seq || this.appendedTerm !== this.term || this.dropAppended;
  }

  /** Back to what is durable. */
  rollBack(): void {
    this.appendedSeq = this.seq;
    this.appendedTerm = this.term;
    this.dropAppended = false;
  }

  /** Sets the durable side, and with it the appended one. */
  standAt(seq: number, term: number): void {
    this.exists = true;
    this.seq = seq;
    this.term = term;
    this.rollBack();
  }

  /** Widens the doubt. */
  addDoubt(doubt: Doubt): void {
    this.doubt = this.doubt
      ? {
          after: Math.min(this.doubt.after, doubt.after),
          until: Math.max(this.doubt.until, doubt.until),
        }
      : doubt;
  }

  /** Takes a `truncate` to `lastSeq` into the index; ends a doubt that lies wholly in what is now void. */
  truncateTo(lastSeq: number): void {
    const isJump = lastSeq > this.seq;
    if (isJump) this.index.clear();
    else this.index.truncate(lastSeq);
    if (isJump || (this.doubt && lastSeq <= this.doubt.after)) this.doubt = undefined;
  }
}

/** All copies of one log. */
export class CopyTable {
  readonly #copies = new Map<string, CopyState>();
  /** Newest hybrid time of any durable record. */
  hybridMs = 0;

  get(copyId: string): CopyState | undefined {
    return this.#copies.get(copyId);
  }

  /** The copy, made when it is unknown. */
  ensure(ids: Pick<LogRecord, 'copyId' | 'shardUid'>): CopyState {
    let state = this.#copies.get(ids.copyId);
    if (state === undefined) {
      state = new CopyState(ids);
      this.#copies.set(ids.copyId, state);
    }
    return state;
  }

  remove(copyId: string): void {
    this.#copies.delete(copyId);
  }

  /** Copies with at least one durable record that are not dropped. */
  live(): CopyState[] {
    return [...this.#copies.values()].filter((state) => state.exists);
  }

  /** Every live copy's position, for a positions batch. */
  positions(): Position[] {
    return this.live();
  }

  /** Puts every copy back to what is durable; what callers append next without looking is refused with `refusal`. */
  rollBack(refusal: Refusal): void {
    for (const state of this.#copies.values()) {
      if (!state.isAhead) continue;
      state.rollBack();
      state.refusal = refusal;
    }
  }

  /**
   * Takes the records into the appended side, all or none; returns each record's copy.
   * Errors: the refusal's code when the caller goes on behind refused appends; `invariant_broken` for any other gap.
   */
  admit(records: readonly LogRecord[]): CopyState[] {
    const [only] = records;
    if (only !== undefined && records.length === 1) {
      const state = this.ensure(only);
      advanceAppended(state, only);
      return [state];
    }
    const states: CopyState[] = [];
    const undo: { state: CopyState; seq: number; term: number; drop: boolean }[] = [];
    let previous: CopyState | undefined;
    try {
      for (const record of records) {
        const state = this.ensure(record);
        if (state !== previous) {
          const { appendedSeq: seq, appendedTerm: term, dropAppended: drop } = state;
          undo.push({ state, seq, term, drop });
          previous = state;
        }
        advanceAppended(state, record);
        states.push(state);
      }
    } catch (error) {
      for (const { state, seq, term, drop } of undo.reverse()) {
        state.appendedSeq = seq;
        state.appendedTerm = term;
        state.dropAppended = drop;
      }
      throw error;
    }
    return states;
  }

  /** The record is durable at this place. */
  publish(state: CopyState, record: LogRecord | RecordHead, place: DurablePlace): void {
    if (record.hybridMs > this.hybridMs) this.hybridMs = record.hybridMs;
    if (record.kind === RECORD_KIND.drop) {
      this.remove(state.copyId);
      return;
    }
    if (record.kind === RECORD_KIND.truncate) state.truncateTo(record.seq);
    else state.index.push(place.segment, record.seq, place);
    state.exists = true;
    state.seq = record.seq;
    state.term = record.term;
  }
}

/** Where a durable record lies. */
export interface DurablePlace {
  readonly segment: number;
  readonly offset: number;
  readonly length: number;
}

function advanceAppended(state: CopyState, record: LogRecord): void {
  assert(record.shardUid === state.shardUid, 'a copy belongs to one shard for ever');
  assert(!state.dropAppended, 'nothing is appended to a dropped copy');
  switch (record.kind) {
    case RECORD_KIND.drop:
      checkSequence(state, record.seq === state.appendedSeq, record);
      state.dropAppended = true;
      return;
    case RECORD_KIND.truncate:
      assert(readU64(record.payload, 0) === record.seq, 'truncate stands at the seq it cuts to');
      break;
    default:
      checkSequence(state, record.seq === state.appendedSeq + 1, record);
      assert(record.term >= state.appendedTerm, 'terms never go back in a copy');
  }
  state.refusal = undefined;
  state.appendedSeq = record.seq;
  state.appendedTerm = record.term;
}

function checkSequence(state: CopyState, follows: boolean, record: LogRecord): void {
  if (follows) return;
  const place = `copy ${state.copyId} stands at ${state.appendedSeq}, the record at ${record.seq}`;
  if (state.refusal !== undefined) {
    throw new ToruaError(state.refusal, `An earlier record was refused: ${place}.`);
  }
  assert(false, `sequence numbers are gapless: ${place}`);
}
