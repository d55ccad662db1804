import { describe, expect, test } from 'vitest';
import { judge } from './recovery.ts';
import type { SegmentScan } from './segment.ts';

/** A healthy segment of five batches of 100 bytes each, changed as the test says. */
function scan(number: number, change: Partial<SegmentScan> = {}): SegmentScan {
  const firstNumber = (number - 1) * 5 + 1;
  return {
    number,
    sizeBytes: 548,
    headerValid: true,
    firstNumber,
    lastNumber: firstNumber + 4,
    firstOffset: 48,
    lastOffset: 448,
    validEnd: 548,
    holes: [],
    ...change,
  };
}

const EMPTY: Partial<SegmentScan> = {
  sizeBytes: 30,
  headerValid: false,
  firstNumber: undefined,
  lastNumber: undefined,
  firstOffset: 0,
  lastOffset: 0,
  validEnd: 0,
};
const TORN: Partial<SegmentScan> = { lastNumber: 9, lastOffset: 348, validEnd: 448 };
const hole = (segment: number, offset: number, bytes: number, batchesMissing: number) => ({
  segment,
  kind: 'hole',
  offset,
  bytes,
  batchesMissing,
});

// @req: log.torn-tail
describe('a verdict without damage', () => {
  const cases = [
    { what: 'nothing there', scans: [], cut: undefined, remove: undefined },
    { what: 'all valid', scans: [scan(1), scan(2)], cut: undefined, remove: undefined },
    { what: 'older ones dropped', scans: [scan(7), scan(8)], cut: undefined, remove: undefined },
    {
      what: 'the last batch torn',
      scans: [scan(1), scan(2, TORN)],
      cut: { segment: 2, offset: 448, bytes: 100 },
      remove: undefined,
    },
    { what: 'the first segment torn', scans: [scan(1, EMPTY)], cut: undefined, remove: 1 },
    {
      what: 'the last segment torn at its beginning',
      scans: [scan(1), scan(2, EMPTY)],
      cut: undefined,
      remove: 2,
    },
  ];
  test.each(cases)('$what', ({ scans, cut, remove }) => {
    expect(judge(scans)).toEqual({ cut, remove, damage: [], lostTail: false });
  });
});

// @req: log.damage
describe('a verdict of damage cuts and removes nothing', () => {
  const header = { segment: 2, kind: 'header', offset: 0, bytes: 0, batchesMissing: 0 };
  const cases = [
    {
      what: 'a hole inside a segment',
      scans: [scan(1, { holes: [{ offset: 148, bytes: 100, batchesMissing: 1 }] })],
      damage: [hole(1, 148, 100, 1)],
      lostTail: false,
    },
    {
      what: 'the tail of a segment that is not the last',
      scans: [scan(1, { lastNumber: 4, lastOffset: 348, validEnd: 448 }), scan(2)],
      damage: [hole(1, 448, 100, 1)],
      lostTail: false,
    },
    {
      what: 'stray bytes without a missing batch',
      scans: [scan(1, { sizeBytes: 600 }), scan(2)],
      damage: [hole(1, 548, 52, 0)],
      lostTail: false,
    },
    {
      what: 'a segment that is gone',
      scans: [scan(1), scan(3)],
      damage: [
        { segment: 2, kind: 'missing_segment', offset: 0, bytes: 0, batchesMissing: 0 },
        hole(1, 548, 0, 5),
      ],
      lostTail: false,
    },
    {
      what: 'a header that is not valid although batches are',
      scans: [scan(1), scan(2, { headerValid: false })],
      damage: [header],
      lostTail: false,
    },
    {
      what: 'a torn tail before a segment that was begun',
      scans: [scan(1), scan(2, TORN), scan(3, EMPTY)],
      damage: [{ segment: 2, kind: 'lost_tail', offset: 448, bytes: 100, batchesMissing: 0 }],
      lostTail: true,
    },
    {
      what: 'a segment that is gone before one that was begun',
      scans: [scan(1), scan(3, EMPTY)],
      damage: [{ segment: 2, kind: 'missing_segment', offset: 0, bytes: 0, batchesMissing: 0 }],
      lostTail: true,
    },
    {
      what: 'two last segments without a batch',
      scans: [scan(1), scan(2, EMPTY), scan(3, EMPTY)],
      damage: [header, { segment: 2, kind: 'lost_tail', offset: 0, bytes: 30, batchesMissing: 0 }],
      lostTail: true,
    },
    {
      what: 'the only segment, not the first one, without a batch',
      scans: [scan(2, EMPTY)],
      damage: [header, { segment: 2, kind: 'lost_tail', offset: 0, bytes: 30, batchesMissing: 0 }],
      lostTail: true,
    },
  ];
  test.each(cases)('$what', ({ scans, damage, lostTail }) => {
    expect(judge(scans)).toEqual({ cut: undefined, remove: undefined, damage, lostTail });
  });
});
