import { describe, expect, test } from 'vitest';
import {
  appliesRowByRow,
  KUZU_STORE_LIMITS,
  maintenanceDue,
  type StoreFacts,
} from './kuzu-store-policy.ts';

const MIB = 2 ** 20;
const facts = (more: Partial<StoreFacts>): StoreFacts => ({
  rows: 0,
  commits: 0,
  walBytes: 0,
  liveBytes: 10 * MIB,
  liveBytesAfterRewrite: 10 * MIB,
  logBytesSinceBase: 0,
  poolUsedBytes: 50 * MIB,
  poolLimitBytes: 256 * MIB,
  ...more,
});
const due = (more: Partial<StoreFacts>) => maintenanceDue(facts(more), KUZU_STORE_LIMITS);

describe('what is due', () => {
  test.each([
    ['a quiet store', {}, 'nothing', false],
    [
      'just below every bound',
      { rows: 19_999, commits: 999, walBytes: 16 * MIB - 1 },
      'nothing',
      false,
    ],
    ['many rows', { rows: 20_000 }, 'checkpoint', false],
    ['many transactions', { commits: 1_000 }, 'checkpoint', false],
    [
      'a long write-ahead log in a large file',
      { walBytes: 16 * MIB, liveBytesAfterRewrite: 100 * MIB },
      'checkpoint',
      false,
    ],
    [
      'a half-full pool with changes',
      { rows: 2_000, poolUsedBytes: 128 * MIB },
      'checkpoint',
      false,
    ],
    [
      'a half-full pool after many commits',
      { commits: 250, poolUsedBytes: 128 * MIB },
      'checkpoint',
      false,
    ],
    [
      'a half-full pool of cached pages',
      { rows: 10, commits: 2, poolUsedBytes: 250 * MIB },
      'nothing',
      false,
    ],
    ['a nearly full pool', { rows: 2_000, poolUsedBytes: 192 * MIB }, 'checkpoint', true],
    ['twice the rows', { rows: 40_000 }, 'checkpoint', true],
    [
      'a checkpoint that would pass the bound of the file',
      { rows: 20_000, liveBytes: 25 * MIB, walBytes: 2 * MIB },
      'rewrite',
      false,
    ],
    ['a file past its bound', { liveBytes: 31 * MIB }, 'rewrite', false],
    [
      'a small file below the bound for all',
      { liveBytes: 11 * MIB, liveBytesAfterRewrite: MIB },
      'nothing',
      false,
    ],
    [
      'a small file past the bound for all',
      { liveBytes: 13 * MIB, liveBytesAfterRewrite: MIB },
      'rewrite',
      false,
    ],
    ['an old base', { logBytesSinceBase: 64 * MIB + 1 }, 'rewrite', false],
    [
      'an old base of a large file',
      { logBytesSinceBase: 65 * MIB, liveBytes: 100 * MIB, liveBytesAfterRewrite: 90 * MIB },
      'nothing',
      false,
    ],
    ['a forced checkpoint', { force: 'checkpoint' }, 'checkpoint', true],
    ['a forced rewrite', { force: 'rewrite' }, 'rewrite', true],
  ] as const)('%s', (_name, more, act, isUrgent) => {
    expect(due(more)).toEqual({ act, isUrgent });
  });
});

test('few changes go row by row, the more so the larger the table', () => {
  expect([1, 8, 12, 100].map((changes) => appliesRowByRow(changes, 10_000))).toEqual([
    true,
    true,
    false,
    false,
  ]);
  expect([1, 200, 300].map((changes) => appliesRowByRow(changes, 1_000_000))).toEqual([
    true,
    true,
    false,
  ]);
});
