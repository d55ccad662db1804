/** Rules about words: what must not stand in a comment, a test or any file, and the globals that have a home. */
import { homedir } from 'node:os';
import ts from 'typescript';
import {
  commentsOf,
  type FileRule,
  type Finding,
  isProductCode,
  isTestCode,
  lineOf,
  nodesOf,
} from './source.ts';

/** Words that must not stand in a comment, each with its reason. */
const COMMENT_WORDS: [word: RegExp, why: string][] = [
  [/\bTODO\b/, 'unfinished work is an `open` requirement or an issue'],
  [/\bFIXME\b/, 'a known fault is a `test.fails` with its requirement'],
  [/\bXXX\b/, 'say in a sentence what is wrong'],
  [/\bHACK\b/, 'say why, and why not the obvious way'],
  [/@ts-(ignore|nocheck|expect-error)/, 'the compiler is right until shown otherwise'],
  [/\bbiome-ignore\b/, 'change the code, or the rule for all'],
  [/\beslint-|\bprettier-ignore\b/, 'these tools are not used here'],
  [/\bistanbul ignore|\bc8 ignore|\bv8 ignore/, 'what is not tested is seen as not tested'],
];

/** Refuses banned words in comments. */
export const commentWords: FileRule = {
  name: 'comment-words',
  why: 'each word of the table in word-rules.ts has its reason there',
  find: ({ path, tree }) => {
    if (tree === undefined) return [];
    return commentsOf(tree).flatMap(({ line, text }) =>
      COMMENT_WORDS.filter(([word]) => word.test(text)).map(
        ([word, why]): Finding => ({ path, line, text: `${word.exec(text)?.[0]}: ${why}` }),
      ),
    );
  },
};

/** Refuses the type `any`. */
export const noAny: FileRule = {
  name: 'no-any',
  why: '`any` switches the compiler off; `unknown` asks it to look',
  find: ({ path, tree }) => {
    if (tree === undefined) return [];
    return [...nodesOf(tree)]
      .filter(({ kind }) => kind === ts.SyntaxKind.AnyKeyword)
      .map((node) => ({ path, line: lineOf(tree, node), text: 'any' }));
  },
};

const TEST_FUNCTIONS = new Set(['test', 'it', 'describe', 'suite']);
const SWITCHES = new Set(['only', 'skip', 'todo']);

/** Refuses `it`, and tests that are switched off or that switch the others off. */
export const testCalls: FileRule = {
  name: 'test-calls',
  why: 'every test runs, every time; `test`, not `it`',
  find: ({ path, tree }) => {
    if (tree === undefined || !isTestCode(path)) return [];
    return [...nodesOf(tree)].flatMap((node): Finding[] => {
      const text = bannedTestCall(node);
      return text === undefined ? [] : [{ path, line: lineOf(tree, node), text }];
    });
  },
};

function bannedTestCall(node: ts.Node): string | undefined {
  if (ts.isPropertyAccessExpression(node) && SWITCHES.has(node.name.text)) {
    const root = node.expression.getText();
    return TEST_FUNCTIONS.has(root.split('.')[0] ?? '') ? `${root}.${node.name.text}` : undefined;
  }
  if (!ts.isCallExpression(node)) return undefined;
  return node.expression.getText() === 'it' ? 'it(...)' : undefined;
}

/** Random data in a test comes from a seed that is printed, or from fast-check. */
export const testSeeds: FileRule = {
  name: 'test-seeds',
  why: 'a failure that cannot be played again is not found again',
  find: ({ path, tree }) => {
    if (tree === undefined || !isTestCode(path)) return [];
    return [...nodesOf(tree)]
      .filter((node) => ts.isPropertyAccessExpression(node) && node.getText() === 'Math.random')
      .map((node) => ({ path, line: lineOf(tree, node), text: 'Math.random' }));
  },
};

