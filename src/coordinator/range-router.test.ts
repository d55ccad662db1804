/** Listings over all shards: merged by UTF-8 bytes, paged without gaps, honest about what is missing. */
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { CoordinatorWorld } from '../../test/rooms/coordinator-world.ts';
import { DataNode } from '../../test/rooms/data-node.ts';
import { problem } from '../../test/rooms/scripted-wire.ts';
import { deadlineIn } from '../kernel/deadline.ts';
import { ToruaError } from '../kernel/errors.ts';
import { compareUtf8 } from '../kernel/utf8-order.ts';
import { INTERNAL_PATHS } from '../protocol/messages.ts';
import type { CoordinatorRuntime } from './coordinator-runtime.ts';
import { identityOf } from './operation-identity.ts';
import { mergePages, type RangeRequest } from './range-router.ts';

const row = (key: string) => ({ key, etag: 'e', bytes: 1, contentType: 't' });
const keysOf = (rows: readonly { key: string }[]): string[] => rows.map(({ key }) => key);

describe('pages of shards', () => {
  // @req: kv.list.order
  test('merge in the order of bytes', () => {
    const merged = mergePages([{ rows: ['a', 'c'].map(row) }, { rows: ['b', 'd'].map(row) }], 10);
    expect(keysOf(merged.rows)).toEqual(['a', 'b', 'c', 'd']);
    expect(merged.next).toBeUndefined();
  });

  test('show nothing behind the place where a shard stopped', () => {
    const pages = [{ rows: ['a', 'b'].map(row), next: 'b' }, { rows: ['a2', 'c'].map(row) }];
    const merged = mergePages(pages, 10);
    expect(keysOf(merged.rows)).toEqual(['a', 'a2', 'b']);
    expect(merged.next).toBe('b');
  });

  test('go on behind the last key that is shown', () => {
    const merged = mergePages([{ rows: ['a', 'c'].map(row) }, { rows: ['b'].map(row) }], 2);
    expect(keysOf(merged.rows)).toEqual(['a', 'b']);
    expect(merged.next).toBe('b');
  });

  test('may be empty and still not be the end', () => {
    expect(mergePages([{ rows: [], next: 'k' }], 5)).toEqual({ rows: [], next: 'k' });
  });
});

describe('a listing', () => {
  let world: CoordinatorWorld;
  let runtime: CoordinatorRuntime;
  let nodes: DataNode[];

  beforeEach(async () => {
    world = new CoordinatorWorld();
    runtime = await world.open({ minNodes: 2 });
    nodes = ['n1', 'n2'].map((id) => new DataNode(world, world.node(id)));
    for (const { node } of nodes) await world.join(runtime, node);
    await world.clock.run({ forMs: 300 });
  });

  const fill = (keys: readonly string[]): void => {
    for (const key of keys) for (const { values } of nodes) values.set(key, Buffer.from('v'));
  };
  const list = (range: RangeRequest, options: { limit?: number; partial?: boolean } = {}) =>
    world.clock.settle(
      runtime.ranges.list(
        range,
        { limit: 1_000, values: false, anyCopy: false, partial: false, ...options },
        deadlineIn(world.clock, 2_000),
      ),
    );

  // @req: kv.list.cursor, kv.list.limit, kv.list.all-shards
  test('in pages of any size holds every key of every shard once', async () => {
    const key = fc.string({ minLength: 1, maxLength: 4, unit: 'binary' });
    const wellFormed = key.filter((text) => !/\p{Surrogate}/u.test(text));
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(wellFormed),
        fc.integer({ min: 1, max: 9 }),
        async (all, limit) => {
          for (const { values } of nodes) values.clear();
          fill(all);
          const found: string[] = [];
          for (let after: string | undefined, pages = 0; pages === 0 || after !== undefined; ) {
            const page = await list({ after }, { limit });
            expect(page.rows.length).toBeLessThanOrEqual(limit);
            found.push(...keysOf(page.rows));
            after = page.next;
            pages += 1;
          }
          expect(found).toEqual([...all].sort(compareUtf8));
        },
      ),
      { numRuns: 25 },
    );
  });

  // @req: kv.list.range
  test('holds its start, leaves its end out, and goes on behind a cursor', async () => {
    fill(['a', 'b', 'c', 'd', 'e']);
    expect(keysOf((await list({ start: 'b', end: 'd' })).rows)).toEqual(['b', 'c']);
    expect(keysOf((await list({ start: 'b', after: 'b', end: 'e' })).rows)).toEqual(['c', 'd']);
    expect(keysOf((await list({ start: 'c', after: 'a' })).rows)).toEqual(['c', 'd', 'e']);
  });

  // @req: http.missing-shards.refused, http.missing-shards.partial
  test('with a shard without a copy is refused with its number, or partial when asked', async () => {
    fill(['key0', 'key1', 'key2', 'key3']);
    await runtime.keeper.change({ kind: 'node_verdict', nodeId: 'n2', verdict: 'unhealthy' });
    await expect(list({})).rejects.toMatchObject({
      code: 'shards_unavailable',
      fields: { missing_shards: [1, 3] },
    });
    const page = await list({}, { partial: true });
    expect(page.missingShards).toEqual([1, 3]);
    expect(keysOf(page.rows)).toEqual(['key0', 'key2'].sort());
  });

  test('that may be partial is answered in time although a node hangs', async () => {
    world.wire.peers.set('http://n2:1', (_request, deadline) => {
      return new Promise((_resolve, reject) => {
        const late = (): void => reject(new ToruaError('deadline_exceeded', 'late'));
        world.clock.after(deadline.remainingMs(), late);
      });
    });
    const startedMs = world.clock.monotonicMs();
    expect((await list({}, { partial: true })).missingShards).toHaveLength(2);
    expect(world.clock.monotonicMs() - startedMs).toBeLessThan(2_000);
  });
});

describe('a range delete', () => {
  test('is repeated under the caller’s id, page by page, and names that id when it is unclear', async () => {
    const world = new CoordinatorWorld();
    const runtime = await world.open();
    const data = new DataNode(world, world.node('n1'));
    await world.join(runtime, data.node);
    await world.clock.run({ forMs: 200 });
    data.instead.set(INTERNAL_PATHS.deleteRange, () =>
      problem(new ToruaError('bad_node_answer', '')),
    );
    const operation = identityOf({ 'idempotency-key': 'mine' }, () => '');
    const given = runtime.ranges.deleteRange({}, operation, deadlineIn(world.clock, 500));
    await expect(world.clock.settle(given)).rejects.toMatchObject({
      code: 'bad_node_answer',
      fields: { outcome: 'unknown', idempotency_key: 'mine' },
    });
    const sent = world.wire.sent.filter(({ path }) => path === INTERNAL_PATHS.deleteRange);
    expect(sent.map(({ body }) => JSON.parse(String(body)).op_id)).toEqual(
      Array.from({ length: 4 }, () => 'mine:0'),
    );
  });
});
