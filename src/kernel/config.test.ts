/** Reading configuration: units, bounds, and one line that names what is wrong. */
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  booleanSetting,
  durationSetting,
  formatDuration,
  integerSetting,
  parseDuration,
  parseSize,
  readEnvironment,
  sizeSetting,
} from './config.ts';
import { ToruaError } from './errors.ts';

// @req: http.json.duration
test.each([
  ['500ms', 500],
  ['2s', 2_000],
  ['1.5s', 1_500],
  ['1m', 60_000],
  ['2h', 7_200_000],
  ['0ms', 0],
])('the duration %s is %i ms', (text, value) => {
  expect(parseDuration(text)).toBe(value);
});

test.each(['', '5', '5 s', '-1s', '1d', 's', '1e3ms', '١s'])('%j is no duration', (text) => {
  expect(parseDuration(text)).toBeUndefined();
});

test.each([0, 1, 999, 1_000, 1_500, 60_000, 90_000, 3_600_000])('%i ms reads back', (value) => {
  expect(parseDuration(formatDuration(value))).toBe(value);
});

test.each([
  ['16MiB', 16 * 2 ** 20],
  ['64KiB', 65_536],
  ['1GB', 1e9],
  ['512', 512],
  ['1.5 KiB', 1_536],
])('the size %s is %i bytes', (text, value) => {
  expect(parseSize(text)).toBe(value);
});

test.each(['', 'MiB', '1mib', '1TiB', '-1'])('%j is no size', (text) => {
  expect(parseSize(text)).toBeUndefined();
});

const schema = z.object({
  TORUA_NAME: z.string().optional(),
  INTERVAL: durationSetting(100, 10_000).prefault('2s'),
  LIMIT: sizeSetting(1, 2 ** 20).prefault('64KiB'),
  COUNT: integerSetting(1, 10).prefault('3'),
  SWITCH: booleanSetting.prefault('true'),
  ID: z.string(),
});

const lineOf = (environment: Record<string, string>): string => {
  try {
    readEnvironment(schema, environment);
  } catch (error) {
    expect(error).toBeInstanceOf(ToruaError);
    expect((error as ToruaError).code).toBe('config_invalid');
    return (error as ToruaError).detail;
  }
  return '';
};

describe('an environment', () => {
  test('gives values with their units, and defaults for what is absent or empty', () => {
    expect(readEnvironment(schema, { ID: 'x', COUNT: '', INTERVAL: '1s', HOME: '/' })).toEqual({
      ID: 'x',
      COUNT: 3,
      INTERVAL: 1_000,
      LIMIT: 65_536,
      SWITCH: true,
    });
  });

  test('cannot be changed after it was read', () => {
    expect(Object.isFrozen(readEnvironment(schema, { ID: 'x' }))).toBe(true);
  });

  // @req: env.bad-value
  test.each<[Record<string, string>, string]>([
    [{ ID: 'x', INTERVAL: '50ms' }, 'INTERVAL is "50ms": must be a duration from 100ms to 10s'],
    [{ ID: 'x', LIMIT: '2MiB' }, 'LIMIT is "2MiB": must be a size from 1 to 1048576 bytes'],
    [{ ID: 'x', COUNT: '11' }, 'COUNT is "11": must be a whole number from 1 to 10'],
    [{ ID: 'x', COUNT: '2.5' }, 'COUNT is "2.5": must be a whole number'],
    [{ ID: 'x', SWITCH: 'yes' }, 'SWITCH is "yes": must be true or false'],
    [{}, 'ID is not set: it is required'],
  ])('%j is refused with a line that names it', (environment, line) => {
    expect(lineOf(environment)).toContain(line);
  });

  // @req: env.unknown-name
  test('with a misspelt TORUA_ name is refused with the near one', () => {
    expect(lineOf({ ID: 'x', TORUA_NAEM: '1' })).toBe(
      'TORUA_NAEM is not a setting of Torua; did you mean TORUA_NAME?',
    );
    expect(lineOf({ ID: 'x', TORUA_SOMETHING_ELSE: '1' })).toBe(
      'TORUA_SOMETHING_ELSE is not a setting of Torua.',
    );
  });

  test('with names of tools, or of others, is read', () => {
    expect(lineOf({ ID: 'x', TORUA_URL: 'u', TORUA_SEED: '1', PATH: '/' })).toBe('');
  });
});