/** Steps and scenarios wait for conditions, never for time. */
export const noSleeps: FileRule = {
  name: 'no-sleeps',
  why: '`eventually` is the only waiting primitive of scenarios',
  find: ({ path, tree }) => {
    if (tree === undefined || !path.startsWith('features/')) return [];
    return [...nodesOf(tree)]
      .filter((node) => ts.isIdentifier(node) && /^(setTimeout|setInterval)$/.test(node.text))
      .map((node) => ({ path, line: lineOf(tree, node), text: node.getText() }));
  },
};

/** Globals and the files that may touch them: [name, allowed files, why]. */
const GLOBALS: [names: string[], home: RegExp, why: string][] = [
  [
    [
      'Date.now',
      'performance.now',
      'AbortSignal.timeout',
      'setTimeout',
      'setInterval',
      'setImmediate',
      'process.hrtime',
      'new Date()',
    ],
    /^src\/kernel\/clock\.ts$/,
    'time comes from the clock that the caller was given',
  ],
  [
    ['Math.random', 'randomUUID', 'randomBytes', 'getRandomValues'],
    /^src\/kernel\/random\.ts$/,
    'chance comes from the random source that the caller was given',
  ],
  [
    ['process.env'],
    /^src\/[^/]+\/config\.ts$/,
    'the environment is read once, in the config.ts of a process',
  ],
];

/** Refuses globals outside their homes. */
export const globalUse: FileRule = {
  name: 'global-use',
  why: 'one stray call breaks the replay of a seed',
  find: ({ path, tree }) => {
    if (tree === undefined || !isProductCode(path)) return [];
    const banned = new Map(
      GLOBALS.filter(([, home]) => !home.test(path)).flatMap(([names, , why]) =>
        names.map((name) => [name, why] as const),
      ),
    );
    return [...nodesOf(tree)].flatMap((node): Finding[] => {
      const name = globalName(node);
      const why = name === undefined ? undefined : banned.get(name);
      return why === undefined ? [] : [{ path, line: lineOf(tree, node), text: `${name}: ${why}` }];
    });
  },
};

/** The name under which a node uses a global, if it does. */
function globalName(node: ts.Node): string | undefined {
  if (ts.isNewExpression(node) && node.expression.getText() === 'Date') {
    return (node.arguments ?? []).length === 0 ? 'new Date()' : undefined;
  }
  if (ts.isPropertyAccessExpression(node)) {
    const text = node.getText().replace(/^globalThis\./, '');
    if (/^[A-Za-z]+\.[A-Za-z]+$/.test(text)) return text;
    return /^(setTimeout|setInterval|setImmediate)$/.test(text) ? text : undefined;
  }
  if (!ts.isIdentifier(node) || !isReference(node)) return undefined;
  return node.text;
}

/** Whether an identifier reads a variable, and is no name of a property, member or declaration. */
function isReference(node: ts.Identifier): boolean {
  const parent = node.parent;
  if (ts.isPropertyAccessExpression(parent)) return parent.expression === node;
  if (ts.isQualifiedName(parent) || ts.isTypeReferenceNode(parent)) return false;
  if (ts.isImportSpecifier(parent)) return true;
  return !('name' in parent && parent.name === node);
}

/** What a file must not say about the place where it was written. */
const TRACES: [trace: RegExp, what: string][] = [
  [/(^|[\s'"`(=])\/(home|Users)\/[a-z][\w.-]*/, 'a home directory'],
  [/[A-Z]:\\Users\\/, 'a home directory'],
  [/\.\.\/shared\/(?!data\b)/, 'a folder that is not part of the project'],
];

/** Refuses traces of a workplace; the paths of this run are found without being named. */
export const noTraces: FileRule = {
  name: 'no-traces',
  why: 'the project stands on its own, on any machine',
  find: ({ path, lines }) => {
    const own = [process.cwd(), homedir()].filter((place) => place.split('/').length > 2);
    return lines.flatMap((line, index): Finding[] => {
      const trace = TRACES.find(([pattern]) => pattern.test(line));
      const place = own.find((candidate) => line.includes(candidate));
      if (trace === undefined && place === undefined) return [];
      return [{ path, line: index + 1, text: trace?.[1] ?? 'a path of this machine' }];
    });
  },
};
