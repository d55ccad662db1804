/** Where the records of one copy lie: seq → segment, offset, length. 8 bytes a record, dropped with the segment. */

/** Where one record lies. */
export interface RecordPlace {
  readonly segment: number;
  readonly seq: number;
  readonly offset: number;
  readonly length: number;
}

const FIRST_CAPACITY = 16;

/** Consecutive records of one copy within one segment. */
class Chunk {
  readonly segment: number;
  readonly firstSeq: number;
  count = 0;
  bytes = 0;
  offsets = new Uint32Array(FIRST_CAPACITY);
  lengths = new Uint32Array(FIRST_CAPACITY);

  constructor(segment: number, firstSeq: number) {
    this.segment = segment;
    this.firstSeq = firstSeq;
  }

  get endSeq(): number {
    return this.firstSeq + this.count;
  }

  push(offset: number, length: number): void {
    if (this.count === this.offsets.length) this.#resize(this.count * 2);
    this.offsets[this.count] = offset;
    this.lengths[this.count] = length;
    this.count += 1;
    this.bytes += length;
  }

  cutTo(count: number): void {
    for (let at = count; at < this.count; at += 1) this.bytes -= this.lengths[at] ?? 0;
    this.count = count;
  }

  trim(): void {
    if (this.count < this.offsets.length) this.#resize(this.count);
  }

  #resize(capacity: number): void {
    const kept = Math.min(capacity, this.count);
    const offsets = new Uint32Array(capacity);
    const lengths = new Uint32Array(capacity);
    offsets.set(this.offsets.subarray(0, kept));
    lengths.set(this.lengths.subarray(0, kept));
    this.offsets = offsets;
    this.lengths = lengths;
  }
}

/** The index of one copy. Chunks ascend by seq and by segment. */
export class CopyIndex {
  #chunks: Chunk[] = [];

  /** First record that can be read; undefined when there is none. */
  get firstSeq(): number | undefined {
    return this.#chunks[0]?.firstSeq;
  }

  /** Adds a record. A seq that does not follow the last one begins a new chunk: there is a gap before it. */
  push(segment: number, seq: number, place: { offset: number; length: number }): void {
    let chunk = this.#chunks.at(-1);
    if (chunk === undefined || chunk.segment !== segment || chunk.endSeq !== seq) {
      chunk?.trim();
      chunk = new Chunk(segment, seq);
      this.#chunks.push(chunk);
    }
    chunk.push(place.offset, place.length);
  }

  /** Forgets the records behind `lastSeq`. */
  truncate(lastSeq: number): void {
    for (let chunk = this.#chunks.at(-1); chunk; chunk = this.#chunks.at(-1)) {
      if (chunk.endSeq <= lastSeq + 1) return;
      if (chunk.firstSeq <= lastSeq) {
        chunk.cutTo(lastSeq + 1 - chunk.firstSeq);
        return;
      }
      this.#chunks.pop();
    }
  }

  /** Forgets everything. */
  clear(): void {
    this.#chunks = [];
  }

  /** Forgets what lies in segments up to `segment`. */
  dropThrough(segment: number): void {
    this.#chunks = this.#chunks.filter((chunk) => chunk.segment > segment);
  }

  /** Whether a record behind `baseSeq` lies in the segment. */
  needs(segment: number, baseSeq: number): boolean {
    return this.#chunks.some((chunk) => chunk.segment === segment && chunk.endSeq - 1 > baseSeq);
  }

  /** Bytes of the copy's own records behind `seq`. */
  bytesSince(seq: number): number {
    let bytes = 0;
    for (const chunk of this.#chunks) {
      if (chunk.endSeq - 1 <= seq) continue;
      bytes += chunk.bytes;
      const skipped = Math.max(0, seq + 1 - chunk.firstSeq);
      for (let at = 0; at < skipped; at += 1) bytes -= chunk.lengths[at] ?? 0;
    }
    return bytes;
  }

  /**
   * Places of consecutive records from `fromSeq`, at most `limitBytes` of them but at least one when it exists.
   * Shape: empty when `fromSeq` itself is not there; ends before a gap.
   */
  places(fromSeq: number, limitBytes: number): RecordPlace[] {
    const found: RecordPlace[] = [];
    let bytes = 0;
    let seq = fromSeq;
    for (const chunk of this.#chunks) {
      if (seq < chunk.firstSeq) return found;
      for (; seq < chunk.endSeq; seq += 1) {
        const at = seq - chunk.firstSeq;
        const length = chunk.lengths[at] ?? 0;
        bytes += length;
        if (bytes > limitBytes && found.length > 0) return found;
        found.push({ segment: chunk.segment, seq, offset: chunk.offsets[at] ?? 0, length });
      }
    }
    return found;
  }
}
