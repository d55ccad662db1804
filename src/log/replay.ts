/**
 * Folds the valid batches of a log, in order, into its copy table, and decides for every copy whether a hole in the
 * batches has swallowed something of it. Pure.
 *
 * Behind a hole a copy is *uncertain* until the next word about it. A positions batch or a record that stands exactly
 * where the copy stood (seq and term) proves that the hole held nothing of it; anything else puts it in doubt.
 */
import { copyId, shardUid } from '../kernel/ids.ts';
import {
  BATCH_KIND,
  DOUBT_WITHOUT_END,
  type Doubt,
  decodePositions,
  type FoundBatch,
  type Position,
} from './batch-codec.ts';
import { type CopyState, CopyTable } from './copy-table.ts';
import { RECORD_KIND } from './log-record.ts';
import { isControlKind, type RecordHead, readHead } from './record-codec.ts';
import { SEGMENT_HEADER_BYTES } from './segment.ts';

/** One replay. Call `batch` for every valid batch in order, then `finish`. */
export class Replay {
  readonly table = new CopyTable();
  readonly #uncertain = new Set<string>();
  readonly #head: RecordHead = {
    length: 0,
    kind: 0,
    shardUid: '',
    copyId: '',
    seq: 0,
    term: 0,
    hybridMs: 0,
  };
  #lastNumber = 0;
  #records = 0;
  /** Copies may exist that are not known: a hole, or the log's beginning, is nearer than the last positions. */
  #hidesCopies = true;

  /** Number of the newest batch. */
  get lastNumber(): number {
    return this.#lastNumber;
  }

  /** Records seen, control records included. */
  get records(): number {
    return this.#records;
  }

  /** Takes the next valid batch; a jump in the numbers is a hole. */
  batch(segment: Buffer, segmentNumber: number, batch: FoundBatch): void {
    const isPositions = batch.kind === BATCH_KIND.positions;
    const isFirst = this.#lastNumber === 0;
    if (!isFirst && batch.number !== this.#lastNumber + 1) this.#hole();
    this.#lastNumber = batch.number;
    const isBase = isFirst && isPositions && batch.offset === SEGMENT_HEADER_BYTES;
    if (isPositions) this.#positions(segment, batch, isBase);
    else this.#recordsOf(segment, segmentNumber, batch);
  }

  /** Ends the replay. `lostTail`: records are missing behind the last batch. */
  finish(lostTail: boolean): CopyTable {
    if (lostTail) this.#hole();
    for (const id of this.#uncertain) {
      const state = this.table.get(id);
      state?.addDoubt({ after: state.seq, until: DOUBT_WITHOUT_END });
    }
    for (const state of this.table.live()) state.rollBack();
    return this.table;
  }

  #hole(): void {
    this.#hidesCopies = true;
    for (const state of this.table.live()) this.#uncertain.add(state.copyId);
  }

  #positions(segment: Buffer, batch: FoundBatch, isBase: boolean): void {
    const found = decodePositions(segment, batch);
    this.table.hybridMs = Math.max(this.table.hybridMs, found.hybridMs);
    const listed = new Set<string>();
    for (const position of found.positions) {
      listed.add(position.copyId);
      this.#position(position, isBase);
    }
    // A copy that is not listed was dropped, even when the hole has swallowed the record that said so.
    for (const state of this.table.live()) {
      if (!listed.has(state.copyId)) this.table.remove(state.copyId);
    }
    this.#uncertain.clear();
    this.#hidesCopies = false;
  }

  /** `isBase`: the log begins with these positions, there is nothing to compare them with. */
  #position(position: Position, isBase: boolean): void {
    const state = this.#ensure(position);
    if (!state.exists) {
      if (!isBase) state.addDoubt({ after: 0, until: position.seq });
    } else if (state.seq !== position.seq || state.term !== position.term) {
      this.#doubt(state, position.seq, position.term);
    }
    if (position.doubt) state.addDoubt(position.doubt);
    state.standAt(position.seq, position.term);
  }

  #recordsOf(segment: Buffer, segmentNumber: number, batch: FoundBatch): void {
    const head = this.#head;
    let offset = batch.payloadStart;
    for (let index = 0; index < batch.count; index += 1) {
      readHead(segment, offset, head);
      const state = this.#ensure(head);
      const isControl = isControlKind(head.kind);
      const doubt = isControl ? this.#doubtBehindHole(state, head) : undefined;
      if (!isControl) this.#sequenced(state, head);
      this.table.publish(state, head, { segment: segmentNumber, offset, length: head.length });
      if (doubt) state.addDoubt(doubt);
      this.#records += 1;
      offset += head.length;
    }
  }

  #sequenced(state: CopyState, head: RecordHead): void {
    const isUncertain = this.#uncertain.delete(state.copyId);
    // Behind a hole only the same term proves continuity: a new term may have truncated the copy inside the hole.
    const isSameTerm = state.term === head.term;
    const follows =
      head.seq === state.seq + 1 && (isSameTerm || (!isUncertain && head.term > state.term));
    if (!follows && !(head.seq === 1 && !state.exists)) this.#doubt(state, head.seq - 1, head.term);
  }

  /** What a control record proves of the hole before it: nothing. What it leaves may have been written in there. */
  #doubtBehindHole(state: CopyState, head: RecordHead): Doubt | undefined {
    const isUncertain = state.exists ? this.#uncertain.delete(state.copyId) : this.#hidesCopies;
    const isJump = state.exists && head.seq > state.seq;
    if (!isUncertain || isJump || head.kind === RECORD_KIND.drop) return undefined;
    return { after: 0, until: head.seq };
  }

  #doubt(state: CopyState, until: number, term: number): void {
    const isTail = state.term === term && until > state.seq;
    state.addDoubt({ after: isTail ? state.seq : 0, until });
    state.index.truncate(until);
  }

  #ensure(ids: { readonly copyId: string; readonly shardUid: string }): CopyState {
    return (
      this.table.get(ids.copyId) ??
      this.table.ensure({ copyId: copyId(ids.copyId), shardUid: shardUid(ids.shardUid) })
    );
  }
}
