/**
 * The typed wrapper around statement parameters. Without it wrong shapes are not errors: mixed lists are stored as
 * garbage, a missing parameter keeps the value of the previous call, some shapes kill the process. Measured on 0.11.3.
 */
import { assert } from '../kernel/assert.ts';

/** What may reach the engine: text, whole numbers, truth values, and lists of text that are not empty. */
export type EngineParameter = string | number | boolean | readonly string[];
/** Parameters by name, without the dollar sign. */
export type EngineParameters = Readonly<Record<string, EngineParameter>>;

/** Parameters in the library's form. */
export type BoundParameters = Record<string, string | number | boolean | string[]>;

const LONE_SURROGATE = /\p{Surrogate}/u;
const PARAMETER_NAME = /\$([A-Za-z_]\w*)/g;

/**
 * The parameters in the library's form. `names` are those of the statement, from `parameterNames`.
 * Errors: `invariant_broken` for a name too many or too few and for each value the engine would not store exactly.
 */
export function bindParameters(
  names: readonly string[],
  parameters: EngineParameters,
): BoundParameters {
  const bound: BoundParameters = {};
  for (const name of names) {
    const value = parameters[name];
    assert(value !== undefined, `parameter ${name} is given`);
    bound[name] = exact(name, value);
  }
  assert(
    Object.keys(parameters).length === names.length,
    `only ${names.join(', ')} are parameters of the statement`,
  );
  return bound;
}

/** Names of the parameters in a statement, each once. */
export function parameterNames(text: string): string[] {
  return [...new Set(Array.from(text.matchAll(PARAMETER_NAME), (match) => match[1] ?? ''))];
}

/** Text the engine keeps as it is; a lone surrogate would become U+FFFD, and two keys one. */
export function exactText(name: string, value: unknown): string {
  assert(typeof value === 'string' && !LONE_SURROGATE.test(value), `${name} is well-formed text`);
  return value;
}

/** A number the engine keeps as INT64. */
export function exactInteger(name: string, value: unknown): number {
  assert(Number.isSafeInteger(value), `${name} is a whole number below 2^53`);
  return (value as number) + 0; // -0 becomes 0
}

function exact(name: string, value: EngineParameter): BoundParameters[string] {
  if (typeof value === 'boolean') return value;
  if (typeof value === 'number') return exactInteger(name, value);
  if (typeof value === 'string') return exactText(name, value);
  assert(
    Array.isArray(value) && value.length > 0,
    `${name} is text, a whole number, a truth value or a list of text`,
  );
  return value.map((item) => exactText(name, item));
}
