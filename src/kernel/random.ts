/** Randomness as a dependency: the only importer of the process's generators, so that a simulation can replay a seed. */
import { randomBytes } from 'node:crypto';

/** A source of random numbers. */
export interface Random {
  /** A number in [0, 1). */
  float(): number;
  /** `bytes` random bytes as lower-case hex digits. */
  hex(bytes: number): string;
}

/** The machine's generator: `hex` is unpredictable, `float` is only meant for jitter. */
export const systemRandom: Random = {
  float: () => Math.random(),
  hex: (bytes) => randomBytes(bytes).toString('hex'),
};
