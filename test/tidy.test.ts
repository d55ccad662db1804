/** Lints the repository inside the test run; each rule is first shown a bad snippet and has to go red. */
import { describe, expect, test } from 'vitest';
import {
  exportDocstring,
  FILE_LINES_MAX,
  FUNCTION_LINES_MAX,
  fileLength,
  fileNames,
  functionLength,
  importPaths,
  lineWidth,
  longFiles,
  moduleDocstring,
  noBarrels,
} from './tidy/shape-rules.ts';
import { type FileRule, type Finding, readSources, sourceOf } from './tidy/source.ts';
import {
  DESIGN_HEADINGS,
  designExists,
  designHeadings,
  noLooseFiles,
  type TreeRule,
  testBesideSource,
} from './tidy/tree-rules.ts';
import {
  commentWords,
  globalUse,
  noAny,
  noSleeps,
  noTraces,
  testCalls,
  testSeeds,
} from './tidy/word-rules.ts';

const lines = (count: number, line: string): string => `${line}\n`.repeat(count);
const marker = (...parts: string[]): string => parts.join('');
const wideCode = `const sum = ${'one + '.repeat(20)}two;`;
const wideText = `const text = '${'a word '.repeat(14)}';`;

/** [rule, name of the file, a bad text, a good text]. */
const FILE_RULES: [rule: FileRule, path: string, bad: string, good: string][] = [
  [fileLength, 'src/log/a.ts', lines(FILE_LINES_MAX + 1, '//'), lines(FILE_LINES_MAX, '//')],
  [
    functionLength,
    'src/log/a.ts',
    `function a() {\n${lines(FUNCTION_LINES_MAX - 1, 'b();')}}`,
    `function a() {\n${lines(FUNCTION_LINES_MAX - 2, 'b();')}}`,
  ],
  [
    functionLength,
    'src/log/a.test.ts',
    `test('a', () => {\n${lines(FUNCTION_LINES_MAX, 'b();')}})`,
    `describe('a', () => {\n${lines(FUNCTION_LINES_MAX, 'b();')}})`,
  ],
  [lineWidth, 'src/log/a.ts', wideCode, wideText],
  [moduleDocstring, 'src/log/a.ts', 'const a = 1;', '#!/usr/bin/env node\n/** What. */\n'],
  [exportDocstring, 'src/log/a.ts', 'export const a = 1;', '/** One. */\nexport const a = 1;'],
  [
    exportDocstring,
    'src/log/a.ts',
    '/** Both. */\nexport type A = 1;\n\nexport type B = 2;',
    '/** Both. */\nexport type A = 1;\nexport type B = 2;',
  ],
  [noBarrels, 'src/log/a.ts', "export { b } from './b.ts';", 'const a = 1;\nexport { a };'],
  [noBarrels, 'src/log/a.ts', "export * from './b.ts';", 'export const a = 1;'],
  [noBarrels, 'src/log/a.ts', "import { b } from './b.ts';\nexport { b };", ''],
  [importPaths, 'src/log/a.ts', "import './b.js';", "import './b.ts'; import 'zod';"],
  [importPaths, 'src/log/a.ts', "await import('./b');", "await import('./b.ts');"],
  [fileNames, 'src/log/logRecord.ts', '', ''],
  [commentWords, 'src/log/a.ts', `// ${marker('TO', 'DO')} later`, "const a = 'TODO';"],
  [commentWords, 'src/log/a.ts', `/* ${marker('FIX', 'ME')} */`, '// fixes me'],
  [commentWords, 'src/log/a.ts', `f(/* ${marker('X', 'XX')} */ a);`, '// xxx'],
  [commentWords, 'src/log/a.ts', `// a ${marker('HA', 'CK')}`, '// a hacksaw'],
  [commentWords, 'src/log/a.ts', `// ${marker('@ts-', 'ignore')}`, '// ts'],
  [commentWords, 'src/log/a.ts', `// ${marker('biome-', 'ignore')} lint: no`, '// biome'],
  [noAny, 'src/log/a.ts', 'const a = b as any;', 'const a = b as unknown; // any'],
  [testCalls, 'src/log/a.test.ts', "test.only('a', b);", "test.skipIf(c)('a', b);"],
  [testCalls, 'src/log/a.test.ts', "describe.skip('a', b);", "test.each(c)('a', b);"],
  [testCalls, 'src/log/a.test.ts', "it('a', b);", "test.fails('a', b);"],
  [testSeeds, 'test/simulation/a.test.ts', 'Math.random();', 'random.next();'],
  [noSleeps, 'features/steps/a.steps.ts', 'setTimeout(a, 1);', 'eventually(a);'],
  [globalUse, 'src/log/a.ts', 'const a = Date.now();', 'const a = clock.wallMs();'],
  [globalUse, 'src/log/a.ts', 'new Date();', 'new Date(wallMs);'],
  [globalUse, 'src/log/a.ts', 'const a = globalThis.setTimeout;', 'clock.setTimeout(a);'],
  [globalUse, 'src/log/a.ts', 'const wait = setImmediate;', 'const setImmediate = 1;'],
  [globalUse, 'src/log/a.ts', 'performance.now();', 'a.performance.now();'],
  [globalUse, 'src/log/a.ts', 'AbortSignal.timeout(1);', 'AbortSignal.any([a]);'],
  [globalUse, 'src/log/a.ts', "import { randomUUID } from 'node:crypto';", 'a.randomUUID();'],
  [globalUse, 'src/node/main.ts', 'const { A } = process.env;', 'process.exitCode = 1;'],
  [noTraces, 'docs/start.md', `see ${marker('/ho', 'me/ann/torua')}`, 'see ../shared/data'],
  [noTraces, 'docs/start.md', `see ${marker('../shar', 'ed/notes.md')}`, 'see /data/home'],
  [noTraces, 'docs/start.md', process.cwd(), './'],
];

