/** A value inside a JSON document by a path such as `nodes[0].id`. Pure. */

/** The value, or undefined when the path leads nowhere. An empty path is the document itself. */
export function valueAt(document: unknown, path: string): unknown {
  const names = path.split(/[.[\]]+/).filter((name) => name !== '');
  let value = document;
  for (const name of names) {
    if (typeof value !== 'object' || value === null) return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

/** A value as a step writes it: text as it is, everything else as JSON. */
export function asText(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing');
}
