/** Operation ids of a coordinator's own: unique among all processes for far longer than they are remembered. */
import type { Random } from '../kernel/random.ts';

const COUNTER_DIGITS = 6;

/** A generator of ids: 10 random hex digits of this process, then a counter that wraps after 16,777,216 ids. */
export function operationIds(random: Random): () => string {
  const prefix = random.hex(5);
  let counter = 0;
  return () => {
    counter = (counter + 1) % 16 ** COUNTER_DIGITS;
    return prefix + counter.toString(16).padStart(COUNTER_DIGITS, '0');
  };
}
