/** Failures as exit codes. */
import { expect, test } from 'vitest';
import { EXIT_CODES, exitCodesText, exitNameOf } from './exit-codes.ts';

// @req: cli.exit-codes
test('each kind of failure has its exit code, and every code is told by the help', () => {
  const words = [
    'key_not_found',
    'cluster_unreachable',
    'deadline_exceeded',
    'invalid_key',
    'disk_full',
    undefined,
  ];
  expect(words.map(exitNameOf)).toEqual([
    'notFound',
    'unreachable',
    'timedOut',
    'usage',
    'failed',
    'failed',
  ]);
  for (const { code, meaning } of Object.values(EXIT_CODES))
    expect(exitCodesText()).toContain(`${code}  ${meaning}`);
});
