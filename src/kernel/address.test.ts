/** Addresses: the forms people write, and what is refused. */
import { expect, test } from 'vitest';
import { baseUrlOf } from './address.ts';

test.each([
  ['http://127.0.0.1:8081', 'http://127.0.0.1:8081'],
  ['http://localhost:8081/', 'http://localhost:8081'],
  ['https://node.example', 'https://node.example'],
  ['localhost:8081', 'http://localhost:8081'],
  [':8081', 'http://127.0.0.1:8081'],
  ['[::1]:8081', 'http://[::1]:8081'],
])('the address %s becomes %s', (written, url) => {
  expect(baseUrlOf(written)).toBe(url);
});

test.each([
  '',
  'not an address',
  'ftp://host:21',
  'http://host:8081/path',
  'http://host:8081?x=1',
  'http://user@host:8081',
  'host:99999',
  'http://',
])('%j is no address', (written) => {
  expect(baseUrlOf(written)).toBeUndefined();
});
