/** The state's file: what was written is read, and nothing else is believed. */
import { describe, expect, test } from 'vitest';
import { codeOf, TestLeader } from '../../test/contract/cluster-fixture.ts';
import { decodeStoredState, encodeStoredState } from './stored-state.ts';

const leader = new TestLeader(2);
leader.formOf('n1', 'n2');
const bytes = encodeStoredState(leader.state);
const decodeText = (text: string): unknown => decodeStoredState(Buffer.from(text), '/d/state.json');

describe('the file of a state', () => {
  test('holds the whole state in the wire’s names', () => {
    expect(decodeStoredState(bytes, 'x')).toEqual(JSON.parse(JSON.stringify(leader.state)));
    expect(JSON.parse(bytes.toString())).toMatchObject({ format: 1, cluster_id: 'cluster-1' });
  });

  test.each([
    ['truncated', bytes.toString().slice(0, -20)],
    ['empty', ''],
    ['garbage', '\u0000\u0001'],
    ['not an object', 'null'],
    ['a term with another digit', bytes.toString().replace('"term": 1', '"term": 7')],
    ['without its checksum', bytes.toString().replace('crc32', 'crc33')],
  ])('is not believed when it is %s, and the error names it', (_how, text) => {
    expect(codeOf(() => decodeText(text))).toBe('state_damaged');
    expect(() => decodeText(text)).toThrow('/d/state.json');
  });

  test('with a right checksum that describes no cluster is not believed either', () => {
    // The CRC-32 of {"format":1}.
    expect(codeOf(() => decodeText('{"crc32":"af1ec339","format":1}'))).toBe('state_damaged');
  });

  test('of a later format is refused as such', () => {
    expect(codeOf(() => decodeText('{"crc32":"00000000","format":2}'))).toBe('directory_too_new');
  });
});
