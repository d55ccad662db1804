/** JSON answers: one line for programs, indented when the URL asks with `?pretty`. */

/** The value as JSON. `url` is the raw request target. */
export function jsonText(value: unknown, url: string): string {
  return wantsPretty(url) ? `${JSON.stringify(value, null, 2)}\n` : JSON.stringify(value);
}

/** Whether the query holds `pretty`, and not `pretty=false`. */
export function wantsPretty(url: string): boolean {
  const question = url.indexOf('?');
  if (question < 0 || !url.includes('pretty', question)) return false;
  const value = new URLSearchParams(url.slice(question + 1)).get('pretty');
  return value !== null && value !== 'false';
}
