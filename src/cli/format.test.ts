/** Facts as text. */
import { expect, test } from 'vitest';
import { partOf } from './commands/config.ts';
import { bytesText, eventText, progressText, secondsText, settingValue, table } from './format.ts';

test('columns are aligned, numbers to the right', () => {
  expect(
    table(
      ['ID', 'KEYS'],
      [
        ['node-1', 7],
        ['ü', 120],
      ],
    ),
  ).toBe('ID      KEYS\nnode-1     7\nü        120');
  expect(table(['ID', 'KEYS'], [])).toBe('ID  KEYS');
});

test('amounts are told in units that people read', () => {
  expect([0, 1_023, 1_536, 16 * 2 ** 20, 3 * 2 ** 40].map(bytesText)).toEqual([
    '0 B',
    '1023 B',
    '1.5 KiB',
    '16.0 MiB',
    '3.0 TiB',
  ]);
  expect([0, 59.4, 185, 7_500, 356_400].map(secondsText)).toEqual([
    '0 s',
    '59 s',
    '3 min 05 s',
    '2 h 05 min',
    '4 d 03 h',
  ]);
});

test('progress has a rate and a rest only when there is something to judge by', () => {
  const progress = { stored: 0, rejected: 0, bytesRead: 0, bytesTotal: 2_048, elapsedMs: 100 };
  expect(progressText(progress)).toBe('0 stored, 0 rejected, 0 % of 2.0 KiB');
  expect(
    progressText({ ...progress, stored: 90, rejected: 10, bytesRead: 512, elapsedMs: 1_000 }),
  ).toBe('90 stored, 10 rejected, 25 % of 2.0 KiB, 100 lines/s, 3 s left');
  expect(progressText({ ...progress, stored: 9, bytesRead: 2_048, elapsedMs: 900 })).toBe(
    '9 stored, 0 rejected, 100 % of 2.0 KiB, 10 lines/s',
  );
});

test('an event is one line, and settings are read as they are meant', () => {
  expect(
    eventText({ seq: 7, time: 't', type: 'node_joined', node_id: 'n1', shard_ids: [1, 2] }),
  ).toBe('7 t node_joined node_id=n1 shard_ids=[1,2]');
  expect(['true', 'false', '12', '500ms', ''].map(settingValue)).toEqual([
    true,
    false,
    12,
    '500ms',
    '',
  ]);
  expect(partOf(['read_only=true', 'dead_after=1m', 'a=b=c'])).toEqual({
    read_only: true,
    dead_after: '1m',
    a: 'b=c',
  });
  expect(() => partOf(['read_only'])).toThrow('write name=value');
});
