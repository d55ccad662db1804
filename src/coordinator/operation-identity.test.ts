import { expect, test } from 'vitest';
import { identityOf } from './operation-identity.ts';

const fresh = () => '00000000000000ff';

// @req: http.idempotency.made
test('a write without an id gets one of ours', () => {
  expect(identityOf({}, fresh)).toMatchObject({ opId: '00000000000000ff', callerOpId: false });
});

test("a caller's idempotency-key is remembered for ten minutes, each part under a key of its own", () => {
  const identity = identityOf({ 'idempotency-key': 'order 7' }, fresh);
  expect(identity).toMatchObject({ opId: 'order 7', callerOpId: true });
  expect(identity.part(3)).toEqual({ opId: 'order 7:3', callerOpId: true });
});

test('the id of an SDK is treated like ours, and its parts are the same each time', () => {
  const identity = identityOf({ 'x-torua-operation-id': '0123456789abcdef' }, fresh);
  expect(identity).toMatchObject({ opId: '0123456789abcdef', callerOpId: false });
  const part = identity.part(1);
  expect(part.opId).toMatch(/^[0-9a-f]{16}$/);
  expect(part.callerOpId).toBe(false);
  expect(identity.part(1)).toEqual(part);
  expect(identity.part(2)).not.toEqual(part);
});

test('an operation id of another form is refused', () => {
  expect(() => identityOf({ 'x-torua-operation-id': 'nonsense' }, fresh)).toThrow('16 hex digits');
});
