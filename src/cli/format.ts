/** Facts as text for people. Pure. */

/** Rows under a header, columns aligned, numbers to the right. Empty rows give the header alone. */
export function table(
  header: readonly string[],
  rows: readonly (readonly (string | number)[])[],
): string {
  const cells = [header, ...rows.map((row) => row.map(String))];
  const widths = header.map((_, column) =>
    Math.max(...cells.map((row) => [...(row[column] ?? '')].length)),
  );
  const numeric = header.map(
    (_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number'),
  );
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => {
        const padding = ' '.repeat(Math.max(0, (widths[column] ?? 0) - [...cell].length));
        return numeric[column] ? padding + cell : cell + padding;
      })
      .join('  ')
      .trimEnd();
  return cells.map(line).join('\n');
}

/** `512 B`, `1.5 KiB`, `16.0 MiB`. */
export function bytesText(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1_024 && unit < units.length - 1) {
    value /= 1_024;
    unit += 1;
  }
  return unit === 0 ? `${value} B` : `${value.toFixed(1)} ${units[unit]}`;
}

/** `12 s`, `3 min 05 s`, `2 h 05 min`, `4 d 03 h`. */
export function secondsText(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const two = (value: number): string => String(value).padStart(2, '0');
  if (whole < 60) return `${whole} s`;
  if (whole < 3_600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  if (whole < 86_400)
    return `${Math.floor(whole / 3_600)} h ${two(Math.floor((whole % 3_600) / 60))} min`;
  return `${Math.floor(whole / 86_400)} d ${two(Math.floor((whole % 86_400) / 3_600))} h`;
}

/** How far a load has come. */
export interface LoadProgress {
  readonly stored: number;
  readonly rejected: number;
  readonly bytesRead: number;
  readonly bytesTotal: number;
  readonly elapsedMs: number;
}

/** `1200 stored, 3 rejected, 45 % of 10.0 MiB, 600 lines/s, 12 s left`. No rate and no rest before the first answer. */
export function progressText(progress: LoadProgress): string {
  const { stored, rejected, bytesRead, bytesTotal, elapsedMs } = progress;
  const percent = bytesTotal === 0 ? 100 : Math.floor((bytesRead / bytesTotal) * 100);
  const parts = [
    `${stored} stored`,
    `${rejected} rejected`,
    `${percent} % of ${bytesText(bytesTotal)}`,
  ];
  if (elapsedMs > 0 && stored + rejected > 0) {
    parts.push(`${Math.round(((stored + rejected) / elapsedMs) * 1_000)} lines/s`);
    if (bytesRead > 0 && bytesRead < bytesTotal) {
      parts.push(
        `${secondsText(((elapsedMs / bytesRead) * (bytesTotal - bytesRead)) / 1_000)} left`,
      );
    }
  }
  return parts.join(', ');
}

/** One event on one line: number, time, type, then its own fields as `name=value`. */
export function eventText(event: Readonly<Record<string, unknown>>): string {
  const { seq, time, type, ...fields } = event;
  const rest = Object.entries(fields).map(
    ([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return [seq, time, type, ...rest].join(' ');
}

/** A setting as the command line writes it: true, false and whole numbers are those, everything else is text. */
export function settingValue(text: string): string | number | boolean {
  if (text === 'true' || text === 'false') return text === 'true';
  return /^-?\d+$/.test(text) ? Number(text) : text;
}
