/** Load as a rate over the last five seconds, per shard. */
import { expect, test } from 'vitest';
import { SimClock } from '../../test/simulation/sim-clock.ts';
import { shardUid } from '../kernel/ids.ts';
import { LoadMeter } from './load-meter.ts';

const [a, b] = [shardUid('00000000000000a1'), shardUid('00000000000000b2')];

test('operations count for five seconds, and a silent shard is not remembered', async () => {
  const clock = new SimClock();
  const meter = new LoadMeter(clock);
  for (let count = 0; count < 10; count += 1) meter.record({ shardUid: a });
  await clock.run({ forMs: 2_000 });
  for (let count = 0; count < 5; count += 1) meter.record({ shardUid: b });
  expect(meter.summary()).toEqual({
    requestsPerSecond: 3,
    shards: [
      { shardUid: a, requestsPerSecond: 2 },
      { shardUid: b, requestsPerSecond: 1 },
    ],
  });
  await clock.run({ forMs: 3_000 });
  expect(meter.summary()).toEqual({
    requestsPerSecond: 1,
    shards: [{ shardUid: b, requestsPerSecond: 1 }],
  });
  await clock.run({ forMs: 60_000 });
  expect(meter.summary()).toEqual({ requestsPerSecond: 0, shards: [] });
});
