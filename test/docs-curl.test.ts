/** The reader of curl lines: what it takes for a request, and what it accepts as its answer. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { answerMatches, curlRequest, documentedRequests } from './docs-curl/parse.ts';
import { readSources } from './tidy/source.ts';

const address = 'http://127.0.0.1:1';
const fenced = (text: string): string => `before\n\`\`\`console\n${text}\n\`\`\`\nafter\n`;

describe('a document', () => {
  test('gives its curl lines with their answers', () => {
    const text = fenced('$ curl http://localhost:8080/a\none\ntwo\n$ curl http://localhost:8080/b');
    expect(documentedRequests(text)).toEqual([
      { line: 3, command: 'curl http://localhost:8080/a', expected: ['one', 'two'] },
      { line: 6, command: 'curl http://localhost:8080/b', expected: [] },
    ]);
  });

  test('may break a command with a backslash or inside quotes', () => {
    const [broken, quoted] = documentedRequests(
      fenced("$ curl -X PUT \\\n  http://localhost:8080/a\nok\n$ curl /b -d '{\n}'\nok"),
    );
    expect(broken).toMatchObject({ expected: ['ok'] });
    expect(curlRequest(broken?.command ?? '', address)).toMatchObject({
      method: 'PUT',
      url: `${address}/a`,
    });
    expect(quoted).toMatchObject({ expected: ['ok'] });
    expect(curlRequest(quoted?.command ?? '', address).body).toBe('{\n}');
  });

  test('has nothing to run in blocks of other kinds', () => {
    expect(documentedRequests('```sh\n$ curl /a\n```\n')).toEqual([]);
  });

  test('with anything but curl in a console block is refused', () => {
    expect(() => documentedRequests(fenced('$ rm x'))).toThrow('line 3: not a curl line');
    expect(() => documentedRequests(fenced('stray'))).toThrow('an answer without a command');
    expect(() => documentedRequests(fenced("$ curl 'x"))).toThrow('has no end');
  });
});

describe('a curl line', () => {
  test('with -d is a POST of a form, as curl does it', () => {
    expect(curlRequest('curl localhost:1/a -d world', address)).toEqual({
      method: 'POST',
      url: 'localhost:1/a',
      headers: [['content-type', 'application/x-www-form-urlencoded']],
      body: 'world',
      showHeaders: false,
    });
  });

  test('keeps method, headers and quoted bodies', () => {
    const command = `curl -i -X PUT "http://localhost:8080/a b" -H 'if-match: "x"' -d "it's \\"it\\""`;
    expect(curlRequest(command, address)).toMatchObject({
      method: 'PUT',
      url: `${address}/a b`,
      headers: [
        ['if-match', '"x"'],
        ['content-type', 'application/x-www-form-urlencoded'],
      ],
      body: 'it\'s "it"',
      showHeaders: true,
    });
  });

  test('with -I asks for the head', () => {
    expect(curlRequest('curl -I http://localhost:8080/a', address)).toMatchObject({
      method: 'HEAD',
      showHeaders: true,
    });
  });

  test('with an option that the parser does not know is refused', () => {
    expect(() => curlRequest('curl -k http://localhost:8080/a', address)).toThrow('-k');
  });
});

describe('an answer', () => {
  test('matches itself, whatever its line ends and trailing empty lines', () => {
    expect(answerMatches(['a', 'b'], 'a\r\nb\r\n\r\n')).toBe(true);
    expect(answerMatches([], '')).toBe(true);
  });

  test('does not match another one, a longer one or a shorter one', () => {
    expect(answerMatches(['a'], 'b')).toBe(false);
    expect(answerMatches(['a'], 'a\nb')).toBe(false);
    expect(answerMatches(['a', 'b'], 'a')).toBe(false);
    expect(answerMatches(['a.c'], 'abc')).toBe(false);
  });

  test('matches … within its line only', () => {
    expect(answerMatches(['{"etag":"…","n":1}'], '{"etag":"abc","n":1}')).toBe(true);
    expect(answerMatches(['{"etag":"…","n":1}'], '{"etag":"abc","n":2}')).toBe(false);
    expect(answerMatches(['a…d'], 'ab\ncd')).toBe(false);
  });

  test('matches a line of … with any lines', () => {
    expect(answerMatches(['HTTP/1.1 204 No Content', '…', 'etag: "…"', '…'], head)).toBe(true);
    expect(answerMatches(['HTTP/1.1 204 No Content', '…', 'vary: "…"', '…'], head)).toBe(false);
  });
});

const head = 'HTTP/1.1 204 No Content\r\nx-shard-id: 1\r\netag: "abc"\r\nx-node-id: n1\r\n\r\n';

describe('our documents', () => {
  const documents = readSources('.')
    .map(({ path }) => path)
    .filter((path) => path === 'README.md' || /^docs\/.*\.md$/.test(path));

  test.each(documents)('%s holds curl lines that can be run', (path) => {
    const requests = documentedRequests(readFileSync(path, 'utf8'));
    expect(requests.map(({ command }) => curlRequest(command, address))).toHaveLength(
      requests.length,
    );
  });

  test.each(documents)('%s shows curl only where it is run', (path) => {
    const text = readFileSync(path, 'utf8');
    const blocks = [...text.matchAll(/^\s*```(\w*)\n([\s\S]*?)^\s*```/gm)];
    const unplayed = blocks.filter(
      ([, kind, body]) => kind !== 'console' && /^\s*(\$ )?curl /m.test(body ?? ''),
    );
    expect(unplayed.map(([block]) => block)).toEqual([]);
  });
});
