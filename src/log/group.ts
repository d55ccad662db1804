/** One group: appends that become one batch, and the batches themselves before they are sealed. Pure. */
import { assert } from '../kernel/assert.ts';
import { BATCH_HEADER_BYTES, BATCH_KIND, encodePositions } from './batch-codec.ts';
import type { CopyState, CopyTable } from './copy-table.ts';
import type { LogRecord } from './log-record.ts';
import { encodeRecord } from './record-codec.ts';
import type { UnsealedBatch } from './segment-writer.ts';

/** One append that waits. */
export interface Waiting {
  readonly records: readonly LogRecord[];
  states: readonly CopyState[];
  readonly bytes: number;
  readonly isInternal: boolean;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** A positions batch of the table's durable side. */
export function positionsBatch(table: CopyTable): UnsealedBatch {
  const positions = table.positions();
  return {
    bytes: encodePositions(positions, table.hybridMs),
    kind: BATCH_KIND.positions,
    count: positions.length,
  };
}

/** The records of all appends, one behind the other, in one buffer. */
export function encodeGroup(group: readonly Waiting[]): UnsealedBatch {
  let bytes = BATCH_HEADER_BYTES;
  for (const waiting of group) bytes += waiting.bytes;
  const target = Buffer.allocUnsafe(bytes);
  let at = BATCH_HEADER_BYTES;
  let count = 0;
  forEachRecord(group, (record, state) => {
    at = encodeRecord(target, at, record, state.ids);
    count += 1;
  });
  assert(at === bytes, 'a group takes the bytes that were counted');
  return { bytes: target, kind: BATCH_KIND.records, count };
}

/** Visits every record with its copy, in order. */
export function forEachRecord(
  group: readonly Waiting[],
  visit: (record: LogRecord, state: CopyState) => void,
): void {
  for (const { records, states } of group) {
    for (let index = 0; index < records.length; index += 1) {
      const record = records[index];
      const state = states[index];
      assert(record !== undefined && state !== undefined, 'every record was admitted');
      visit(record, state);
    }
  }
}
