/** The stages of a shard: every cell written out, and the stage derived from its copies. */
import { describe, expect, test } from 'vitest';
import type { CopyEntry, ShardEntry } from '../protocol/cluster-state.ts';
import {
  SHARD_LIFECYCLE,
  type ShardStage,
  shardAccepts,
  shardCell,
  stageMayFollow,
  stageOf,
} from './shard-lifecycle.ts';

const EVENTS = [
  'assigned',
  'confirmed',
  'moved',
  'refenced',
  'copy_missing',
  'copy_found',
  'holder_forgotten',
  'reset',
] as const;

const EXPECTED: Readonly<Record<ShardStage, string>> = {
  unassigned: 'initializing - - - - active - unassigned',
  initializing: 'initializing active initializing initializing - - unassigned unassigned',
  active: '! - initializing active lost - unassigned unassigned',
  lost: 'initializing - - - - active unassigned unassigned',
};

const STAGES = Object.keys(EXPECTED) as ShardStage[];
const CELLS = STAGES.flatMap((stage) => {
  const cells = EXPECTED[stage].split(' ');
  return EVENTS.map((event, index) => [stage, event, cells[index] ?? 'missing'] as const);
});

const shardWith = (state?: CopyEntry['state']): ShardEntry => ({
  shardUid: 'a'.repeat(16),
  term: 1,
  copies: state ? [{ copyId: 'b'.repeat(16), nodeId: 'n1', state }] : [],
  primary: state && state !== 'lost' ? 'b'.repeat(16) : null,
  inSync: state && state !== 'lost' ? ['b'.repeat(16)] : [],
});

describe('the stages of a shard', () => {
  // @req: state.transition-table
  test.each(CELLS)('%s, %s: %s', (stage, event, cell) => {
    const words = { '-': 'ignored', '!': 'refused' } as Readonly<Record<string, string>>;
    expect(shardCell(stage, event)).toBe(words[cell] ?? cell);
  });

  test('have a row each and a cell for every event', () => {
    expect(Object.keys(SHARD_LIFECYCLE).sort()).toEqual([...STAGES].sort());
    for (const stage of STAGES) expect(Object.keys(SHARD_LIFECYCLE[stage])).toEqual(EVENTS);
  });

  test.each([
    [undefined, 'unassigned'],
    ['initializing', 'initializing'],
    ['active', 'active'],
    ['lost', 'lost'],
  ] as const)('a shard whose copy is %s is %s', (copy, stage) => {
    expect(stageOf(shardWith(copy))).toBe(stage);
  });

  test('follow each other only as the table says', () => {
    expect(stageMayFollow('active', 'lost')).toBe(true);
    expect(stageMayFollow('active', 'active')).toBe(true);
    expect(stageMayFollow('unassigned', 'lost')).toBe(false);
    expect(shardAccepts(shardWith('active'), 'assigned')).toBe(false);
    expect(shardAccepts(shardWith('active'), 'confirmed')).toBe(false);
    expect(shardAccepts(shardWith('lost'), 'assigned')).toBe(true);
  });
});
