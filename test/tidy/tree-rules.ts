/** Rules about the tree: rooms, their DESIGN.md, tests beside their sources. */
import type { Finding, Source } from './source.ts';

/** A rule about all files together. */
export interface TreeRule {
  readonly name: string;
  readonly why: string;
  find(sources: readonly Source[]): Finding[];
}

/** Headings of a room's DESIGN.md, in this order. */
export const DESIGN_HEADINGS = [
  '## Purpose',
  '## Invariants',
  '## How it works',
  '## Why not',
  '## Limits',
  '## Tests that hold it',
];

const roomOf = (path: string): string | undefined => /^src\/([^/]+)\//.exec(path)?.[1];

const roomsOf = (sources: readonly Source[]): string[] => [
  ...new Set(sources.flatMap(({ path }) => roomOf(path) ?? [])),
];

/** Wants a DESIGN.md in every room. */
export const designExists: TreeRule = {
  name: 'design-exists',
  why: 'every room says what it promises and why it is built this way',
  find: (sources) => {
    const paths = new Set(sources.map(({ path }) => path));
    return roomsOf(sources)
      .map((room) => `src/${room}/DESIGN.md`)
      .filter((path) => !paths.has(path))
      .map((path) => ({ path, line: 1, text: 'missing' }));
  },
};

/** Wants the headings, in their order, and numbered invariants. */
export const designHeadings: TreeRule = {
  name: 'design-headings',
  why: 'who knows one room finds the way in all',
  find: (sources) =>
    sources
      .filter(({ path }) => /^src\/[^/]+\/DESIGN\.md$/.test(path))
      .flatMap(({ path, lines, text }): Finding[] => {
        const headings = lines.filter((line) => line.startsWith('## '));
        const wrong = headings.join('\n') !== DESIGN_HEADINGS.join('\n');
        const numbered = /(^|[\s*|-])\**I1\b/m.test(text);
        return [
          ...(wrong ? [{ path, line: 1, text: `headings: ${headings.join(', ')}` }] : []),
          ...(numbered ? [] : [{ path, line: 1, text: 'invariants are not numbered I1, I2, ...' }]),
        ];
      }),
};

/** Wants every unit test to lie beside the source that it is named after: `log.test.ts`, `log-crash.test.ts`. */
export const testBesideSource: TreeRule = {
  name: 'test-beside-source',
  why: 'a test is found where its source is',
  find: (sources) => {
    const paths = new Set(sources.map(({ path }) => path));
    return sources
      .filter(({ path }) => path.startsWith('src/') && path.endsWith('.test.ts'))
      .filter(({ path }) => !possibleSources(path).some((source) => paths.has(source)))
      .map(({ path }) => ({ path, line: 1, text: 'no source of this name beside it' }));
  },
};

function possibleSources(test: string): string[] {
  const stem = test.replace(/(\.[a-z-]+)?\.test\.ts$/, '');
  const slash = stem.lastIndexOf('/');
  const words = stem.slice(slash + 1).split('-');
  return words.map((_, index) => {
    const name = words.slice(0, words.length - index).join('-');
    return `${stem.slice(0, slash)}/${name}.ts`;
  });
}

/** Refuses files of a room's root that no room owns. */
export const noLooseFiles: TreeRule = {
  name: 'no-loose-files',
  why: 'a file under src/ lies in a room',
  find: (sources) =>
    sources
      .filter(({ path }) => /^src\/[^/]+$/.test(path))
      .map(({ path }) => ({ path, line: 1, text: 'not in a room' })),
};
