import { expect, test } from 'vitest';
import { childTraceparent, saneTraceparent, traceIdOf } from './trace.ts';

const GOOD = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

test('a valid traceparent is kept, and its trace id is the middle of it', () => {
  expect(saneTraceparent(GOOD)).toBe(GOOD);
  expect(traceIdOf(GOOD)).toBe('0af7651916cd43dd8448eb211c80319c');
});

test.each([
  undefined,
  '',
  'x',
  ['a'],
  GOOD.toUpperCase(),
  `${GOOD}0`,
  GOOD.replace('00-', 'ff-'),
  `00-${'0'.repeat(32)}-b7ad6b7169203331-01`,
  `00-0af7651916cd43dd8448eb211c80319c-${'0'.repeat(16)}-01`,
])('%j is no traceparent and is ignored', (header) => {
  expect(saneTraceparent(header)).toBeUndefined();
});

test('a child keeps the trace and its flags, and has a parent id of its own', () => {
  const child = childTraceparent(GOOD, { float: () => 0, hex: () => 'feedfacecafebeef' });
  expect(child).toBe('00-0af7651916cd43dd8448eb211c80319c-feedfacecafebeef-01');
});
