/** Ids of requests: the caller's when it is harmless in a header and a log line, else a cheap one of ours. */
import type { Random } from '../kernel/random.ts';

const SANE = /^[\w.:/+=@-]{1,128}$/;

/** A function that gives each request its id: the caller's, or a random prefix of this process with a counter. */
export function createRequestIds(random: Random): (callers: unknown) => string {
  const prefix = random.hex(4);
  let counter = 0;
  return (callers) => {
    if (typeof callers === 'string' && SANE.test(callers)) return callers;
    counter += 1;
    return `${prefix}-${counter.toString(36)}`;
  };
}
