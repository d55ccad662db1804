/** Operation ids: 16 hex digits, none twice, and another process's are others. */
import { expect, test } from 'vitest';
import { simRandom } from '../../test/simulation/sim-random.ts';
import { operationIds } from './operation-ids.ts';

// @req: http.idempotency.made
test('ids are unlike each other, within a process and between two', () => {
  const random = simRandom(1);
  const [first, second] = [operationIds(random), operationIds(random)];
  const ids = Array.from({ length: 1_000 }, () => [first(), second()]).flat();
  expect(new Set(ids).size).toBe(2_000);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{16}$/);
});
