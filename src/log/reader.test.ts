import { expect, test } from 'vitest';
import { spansOf } from './reader.ts';

const place = (segment: number, offset: number, length = 100) => ({
  segment,
  seq: offset,
  offset,
  length,
});
const offsets = (places: Parameters<typeof spansOf>[0], bytesMax = 1_000_000) =>
  spansOf(places, bytesMax).map((span) => span.map((one) => one.offset));

test('near records of one segment are read together', () => {
  expect(offsets([place(1, 0), place(1, 100), place(1, 5_000)])).toEqual([[0, 100, 5_000]]);
});

test('a new segment, a wide gap and the size of a span each begin a new read', () => {
  expect(offsets([place(1, 0), place(2, 100)])).toEqual([[0], [100]]);
  expect(offsets([place(1, 0), place(1, 200_000)])).toEqual([[0], [200_000]]);
  expect(offsets([place(1, 0), place(1, 100), place(1, 200)], 200)).toEqual([[0, 100], [200]]);
  expect(offsets([place(1, 0, 5_000)], 200)).toEqual([[0]]);
});
