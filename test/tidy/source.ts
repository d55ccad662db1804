/** Files of the project as the tidy rules see them: path, text and, for code, the syntax tree. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join, relative } from 'node:path';
import ts from 'typescript';

/** One file. `path` is relative to the project, with slashes. */
export interface Source {
  readonly path: string;
  readonly text: string;
  readonly lines: readonly string[];
  /** The syntax tree; undefined for what is not TypeScript or JavaScript. */
  readonly tree: ts.SourceFile | undefined;
}

/** One thing that is not as it should be. `line` counts from 1. */
export interface Finding {
  readonly path: string;
  readonly line: number;
  readonly text: string;
}

/** A rule about single files: what it wants, why, and where it is broken. */
export interface FileRule {
  readonly name: string;
  readonly why: string;
  find(source: Source): Finding[];
}

/** Folders whose content is made by tools or belongs to others. */
const SKIPPED = new Set([
  '.git',
  'node_modules',
  'dist',
  'reports',
  'data',
  'coverage',
  '.torua',
  'package-lock.json',
]);

const CODE = /\.(ts|mts|cts|js|mjs|cjs)$/;
const TEXT = /\.(ts|mts|cts|js|mjs|cjs|md|json|yml|yaml|feature|sh|html|css)$/;
const TEXT_NAMES = /(^|\/)(Makefile|Procfile[^/]*|Dockerfile[^/]*|run|\.dockerignore|\.gitignore)$/;

/** A source from its text; tests of the rules make theirs this way. */
export function sourceOf(path: string, text: string): Source {
  const tree = CODE.test(path)
    ? ts.createSourceFile(path, text, { languageVersion: ts.ScriptTarget.ES2023 }, true)
    : undefined;
  return { path, text, lines: text.split('\n'), tree };
}

/** All text files below `root`, in order of their paths. */
export function readSources(root: string): Source[] {
  return filesBelow(root, root)
    .filter((path) => TEXT.test(path) || TEXT_NAMES.test(path))
    .sort()
    .map((path) => sourceOf(path, readFileSync(join(root, path), 'utf8')));
}

function filesBelow(root: string, directory: string): string[] {
  return readdirSync(directory).flatMap((name) => {
    if (SKIPPED.has(name)) return [];
    const path = join(directory, name);
    const status = statSync(path, { throwIfNoEntry: false });
    if (status?.isDirectory()) return filesBelow(root, path);
    return status?.isFile() ? [relative(root, path).replaceAll('\\', '/')] : [];
  });
}

/** Whether the file holds tests, scenarios' steps or what they use, and does not ship. */
export function isTestCode(path: string): boolean {
  return /\.test\.ts$|\.examples\.ts$/.test(path) || /^(test|features|bench)\//.test(path);
}

/** Whether the file ships: under src/, and no test. */
export function isProductCode(path: string): boolean {
  return path.startsWith('src/') && CODE.test(path) && !isTestCode(path);
}

/** Every node of a tree, parents first. */
export function* nodesOf(node: ts.Node): Generator<ts.Node> {
  yield node;
  const children: ts.Node[] = [];
  ts.forEachChild(node, (child) => {
    children.push(child);
  });
  for (const child of children) yield* nodesOf(child);
}

/** The line on which a node begins, without the comments before it. */
export function lineOf(tree: ts.SourceFile, node: ts.Node): number {
  return tree.getLineAndCharacterOfPosition(node.getStart(tree)).line + 1;
}

/** A comment: where it stands, and its text. */
export interface Comment {
  readonly line: number;
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/** All comments of a file. */
export function commentsOf(tree: ts.SourceFile): Comment[] {
  const seen = new Map<number, string>();
  const collect = (ranges: ts.CommentRange[] | undefined): void => {
    for (const range of ranges ?? []) seen.set(range.pos, tree.text.slice(range.pos, range.end));
  };
  const visit = (node: ts.Node): void => {
    if (ts.isJsxText(node)) return;
    const children = node.getChildren(tree);
    if (children.length === 0) {
      collect(ts.getLeadingCommentRanges(tree.text, node.pos));
      collect(ts.getTrailingCommentRanges(tree.text, node.end));
    }
    for (const child of children) visit(child);
  };
  visit(tree);
  return [...seen].map(([start, text]) => ({
    line: tree.getLineAndCharacterOfPosition(start).line + 1,
    text,
    start,
    end: start + text.length,
  }));
}
