import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CopyIndex } from './copy-index.ts';

/** The same index, written the slow way. */
class SlowIndex {
  places: { segment: number; seq: number; offset: number; length: number }[] = [];

  consecutive(fromSeq: number, limitBytes: number) {
    const found: typeof this.places = [];
    let bytes = 0;
    for (let seq = fromSeq; ; seq += 1) {
      const place = this.places.find((one) => one.seq === seq);
      if (place === undefined) return found;
      bytes += place.length;
      if (bytes > limitBytes && found.length > 0) return found;
      found.push(place);
    }
  }
}

const step = fc.oneof(
  { weight: 10, arbitrary: fc.record({ push: fc.integer({ min: 1, max: 90 }) }) },
  { weight: 1, arbitrary: fc.constant({ roll: true }) },
  { weight: 1, arbitrary: fc.record({ truncate: fc.integer({ min: 0, max: 5 }) }) },
  { weight: 1, arbitrary: fc.record({ jump: fc.integer({ min: 1, max: 9 }) }) },
  { weight: 1, arbitrary: fc.constant({ drop: true }) },
);

// @req: log.index
test('the index answers as a plain list of records would', () => {
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 120 }),
      fc.nat(100),
      fc.nat(300),
      (steps, from, limit) => {
        const index = new CopyIndex();
        const slow = new SlowIndex();
        let segment = 1;
        let oldest = 1;
        let next = 1;
        let offset = 0;
        for (const one of steps) {
          if ('push' in one) {
            index.push(segment, next, { offset, length: one.push });
            slow.places.push({ segment, seq: next, offset, length: one.push });
            offset += one.push;
            next += 1;
          } else if ('roll' in one) {
            segment += 1;
            offset = 0;
          } else if ('truncate' in one) {
            next = Math.max(1, next - one.truncate);
            index.truncate(next - 1);
            slow.places = slow.places.filter((place) => place.seq < next);
          } else if ('jump' in one) {
            next += one.jump;
          } else if (oldest < segment) {
            index.dropThrough(oldest);
            const dropped = oldest;
            slow.places = slow.places.filter((place) => place.segment > dropped);
            oldest += 1;
          }
        }
        expect(index.firstSeq).toBe(slow.places[0]?.seq);
        expect(index.places(from, limit)).toEqual(slow.consecutive(from, limit));
        const behind = slow.places.filter((place) => place.seq > from);
        expect(index.bytesSince(from)).toBe(behind.reduce((sum, place) => sum + place.length, 0));
        expect(index.needs(segment, from)).toBe(behind.some((place) => place.segment === segment));
      },
    ),
    { numRuns: 500 },
  );
});

test('a cleared index holds nothing', () => {
  const index = new CopyIndex();
  index.push(1, 1, { offset: 0, length: 10 });
  index.clear();
  expect(index.firstSeq).toBeUndefined();
  expect(index.places(1, 100)).toEqual([]);
});
