/** snake_case on the wire, camelCase in the code, all the way down and back. */
import { expect, test } from 'vitest';
import { z } from 'zod';
import { countingIds, emptyState } from '../../test/contract/cluster-fixture.ts';
import { decode, encode } from './case.ts';
import { clusterStateSchema } from './cluster-state.ts';
import { heartbeatRequestSchema } from './messages.ts';

const schema = z.object({
  lease_ms: z.number(),
  in_sync: z.array(z.object({ copy_id: z.string(), last_seq: z.number().optional() })),
  nothing: z.null(),
});

test('names change on the way in and on the way out, values do not', () => {
  const wire = { lease_ms: 1, in_sync: [{ copy_id: 'a_b' }], nothing: null };
  const code = { leaseMs: 1, inSync: [{ copyId: 'a_b' }], nothing: null };
  expect(decode(schema, wire)).toEqual(code);
  expect(encode(schema, code)).toEqual(wire);
});

test('what is undefined is absent on the wire', () => {
  const wire = encode(schema, {
    leaseMs: 1,
    inSync: [{ copyId: 'a', lastSeq: undefined }],
    nothing: null,
  });
  expect(JSON.stringify(wire)).toBe('{"lease_ms":1,"in_sync":[{"copy_id":"a"}],"nothing":null}');
});

// @req: http.json.unknown-field.internal
test('unknown fields of a newer process are ignored, wrong ones are not', () => {
  const heartbeat = { node_id: 'n', incarnation: 'i', copies: [], mood: 'fine' };
  expect(decode(heartbeatRequestSchema, heartbeat)).toEqual({
    nodeId: 'n',
    incarnation: 'i',
    copies: [],
  });
  expect(() => decode(heartbeatRequestSchema, { ...heartbeat, copies: 'none' })).toThrow();
});

test('a whole state survives the way to the wire and back', () => {
  const state = emptyState(3, {}, countingIds());
  const wire: unknown = JSON.parse(JSON.stringify(encode(clusterStateSchema, state)));
  expect(decode(clusterStateSchema, wire)).toEqual(state);
});
