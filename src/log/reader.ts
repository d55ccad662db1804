/** Reads records of one copy from their places: few, large reads, each record checked against its own CRC. */
import { assert } from '../kernel/assert.ts';
import type { Disk, DiskFile } from '../kernel/disk.ts';
import { ToruaError } from '../kernel/errors.ts';
import type { RecordPlace } from './copy-index.ts';
import type { LogRecord } from './log-record.ts';
import { decodeRecord } from './record-codec.ts';
import { segmentName } from './segment.ts';

/** Records farther apart than this are read one by one; bytes. */
const SKIP_BYTES_MAX = 64 * 1024;

/** Where to read. */
export interface ReadPlan {
  readonly disk: Disk;
  readonly directory: string;
  readonly copyId: string;
  readonly spanBytesMax: number;
}

/**
 * The records at the places, in their order. Each call opens its own files: the active segment may be closed, and
 * an old one removed, while it runs.
 * Errors: `storage_failed` when a record is no longer what was written.
 */
export async function readPlaces(
  plan: ReadPlan,
  places: readonly RecordPlace[],
): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  let file: DiskFile | undefined;
  let openSegment = -1;
  try {
    for (const span of spansOf(places, plan.spanBytesMax)) {
      const first = span[0];
      const last = span.at(-1);
      assert(first !== undefined && last !== undefined, 'a span holds at least one record');
      if (file === undefined || first.segment !== openSegment) {
        await file?.close();
        file = await plan.disk.open(`${plan.directory}/${segmentName(first.segment)}`, 'read');
        openSegment = first.segment;
      }
      const bytes = await file.read(first.offset, last.offset + last.length - first.offset);
      for (const place of span) records.push(recordAt(bytes, place, { plan, start: first.offset }));
    }
  } finally {
    await file?.close();
  }
  return records;
}

function recordAt(
  bytes: Buffer,
  place: RecordPlace,
  from: { readonly plan: ReadPlan; readonly start: number },
): LogRecord {
  const record = decodeRecord(bytes, place.offset - from.start);
  if (record?.copyId === from.plan.copyId && record.seq === place.seq) return record;
  throw new ToruaError(
    'storage_failed',
    `${segmentName(place.segment)} is damaged at byte ${place.offset}.`,
  );
}

/** Neighbouring records of one segment together, up to `bytesMax` a span. */
export function spansOf(places: readonly RecordPlace[], bytesMax: number): RecordPlace[][] {
  const spans: RecordPlace[][] = [];
  let span: RecordPlace[] = [];
  for (const place of places) {
    const first = span[0];
    const last = span.at(-1);
    const isNear =
      first !== undefined &&
      last !== undefined &&
      place.segment === last.segment &&
      place.offset - (last.offset + last.length) <= SKIP_BYTES_MAX &&
      place.offset + place.length - first.offset <= bytesMax;
    if (!isNear) {
      span = [];
      spans.push(span);
    }
    span.push(place);
  }
  return spans;
}
