/** The one place where snake_case of the wire and camelCase of the code meet. */
import type { z } from 'zod';

type CamelName<Name extends string> = Name extends `${infer Head}_${infer Tail}`
  ? `${Head}${Capitalize<CamelName<Tail>>}`
  : Name;

/** A wire type with camelCase names, all the way down. */
export type Camel<T> = T extends readonly (infer Item)[]
  ? readonly Camel<Item>[]
  : T extends object
    ? { readonly [Key in keyof T as Key extends string ? CamelName<Key> : Key]: Camel<T[Key]> }
    : T;

/** What a wire schema describes, as the code names it. */
export type Decoded<Schema extends z.ZodType> = Camel<z.output<Schema>>;

const camelNames = new Map<string, string>();
const snakeNames = new Map<string, string>();

/** Checks a wire value and gives it the code's names. Errors: zod's, for the caller to translate. */
export function decode<Schema extends z.ZodType>(schema: Schema, wire: unknown): Decoded<Schema> {
  return renamed(schema.parse(wire), camelNames, toCamel) as Decoded<Schema>;
}

/** Gives a value the wire's names. Contract: it matches the schema; tests round-trip each one. */
export function encode<Schema extends z.ZodType>(
  _schema: Schema,
  value: Decoded<Schema>,
): z.input<Schema> {
  return renamed(value, snakeNames, toSnake) as z.input<Schema>;
}

function renamed(
  value: unknown,
  names: Map<string, string>,
  rename: (name: string) => string,
): unknown {
  if (Array.isArray(value)) return value.map((item) => renamed(item, names, rename));
  if (typeof value !== 'object' || value === null) return value;
  const result: Record<string, unknown> = {};
  for (const [name, item] of Object.entries(value)) {
    if (item === undefined) continue;
    let other = names.get(name);
    if (other === undefined) {
      other = rename(name);
      names.set(name, other);
    }
    result[other] = renamed(item, names, rename);
  }
  return result;
}

const toCamel = (name: string): string =>
  name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
const toSnake = (name: string): string =>
  name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
