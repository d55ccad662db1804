/** Reading configuration: durations, sizes, one zod object per process, and one clear line when a value is wrong. */
import { z } from 'zod';
import { ToruaError } from './errors.ts';
import { nearest } from './suggest.ts';

const DURATION_UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
};
const SIZE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
};

/** Names that some tool of Torua's reads; every process accepts and ignores them. Source: REST contract, section 8. */
const TOOL_VARIABLES = [
  'TORUA_URL',
  'TORUA_TOKEN',
  'TORUA_HARNESS',
  'TORUA_SEED',
  'TORUA_PORT',
  'TORUA_DATA_SETS',
];

/** Milliseconds of `"500ms"`, `"2s"`, `"1m"`, `"1h"`; undefined when it is none of these. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  if (!match) return undefined;
  return Math.round(Number(match[1]) * (DURATION_UNITS[match[2] ?? ''] ?? Number.NaN));
}

/** `"500ms"`, `"2s"`, `"1m"`, `"1h"`: the largest unit that gives a whole number. */
export function formatDuration(milliseconds: number): string {
  for (const [unit, factor] of [
    ['h', 3_600_000],
    ['m', 60_000],
    ['s', 1_000],
  ] as const) {
    if (milliseconds >= factor && milliseconds % factor === 0)
      return `${milliseconds / factor}${unit}`;
  }
  return `${milliseconds}ms`;
}

/** Bytes of `"16MiB"`, `"64KiB"`, `"1GB"`, `"1048576"`; undefined when it is none of these. */
export function parseSize(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([KMG]i?B|B|)$/.exec(text);
  if (!match) return undefined;
  return Math.floor(Number(match[1]) * (SIZE_UNITS[match[2] ?? ''] ?? Number.NaN));
}

/** A zod type for a duration string between two bounds in milliseconds; the value is a number of milliseconds. */
export function durationSetting(minMs: number, maxMs: number): z.ZodType<number, string> {
  const allowed = `a duration from ${formatDuration(minMs)} to ${formatDuration(maxMs)} such as "500ms", "2s" or "1m"`;
  return z.string().transform((text, context) => {
    const value = parseDuration(text);
    if (value === undefined || value < minMs || value > maxMs) {
      context.addIssue({ code: 'custom', message: `must be ${allowed}` });
      return z.NEVER;
    }
    return value;
  });
}

/** A zod type for a size string between two bounds in bytes; the value is a number of bytes. */
export function sizeSetting(minBytes: number, maxBytes: number): z.ZodType<number, string> {
  return z.string().transform((text, context) => {
    const value = parseSize(text);
    if (value === undefined || value < minBytes || value > maxBytes) {
      context.addIssue({
        code: 'custom',
        message: `must be a size from ${minBytes} to ${maxBytes} bytes such as "64KiB" or "16MiB"`,
      });
      return z.NEVER;
    }
    return value;
  });
}

/** A zod type for a whole number written as text. */
export function integerSetting(min: number, max: number): z.ZodType<number, string> {
  return z.string().transform((text, context) => {
    const value = Number(text);
    if (!/^-?\d+$/.test(text) || value < min || value > max) {
      context.addIssue({ code: 'custom', message: `must be a whole number from ${min} to ${max}` });
      return z.NEVER;
    }
    return value;
  });
}

/** A zod type for `true` or `false`. */
export const booleanSetting: z.ZodType<boolean, string> = z.string().transform((text, context) => {
  if (text === 'true' || text === 'false') return text === 'true';
  context.addIssue({ code: 'custom', message: 'must be true or false' });
  return z.NEVER;
});

/**
 * The environment's variables as one frozen object, read once.
 * Empty values count as absent. Errors: `config_invalid` with one line that names the variable, its value and what
 * is allowed; a misspelt `TORUA_*` name is an error with a suggestion, other unknown names are nobody's business.
 */
export function readEnvironment<Shape extends z.ZodRawShape>(
  schema: z.ZodObject<Shape>,
  environment: Readonly<Record<string, string | undefined>>,
): Readonly<z.output<z.ZodObject<Shape>>> {
  const known = [...Object.keys(schema.shape), ...TOOL_VARIABLES];
  for (const name of Object.keys(environment)) {
    if (!name.startsWith('TORUA_') || known.includes(name)) continue;
    const near = nearest(name, known);
    throw new ToruaError(
      'config_invalid',
      `${name} is not a setting of Torua${near ? `; did you mean ${near}?` : '.'}`,
    );
  }
  const given = Object.fromEntries(
    Object.keys(schema.shape).flatMap((name) =>
      environment[name] ? [[name, environment[name]]] : [],
    ),
  );
  const parsed = schema.safeParse(given);
  if (parsed.success) return Object.freeze(parsed.data);
  const issue = parsed.error.issues[0];
  const name = String(issue?.path[0] ?? 'configuration');
  const value = given[name];
  const shown = value === undefined ? 'is not set' : `is ${JSON.stringify(value)}`;
  const wanted = value === undefined ? 'it is required' : (issue?.message ?? 'it is not valid');
  throw new ToruaError('config_invalid', `${name} ${shown}: ${wanted}`);
}
