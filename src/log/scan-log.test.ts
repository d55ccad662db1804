import { expect, test } from 'vitest';
import {
  copyOf,
  LOG_DIRECTORY,
  LOG_ID,
  type LogWorld,
  logWorld,
  recordOf,
} from '../../test/simulation/log-world.ts';
import { crc32 } from '../kernel/crc32.ts';
import { type ScanEvent, scanLog } from './scan-log.ts';
import { encodeSegmentHeader, segmentName } from './segment.ts';

async function scanned(world: LogWorld): Promise<ScanEvent[]> {
  const events: ScanEvent[] = [];
  for await (const event of scanLog(world.disk.boot(), LOG_DIRECTORY)) events.push(event);
  return events;
}

test('a scan shows segments, batches, records, positions and the verdict, and changes nothing', async () => {
  const world = await logWorld({ limits: { segmentBytes: 600 } });
  const log = await world.open();
  await world.fill(log, { from: 1, to: 6 });
  await world.settle(log.close());
  world.disk.file(`${LOG_DIRECTORY}/${segmentName(2)}`).truncate(200);
  const before = world.disk.peek(`${LOG_DIRECTORY}/${segmentName(2)}`);
  const events = await scanned(world);
  expect(world.disk.peek(`${LOG_DIRECTORY}/${segmentName(2)}`)).toEqual(before);
  const records = events.flatMap((event) => (event.kind === 'records' ? event.records : []));
  expect(records[0]).toEqual(recordOf({ seq: 1 }));
  expect(events.filter((event) => event.kind === 'segment')).toMatchObject([
    { number: 1, header: { logId: LOG_ID } },
    { number: 2 },
  ]);
  expect(events.find((event) => event.kind === 'positions')).toMatchObject({
    segment: 1,
    number: 1,
  });
  expect(events.at(-1)).toMatchObject({
    kind: 'verdict',
    verdict: { cut: { segment: 2 }, damage: [] },
    positions: [{ copyId: copyOf(1), seq: records.length }],
  });
});

// @req: log.last-seqs
test('every segment begins with the last seq of each copy, also of those that are silent', async () => {
  const world = await logWorld({ limits: { segmentBytes: 600 } });
  const log = await world.open();
  await world.fill(log, { copy: 2, from: 1, to: 2 });
  await world.fill(log, { copy: 1, from: 1, to: 20 });
  await world.settle(log.close());
  const events = await scanned(world);
  const begun = events.flatMap((event, at) => (event.kind === 'segment' ? [at] : []));
  expect(begun.length).toBeGreaterThan(3);
  let last = 0;
  for (const at of begun.slice(1)) {
    const before = events
      .slice(last, at)
      .flatMap((one) => (one.kind === 'records' ? one.records : []));
    const seen = before.filter(({ copyId }) => copyId === copyOf(1)).at(-1)?.seq;
    const positions = events[at + 1];
    if (positions?.kind !== 'positions') throw new Error(`segment begins with ${positions?.kind}`);
    const seqs = new Map(positions.positions.map((one) => [one.copyId, one.seq]));
    expect(seqs.get(copyOf(2))).toBe(2);
    if (seen !== undefined) expect(seqs.get(copyOf(1))).toBe(seen);
    last = at;
  }
});

test('a scan of nothing ends with a clean verdict', async () => {
  const world = await logWorld();
  expect(await scanned(world)).toEqual([
    {
      kind: 'verdict',
      verdict: { cut: undefined, remove: undefined, damage: [], lostTail: false },
      positions: [],
    },
  ]);
});

test('a scan does without headers when none is valid', async () => {
  const world = await logWorld();
  await world.settle((await world.open()).close());
  world.disk.flipBit(`${LOG_DIRECTORY}/${segmentName(1)}`, 3);
  expect(await scanned(world)).toMatchObject([
    { kind: 'segment', header: undefined },
    { kind: 'verdict', verdict: { remove: 1 } },
  ]);
});

test('segments of another log or of a newer format are refused', async () => {
  const world = await logWorld();
  await world.settle((await world.open()).close());
  const file = world.disk.file(`${LOG_DIRECTORY}/${segmentName(1)}`);
  file.write(0, encodeSegmentHeader(1, 'ffffffffffffffff'));
  await expect(world.open()).rejects.toThrow('directory_foreign');
  const newer = encodeSegmentHeader(1, LOG_ID);
  newer.writeUInt16BE(2, 8);
  file.write(0, sealedHeader(newer));
  await expect(world.open()).rejects.toThrow('directory_too_new');
  await expect(scanned(world)).rejects.toThrow('directory_too_new');
});

function sealedHeader(header: Buffer): Buffer {
  header.writeUInt32BE(crc32(header.subarray(0, 44)), 44);
  return header;
}
