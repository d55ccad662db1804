/** Background work of a node over a real copy on the simulated disk. */
import { expect, test } from 'vitest';
import { NodeWorld } from '../../test/rooms/node-world.ts';
import { type CopyId, seq } from '../kernel/ids.ts';
import { silentLogger } from '../kernel/logger.ts';
import { Housekeeping } from './housekeeping.ts';

// @req: log.retention
test('when the log is too long the copy that holds it back makes a new base', async () => {
  const world = new NodeWorld();
  const node = await world.serving();
  await world.execute(node, { verb: 'put', key: 'a', value: Buffer.from('v') }, 0);
  const pinning = node.copies.assignments[0]?.copyId as CopyId;
  const before = node.log.bytesSince(pinning, seq(0));
  expect(before).toBeGreaterThan(0);
  const retained: number[] = [];
  const keep = node.log.retain.bind(node.log);
  node.log.retain = (copyId, baseSeq) => {
    if (copyId === pinning) retained.push(baseSeq);
    keep(copyId, baseSeq);
  };
  const { clock, random } = node.world;
  const housekeeping = new Housekeeping({
    clock,
    random,
    logger: silentLogger,
    log: { overRetained: () => true, pinning: () => pinning },
    copies: node.copies,
    mayWrite: () => true,
  });
  await world.clock.settle(housekeeping.round());
  const last = node.log.position(pinning)?.lastSeq ?? 0;
  expect(last).toBeGreaterThan(1);
  expect(retained.at(-1)).toBe(last);
});
