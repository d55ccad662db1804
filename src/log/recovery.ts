/**
 * Decides what a log's segments mean after a crash: a torn tail to cut, a segment torn while it was begun, or damage.
 * Pure: takes scan results, returns a verdict; `open-log.ts` carries it out.
 *
 * The rule behind it: a batch is written only after the one before it was synced. So only the very last batch may be
 * torn, and anything invalid with something valid behind it was durable once and has been damaged since.
 */
import type { SegmentScan } from './segment.ts';

/** A place where durable bytes no longer are what they were. */
export interface Damage {
  readonly segment: number;
  readonly kind: 'missing_segment' | 'header' | 'hole' | 'lost_tail';
  readonly offset: number;
  readonly bytes: number;
  /** How many batches are known to be missing; 0 when none or when it cannot be known. */
  readonly batchesMissing: number;
}

/** The tail of the last segment that a crash left unfinished. Never acknowledged. */
export interface TornTail {
  readonly segment: number;
  /** The segment's new length. */
  readonly offset: number;
  readonly bytes: number;
}

/** What recovery has to do. With damage nothing is cut or removed, so that the evidence stays. */
export interface Verdict {
  readonly cut: TornTail | undefined;
  /** A last segment that a crash tore while it was begun: it holds nothing. */
  readonly remove: number | undefined;
  readonly damage: readonly Damage[];
  /** Records were lost at the end, and nothing behind them says of which copies: every copy is in doubt. */
  readonly lostTail: boolean;
}

/** The verdict over all segments, in ascending order of their numbers. */
export function judge(scans: readonly SegmentScan[]): Verdict {
  const last = scans.at(-1);
  if (last === undefined) {
    return { cut: undefined, remove: undefined, damage: [], lostTail: false };
  }
  const torn = isTornBeginning(scans, last) ? last : undefined;
  const kept = torn ? scans.slice(0, -1) : scans;
  const damage = kept.flatMap((scan, index) => damageOf(scan, kept[index - 1]));
  const end = kept.at(-1);
  const missingAtEnd = torn ? missingBetween(torn, end) : [];
  damage.push(...missingAtEnd);
  const tailBytes = end ? end.sizeBytes - end.validEnd : 0;
  const endLost = end !== undefined && isEndLost(end, torn !== undefined);
  if (end && endLost) damage.push(lostTailOf(end, tailBytes));
  const isClean = damage.length === 0;
  return {
    cut:
      end && isClean && tailBytes > 0
        ? { segment: end.number, offset: end.validEnd, bytes: tailBytes }
        : undefined,
    remove: isClean ? torn?.number : undefined,
    damage,
    lostTail: endLost || missingAtEnd.length > 0,
  };
}

/** Whether durable records are missing at the very end: a begun segment proves that all before it was synced. */
function isEndLost(end: SegmentScan, isNextBegun: boolean): boolean {
  return end.lastNumber === undefined || (isNextBegun && end.validEnd < end.sizeBytes);
}

/**
 * A new segment is begun by one write, behind which nothing goes before it is durable; so a last segment without a
 * valid batch was torn there. Alone it can only be the first: older ones are dropped after a newer one is complete.
 */
function isTornBeginning(scans: readonly SegmentScan[], last: SegmentScan): boolean {
  return last.lastNumber === undefined && (scans.length > 1 || last.number === 1);
}

function damageOf(scan: SegmentScan, before: SegmentScan | undefined): Damage[] {
  const found = missingBetween(scan, before);
  if (!scan.headerValid) {
    found.push({ segment: scan.number, kind: 'header', offset: 0, bytes: 0, batchesMissing: 0 });
  }
  const gap = batchGap(scan, before);
  if (before && (gap > 0 || before.validEnd < before.sizeBytes)) {
    found.push({
      segment: before.number,
      kind: 'hole',
      offset: before.validEnd,
      bytes: before.sizeBytes - before.validEnd,
      batchesMissing: gap,
    });
  }
  for (const hole of scan.holes) found.push({ segment: scan.number, kind: 'hole', ...hole });
  return found;
}

function missingBetween(scan: SegmentScan, before: SegmentScan | undefined): Damage[] {
  const found: Damage[] = [];
  for (let number = (before?.number ?? scan.number - 1) + 1; number < scan.number; number += 1) {
    found.push({
      segment: number,
      kind: 'missing_segment',
      offset: 0,
      bytes: 0,
      batchesMissing: 0,
    });
  }
  return found;
}

function batchGap(scan: SegmentScan, before: SegmentScan | undefined): number {
  if (before?.lastNumber === undefined || scan.firstNumber === undefined) return 0;
  return scan.firstNumber - before.lastNumber - 1;
}

function lostTailOf(scan: SegmentScan, bytes: number): Damage {
  return {
    segment: scan.number,
    kind: 'lost_tail',
    offset: scan.validEnd,
    bytes,
    batchesMissing: 0,
  };
}
