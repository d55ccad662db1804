/** W3C trace context: reading `traceparent`, and the header a request of our own carries on. */
import type { Random } from './random.ts';

/** Header of the W3C trace context. */
export const TRACEPARENT_HEADER = 'traceparent';

const TRACEPARENT = /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** The header when it is a valid version-00 `traceparent`, else undefined; a bad one is ignored, as W3C demands. */
export function saneTraceparent(header: unknown): string | undefined {
  return typeof header === 'string' && TRACEPARENT.test(header) ? header : undefined;
}

/** The 32 hex digits that all requests of one trace share. Contract: `traceparent` came from `saneTraceparent`. */
export function traceIdOf(traceparent: string): string {
  return traceparent.slice(3, 35);
}

/** The same trace and flags with a new parent id: what a request made on behalf of this one sends on. */
export function childTraceparent(traceparent: string, random: Random): string {
  return `00-${traceIdOf(traceparent)}-${random.hex(8)}-${traceparent.slice(53, 55)}`;
}
