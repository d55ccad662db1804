/** How a memory budget is divided. */
import { expect, test } from 'vitest';
import { divideMemory } from './memory-plan.ts';

const MIB = 2 ** 20;

// @req: env.node-memory, env.value-cache
test.each([
  [256, { pool: 128, memtable: 8, valueCache: 64 }],
  [1_024, { pool: 256, memtable: 32, valueCache: 256 }],
  [64, { pool: 128, memtable: 4, valueCache: 16 }],
])(
  '%i MiB are divided among pools, memtables and values',
  (budget, { pool, memtable, valueCache }) => {
    expect(divideMemory(budget * MIB, true)).toEqual({
      pool: pool * MIB,
      memtable: memtable * MIB,
      valueCache: valueCache * MIB,
    });
    expect(divideMemory(budget * MIB, false).valueCache).toBe(0);
  },
);
