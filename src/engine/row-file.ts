/** Rows as a JSON file that the engine loads: exact for all text, and forty times cheaper than parameters. */
import { open } from 'node:fs/promises';
import type { Clock } from '../kernel/clock.ts';
import { exactInteger, exactText } from './parameters.ts';
import type { Columns } from './statement-text.ts';

/** A row with exactly the columns it is written with. */
export type FileRow = Readonly<Record<string, string | number>>;

/** Text built before it is written and others get their turn; keeps one slice below a few milliseconds. */
const SLICE_CHARACTERS = 256 * 1024;

/**
 * Writes the rows; replaces the file. Not synced: it is loaded and deleted.
 * Errors: `invariant_broken` for a row the engine would not store exactly, `disk_full`.
 */
export async function writeRowFile(
  path: string,
  options: { columns: Columns; rows: Iterable<FileRow>; clock: Clock },
): Promise<void> {
  const columns = Object.entries(options.columns);
  const file = await open(path, 'w');
  try {
    let slice = '[';
    let separator = '';
    for (const row of options.rows) {
      slice += separator;
      separator = ',\n';
      slice += rowText(row, columns);
      if (slice.length < SLICE_CHARACTERS) continue;
      await file.writeFile(slice);
      slice = '';
    }
    await file.writeFile(`${slice}]`);
  } finally {
    await file.close();
  }
}

function rowText(row: FileRow, columns: readonly (readonly [string, string])[]): string {
  let text = '{';
  for (const [name, type] of columns) {
    const value = row[name];
    const exact =
      type === 'STRING'
        ? JSON.stringify(exactText(name, value))
        : String(exactInteger(name, value));
    text += `${text.length > 1 ? ',' : ''}"${name}":${exact}`;
  }
  return `${text}}`;
}
