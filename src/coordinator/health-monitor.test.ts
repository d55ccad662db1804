/** Health checks: every node once per interval, a hanging one included, and nobody waits for another. */
import { expect, test } from 'vitest';
import { TestLeader } from '../../test/contract/cluster-fixture.ts';
import { json, ScriptedWire } from '../../test/rooms/scripted-wire.ts';
import { SimClock } from '../../test/simulation/sim-clock.ts';
import { ToruaError } from '../kernel/errors.ts';
import { HealthMonitor } from './health-monitor.ts';

function monitored() {
  const clock = new SimClock();
  const wire = new ScriptedWire();
  const leader = new TestLeader(2);
  leader.formOf('n1', 'n2');
  const seen: string[] = [];
  const monitor = new HealthMonitor({
    clock,
    wire,
    state: () => leader.state,
    onRound: () => {},
    onProbe: async (node, answered) => {
      seen.push(`${clock.monotonicMs()} ${node.id} ${answered ? 'yes' : 'no'}`);
    },
  });
  wire.peers.set('http://n1:1', () => json({ status: 'alive' }));
  return { clock, wire, monitor, seen };
}

// @req: coord.health.livez, coord.health.hang
test('a node that hangs fails each check after one interval, while the others answer at once', async () => {
  const { clock, wire, monitor, seen } = monitored();
  wire.peers.set('http://n2:1', (_request, deadline) => {
    return new Promise((_resolve, reject) => {
      const late = (): void => reject(new ToruaError('deadline_exceeded', 'late'));
      clock.after(deadline.remainingMs(), late);
    });
  });
  const running = monitor.run();
  await clock.run({ forMs: 3_100 });
  monitor.stop();
  await clock.run({ forMs: 2_000 });
  await running;
  expect(seen.slice(0, 7)).toEqual([
    '0 n1 yes',
    '1000 n2 no',
    '1000 n1 yes',
    '2000 n2 no',
    '2000 n1 yes',
    '3000 n2 no',
    '3000 n1 yes',
  ]);
  expect(wire.sent.every(({ method, path }) => method === 'GET' && path === '/livez')).toBe(true);
});

test('an answer that is no 200, or none at all, is a failed check and no failure of the leader', async () => {
  const { clock, wire, monitor, seen } = monitored();
  wire.peers.set('http://n1:1', () => ({ status: 503, body: Buffer.alloc(0) }));
  const running = monitor.run();
  await clock.run({ forMs: 500 });
  monitor.stop();
  await running;
  expect(seen.sort()).toEqual(['0 n1 no', '0 n2 no']);
});
