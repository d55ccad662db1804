/** The judge is judged: histories that a register can give, and their smallest spoilt forms. */
import { expect, test } from 'vitest';
import { type Answer, type Condition, type Entry, isRegister, type Question } from './history.ts';

const none: Condition = { kind: 'none' };
const get: Question = { verb: 'get' };
const put = (etag: string, condition: Condition = none): Question => ({
  verb: 'put',
  etag,
  condition,
});
const erase: Question = { verb: 'delete', condition: none };
const found = (etag?: string): Answer => ({ kind: 'found', etag });
const unmet = (etag?: string): Answer => ({ kind: 'unmet', etag });
const done: Answer = { kind: 'done' };
const unknown: Answer = { kind: 'unknown' };
const ifAbsent: Condition = { kind: 'ifAbsent' };

/** An operation from `askedAt` to `answeredAt`. */
const at = (askedAt: number, answeredAt: number, question: Question, answer: Answer): Entry => ({
  key: 'k',
  question,
  askedAt,
  answeredAt: answer.kind === 'unknown' ? Number.POSITIVE_INFINITY : answeredAt,
  answer,
  label: '',
});

const cases: [string, boolean, Entry[]][] = [
  ['a read sees what was written', true, [at(1, 2, put('a'), done), at(3, 4, get, found('a'))]],
  ['an acknowledged write is lost', false, [at(1, 2, put('a'), done), at(3, 4, get, found())]],
  [
    'a read beside a write sees the old value',
    true,
    [at(1, 4, put('a'), done), at(2, 3, get, found())],
  ],
  [
    'reads go back in time',
    false,
    [at(1, 6, put('a'), done), at(2, 3, get, found('a')), at(4, 5, get, found())],
  ],
  [
    'an unknown write comes late',
    true,
    [at(1, 0, put('a'), unknown), at(2, 3, get, found()), at(4, 5, get, found('a'))],
  ],
  [
    'an unknown write happens twice',
    false,
    [
      at(1, 0, put('a'), unknown),
      at(2, 3, get, found('a')),
      at(4, 5, erase, done),
      at(6, 7, get, found('a')),
    ],
  ],
  [
    'of two creations one is told that it came second',
    true,
    [at(1, 4, put('a', ifAbsent), done), at(2, 3, put('b', ifAbsent), unmet('a'))],
  ],
  [
    'two creations both succeed',
    false,
    [at(1, 4, put('a', ifAbsent), done), at(2, 3, put('b', ifAbsent), done)],
  ],
  [
    'a refusal names a value that was never there',
    false,
    [at(1, 2, put('b', ifAbsent), unmet('x'))],
  ],
  ['a value appears that nobody wrote', false, [at(1, 2, get, found('x'))]],
];

test.each(cases)('%s: %s', (_, isPossible, entries) => {
  expect(isRegister(entries)).toBe(isPossible);
});
