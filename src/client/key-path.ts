/** A key's path: everything after `/data/`, percent-encoded exactly once. Source: REST contract, section 2. */
import { KEY_BYTES_MAX } from '../protocol/rest.ts';
import { localError } from './request-error.ts';

/**
 * `/data/` plus the key. Everything but letters, digits and `-_.!~*'()` is encoded, slashes too, so that no proxy
 * on the way folds `//` or `..`. Errors: `invalid_key` for what no request could carry.
 */
export function keyPath(key: string): string {
  if (key.length === 0)
    throw localError('invalid_key', 'The key is empty; give at least one character.');
  if (key.includes('\0')) throw localError('invalid_key', 'The key holds a NUL character.');
  const bytes = Buffer.byteLength(key, 'utf8');
  if (bytes > KEY_BYTES_MAX) {
    throw localError(
      'invalid_key',
      `The key has ${bytes} bytes of UTF-8; ${KEY_BYTES_MAX} are allowed.`,
    );
  }
  try {
    return `/data/${encodeURIComponent(key)}`;
  } catch (cause) {
    throw localError(
      'invalid_key',
      'The key holds half of a surrogate pair, which UTF-8 cannot write.',
      cause,
    );
  }
}

/** `?name=value&...` of what is given; empty when nothing is. */
export function queryOf(
  parameters: Readonly<Record<string, string | number | boolean | undefined>>,
): string {
  const given = Object.entries(parameters).filter((entry) => entry[1] !== undefined);
  if (given.length === 0) return '';
  return `?${given.map(([name, value]) => `${name}=${encodeURIComponent(String(value))}`).join('&')}`;
}
