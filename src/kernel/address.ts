/** Addresses of processes as people write them, brought into the one form that the wire uses. */

/**
 * The base URL `http://host:port` of what may be written as a URL, as `host:port` or, for this machine, as `:port`.
 * Undefined for anything else: other schemes, paths, queries, a port that is none.
 */
export function baseUrlOf(address: string): string | undefined {
  const text = address.includes('://') ? address : `http://${hostOf(address)}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isWeb = url?.protocol === 'http:' || url?.protocol === 'https:';
  if (url === undefined || !isWeb || url.pathname !== '/') return undefined;
  return url.search === '' && url.hash === '' && url.username === '' ? url.origin : undefined;
}

function hostOf(address: string): string {
  return address.startsWith(':') ? `127.0.0.1${address}` : address;
}
