/** A seeded generator (mulberry32): the same seed gives the same numbers for ever. */
import type { Random } from '../../src/kernel/random.ts';

/** A seeded `Random` with a few helpers that simulations want. */
export interface SimRandom extends Random {
  /** A whole number from 0 to `below` - 1. */
  integer(below: number): number;
  /** True with this probability. */
  chance(probability: number): boolean;
  /** One of the items; there must be at least one. */
  pick<T>(items: readonly T[]): T;
}

/** A generator for this seed. */
export function simRandom(seed: number): SimRandom {
  let state = seed >>> 0;
  const float = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const integer = (below: number): number => Math.floor(float() * below);
  return {
    float,
    integer,
    hex: (bytes) =>
      Array.from({ length: bytes }, () => integer(256).toString(16).padStart(2, '0')).join(''),
    chance: (probability) => float() < probability,
    pick: (items) => {
      const item = items[integer(items.length)];
      if (item === undefined) throw new Error('pick from nothing');
      return item;
    },
  };
}
