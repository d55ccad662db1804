/** Tables as aligned text or JSON, with columns chosen and rows sorted by the query. Pure; what is in them is others'. */
import { z } from 'zod';
import { ToruaError } from '../kernel/errors.ts';
import { nearest } from '../kernel/suggest.ts';
import { flagSchema } from '../protocol/rest.ts';

/** Query of every table. */
export const tableQuerySchema = z.strictObject({
  v: flagSchema.optional().describe('Shows a line of headings.'),
  h: z.string().optional().describe('Columns, with commas.'),
  s: z.string().optional().describe('Columns to sort by, with commas; name:desc turns it round.'),
  format: z.enum(['text', 'json']).optional(),
});

/** One line: column → cell. */
export type Row = Readonly<Record<string, string>>;

/** One table: its columns in order, and its rows. */
export interface Table {
  readonly columns: readonly string[];
  readonly rows: readonly Row[];
}

/** The table with only the wanted columns, in the wanted order. Errors: `invalid_request` for an unknown column. */
export function chosen(table: Table, columns: string | undefined, sort: string | undefined): Table {
  const order = (sort ?? '')
    .split(',')
    .filter(Boolean)
    .map((part) => sortKey(table, part));
  const rows = [...table.rows].sort((left, right) => {
    for (const { name, sign } of order) {
      const difference = compareCells(left[name] ?? '', right[name] ?? '');
      if (difference !== 0) return difference * sign;
    }
    return 0;
  });
  const shown = columns?.split(',').map((name) => knownColumn(table, name));
  return { columns: shown ?? table.columns, rows };
}

function sortKey(table: Table, part: string): { name: string; sign: number } {
  const [name = '', direction = 'asc'] = part.split(':');
  if (direction !== 'asc' && direction !== 'desc') {
    const detail = `${JSON.stringify(part)} sorts neither by name:asc nor by name:desc.`;
    throw new ToruaError('invalid_request', detail);
  }
  return { name: knownColumn(table, name), sign: direction === 'desc' ? -1 : 1 };
}

function knownColumn({ columns }: Table, name: string): string {
  if (columns.includes(name)) return name;
  const near = nearest(name, columns);
  const hint = near ? ` did you mean ${near}?` : '';
  throw new ToruaError(
    'invalid_request',
    `There is no column ${JSON.stringify(name)};${hint} The columns are ${columns.join(', ')}.`,
  );
}

/** The rows with the table's columns only, as JSON shows them. */
export function shownRows({ columns, rows }: Table): Record<string, string>[] {
  return rows.map((row) => Object.fromEntries(columns.map((name) => [name, row[name] ?? ''])));
}

/** Text with columns of one width each, two spaces apart. */
export function aligned(table: Table, withHeadings: boolean): string {
  const lines = [
    ...(withHeadings ? [table.columns] : []),
    ...table.rows.map((row) => table.columns.map((column) => row[column] ?? '')),
  ];
  const widths = table.columns.map((_, place) =>
    Math.max(0, ...lines.map((line) => line[place]?.length ?? 0)),
  );
  return lines
    .map(
      (line) =>
        `${line
          .map((cell, place) => cell.padEnd(widths[place] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

function compareCells(left: string, right: string): number {
  const [a, b] = [Number(left), Number(right)];
  if (left !== '' && right !== '' && Number.isFinite(a) && Number.isFinite(b)) return a - b;
  return left < right ? -1 : left > right ? 1 : 0;
}
