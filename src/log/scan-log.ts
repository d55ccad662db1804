/** Reads a log without opening it for writing: for `torua inspect` and for tests. Nothing is cut, synced or locked. */
import type { Disk } from '../kernel/disk.ts';
import { BATCH_KIND, decodePositions, type FoundBatch, type Position } from './batch-codec.ts';
import type { LogRecord } from './log-record.ts';
import { decodeRecord, recordLengthAt } from './record-codec.ts';
import { judge, type Verdict } from './recovery.ts';
import { Replay } from './replay.ts';
import {
  checkHeader,
  decodeSegmentHeader,
  type SegmentHeader,
  type SegmentScan,
  scanSegment,
  segmentName,
} from './segment.ts';
import { listSegments, readSegment } from './segment-files.ts';

/** What a scan meets, in the order of the files; the verdict comes last, once. */
export type ScanEvent =
  | {
      readonly kind: 'segment';
      readonly number: number;
      readonly sizeBytes: number;
      /** Undefined when it is not valid. */
      readonly header: SegmentHeader | undefined;
    }
  | (BatchPlace & { readonly kind: 'records'; readonly records: readonly LogRecord[] })
  | (BatchPlace & { readonly kind: 'positions'; readonly positions: readonly Position[] })
  | {
      readonly kind: 'verdict';
      readonly verdict: Verdict;
      /** Where every copy stands after the verdict. */
      readonly positions: readonly Position[];
    };

/** Where a batch lies. */
export interface BatchPlace {
  readonly segment: number;
  readonly number: number;
  readonly offset: number;
  readonly bytes: number;
}

/**
 * Everything valid in the log of a directory, then the verdict that `openLog` would reach.
 * The log's id is taken from the first valid header. Errors: `directory_too_new`, `storage_failed`.
 * Limits: one segment is in memory at a time.
 */
export async function* scanLog(disk: Disk, directory: string): AsyncGenerator<ScanEvent> {
  const numbers = await listSegments(disk, directory);
  const logId = await findLogId(disk, directory, numbers);
  const replay = new Replay();
  const scans: SegmentScan[] = [];
  for (const number of numbers) {
    const bytes = await readSegment(disk, directory, number);
    const header = decodeSegmentHeader(bytes);
    if (header) checkHeader(header, segmentName(number), header.logId);
    yield { kind: 'segment', number, sizeBytes: bytes.length, header };
    const batches: FoundBatch[] = [];
    const place = { number, logId, afterNumber: replay.lastNumber };
    scans.push(
      scanSegment(bytes, place, (batch) => {
        replay.batch(bytes, number, batch);
        batches.push(batch);
      }),
    );
    for (const batch of batches) yield batchEvent(bytes, number, batch);
  }
  const verdict = judge(scans);
  yield { kind: 'verdict', verdict, positions: replay.finish(verdict.lostTail).positions() };
}

async function findLogId(disk: Disk, directory: string, numbers: number[]): Promise<string> {
  for (const number of numbers) {
    const header = decodeSegmentHeader(await readSegment(disk, directory, number));
    if (header) return header.logId;
  }
  return '0'.repeat(16);
}

function batchEvent(bytes: Buffer, segment: number, batch: FoundBatch): ScanEvent {
  const { number, offset, end } = batch;
  const place = { segment, number, offset, bytes: end - offset };
  if (batch.kind === BATCH_KIND.positions) {
    return { ...place, kind: 'positions', positions: decodePositions(bytes, batch).positions };
  }
  const records: LogRecord[] = [];
  let at = batch.payloadStart;
  for (let index = 0; index < batch.count; index += 1) {
    const record = decodeRecord(bytes, at);
    if (record) records.push(record);
    at += recordLengthAt(bytes, at);
  }
  return { ...place, kind: 'records', records };
}
