/** Pieces of statement text that cannot be parameters: file paths and typed column lists. */
import { assert } from '../kernel/assert.ts';
import { ToruaError } from '../kernel/errors.ts';

/** Types of columns that row files carry. */
export type ColumnType = 'STRING' | 'INT64';
/** Columns in order. Names are ours, plain identifiers. */
export type Columns = Readonly<Record<string, ColumnType>>;

/**
 * A path as a string literal.
 * Errors: `config_invalid` for characters the engine takes as a pattern and offers no way to escape.
 */
export function quotedPath(path: string): string {
  if (/[*?[\]{}]/.test(path)) {
    throw new ToruaError(
      'config_invalid',
      `The path ${path} has one of * ? [ ] { }, which the engine reads as a pattern. Use another DATA_DIR.`,
    );
  }
  return `'${path.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;
}

/** `LOAD WITH HEADERS (...) FROM '...'`. Types are always stated: inferred ones depend on the first row. */
export function loadClause(path: string, columns: Columns): string {
  return `LOAD WITH HEADERS (${columnList(columns)}) FROM ${quotedPath(path)}`;
}

/** `name TYPE, name TYPE`. */
export function columnList(columns: Columns): string {
  const entries = Object.entries(columns);
  assert(
    entries.every(([name]) => /^[a-z_]+$/.test(name)),
    'column names are plain identifiers',
  );
  return entries.map(([name, type]) => `${name} ${type}`).join(', ');
}
