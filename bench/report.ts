/** Writes what was measured into docs/benchmarks.md, between its markers, and as JSON into reports/. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';

/** One line of a table: what, what is wanted, what was measured. `met` undefined: nothing is wanted. */
export interface Row {
  readonly what: string;
  readonly wanted: string;
  readonly measured: string;
  readonly met?: boolean | undefined;
}

/** A table under its heading's marker. */
export interface Section {
  readonly marker: 'mission' | 'targets' | 'conditions' | 'all';
  readonly rows: readonly Row[];
}

const DOCUMENT = new URL('../docs/benchmarks.md', import.meta.url);

/** Replaces the marked parts of the document. */
export function writeReport(machine: string, sections: readonly Section[], raw: object): void {
  let text = readFileSync(DOCUMENT, 'utf8');
  for (const { marker, rows } of sections) text = replaced(text, marker, table(rows));
  text = replaced(text, 'machine', machine);
  writeFileSync(DOCUMENT, text);
  mkdirSync(new URL('../reports/', import.meta.url), { recursive: true });
  writeFileSync(
    new URL('../reports/bench.json', import.meta.url),
    `${JSON.stringify({ machine, sections, raw }, null, 2)}\n`,
  );
}

/** A table for the terminal and for Markdown at once. */
export function table(rows: readonly Row[]): string {
  const lines = rows.map(
    ({ what, wanted, measured, met }) =>
      `| ${what} | ${wanted} | ${measured}${met === undefined ? '' : met ? ' ✓' : ' ✗'} |`,
  );
  return ['| | wanted | measured |', '|---|---|---|', ...lines].join('\n');
}

function replaced(text: string, marker: string, content: string): string {
  const begin = `<!-- measured:${marker} -->`;
  const end = `<!-- /measured:${marker} -->`;
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < 0) throw new Error(`docs/benchmarks.md has no marker ${marker}`);
  return `${text.slice(0, from + begin.length)}\n${content}\n${text.slice(to)}`;
}