describe('a rule goes red', () => {
  test.each(FILE_RULES.map((row) => [row[0].name, ...row] as const))(
    '%s',
    (_name, rule, path, bad, good) => {
      expect(rule.find(sourceOf(path, bad))).not.toEqual([]);
      const goodPath = rule === fileNames ? 'src/log/log-record.ts' : path;
      expect(rule.find(sourceOf(goodPath, good))).toEqual([]);
    },
  );

  const homes: [path: string, text: string][] = [
    ['src/kernel/clock.ts', 'Date.now(); setTimeout(a, 1);'],
    ['src/kernel/random.ts', 'Math.random(); randomBytes(1);'],
    ['src/node/config.ts', 'process.env;'],
    ['src/log/a.test.ts', 'Date.now();'],
    ['bench/run.ts', 'Date.now(); process.env;'],
  ];
  test.each(homes)('but a global is at home in %s', (path, text) => {
    expect(globalUse.find(sourceOf(path, text))).toEqual([]);
  });

  test('a room without DESIGN.md', () => {
    const code = sourceOf('src/log/log.ts', '');
    expect(designExists.find([code])).toHaveLength(1);
    expect(designExists.find([code, sourceOf('src/log/DESIGN.md', '')])).toEqual([]);
  });

  test('a DESIGN.md without its headings or without numbered invariants', () => {
    const good = DESIGN_HEADINGS.map((heading) => `${heading}\n\n- **I1** holds\n`).join('\n');
    const find = (text: string): Finding[] =>
      designHeadings.find([sourceOf('src/log/DESIGN.md', text)]);
    expect(find(good)).toEqual([]);
    expect(find(good.replace('## Why not', '## Why'))).toHaveLength(1);
    expect(find(good.replaceAll('I1', 'first'))).toHaveLength(1);
  });

  test('a unit test that lies beside nothing', () => {
    const orphan = sourceOf('src/log/replay.test.ts', '');
    expect(testBesideSource.find([orphan])).toHaveLength(1);
    expect(testBesideSource.find([orphan, sourceOf('src/log/replay.ts', '')])).toEqual([]);
    const crash = sourceOf('src/log/replay-crash.test.ts', '');
    expect(testBesideSource.find([crash, sourceOf('src/log/replay.ts', '')])).toEqual([]);
    const engine = sourceOf('src/engine/load.kuzu.test.ts', '');
    expect(testBesideSource.find([engine, sourceOf('src/engine/load.ts', '')])).toEqual([]);
  });

  test('a file in no room', () => {
    expect(noLooseFiles.find([sourceOf('src/index.ts', '')])).toHaveLength(1);
  });
});

const sources = readSources('.');
const fileRules = [...new Set(FILE_RULES.map(([rule]) => rule))];
const treeRules: TreeRule[] = [designExists, designHeadings, testBesideSource, noLooseFiles];
const shown = (finding: Finding): string => `${finding.path}:${finding.line}: ${finding.text}`;

// @req: house.tidy, house.globals, house.design
describe('the project keeps its rules', () => {
  test('the project is there to be read', () => {
    expect(sources.length).toBeGreaterThan(50);
    const long = longFiles(sources).map(({ path, lines: count }) => `${path} (${count})`);
    if (long.length > 0) console.info(`over the wished length: ${long.join(', ')}`);
  });

  test.each(fileRules.map((rule) => [rule.name, rule] as const))('%s', (_name, rule) => {
    expect(sources.flatMap((source) => rule.find(source)).map(shown), rule.why).toEqual([]);
  });

  test.each(treeRules.map((rule) => [rule.name, rule] as const))('%s', (_name, rule) => {
    expect(rule.find(sources).map(shown), rule.why).toEqual([]);
  });
});
