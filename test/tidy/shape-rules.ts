/** Rules about the shape of code: lengths, docstrings, names, imports. */
import ts from 'typescript';
import {
  commentsOf,
  type FileRule,
  type Finding,
  isTestCode,
  lineOf,
  nodesOf,
  type Source,
} from './source.ts';

/** Lines a code file may have. Longer files have swallowed a decision that belongs elsewhere. */
export const FILE_LINES_MAX = 500;
/** Lines a code file should have; more is reported, not refused. */
export const FILE_LINES_WISHED = 300;
/** Lines a function may have. */
export const FUNCTION_LINES_MAX = 70;
/** Columns of a line of code. */
export const CODE_COLUMNS_MAX = 100;
/** Columns of a line that is a comment or that ends in one string nobody can break. */
export const TEXT_COLUMNS_MAX = 200;

const lineCount = (source: Source): number =>
  source.text.endsWith('\n') ? source.lines.length - 1 : source.lines.length;

/** Data in the form of code may be long: nothing in it branches. */
const isTable = (path: string): boolean => path.startsWith('test/requirements/');

/** Refuses code files over the limit. */
export const fileLength: FileRule = {
  name: 'file-length',
  why: `a code file has at most ${FILE_LINES_MAX} lines: move a decision out, not a group of methods`,
  find: (source) =>
    source.tree !== undefined && !isTable(source.path) && lineCount(source) > FILE_LINES_MAX
      ? [{ path: source.path, line: FILE_LINES_MAX, text: `${lineCount(source)} lines` }]
      : [],
};

/** Files over the wished length, longest first; a report, not a rule. */
export function longFiles(sources: readonly Source[]): { path: string; lines: number }[] {
  return sources
    .filter((source) => source.tree !== undefined && !isTable(source.path))
    .map((source) => ({ path: source.path, lines: lineCount(source) }))
    .filter(({ lines }) => lines > FILE_LINES_WISHED)
    .sort((a, b) => b.lines - a.lines);
}

/** Refuses functions over the limit; a group of tests is no function. */
export const functionLength: FileRule = {
  name: 'function-length',
  why: `a function has at most ${FUNCTION_LINES_MAX} lines: branching in the parent, leaves pure`,
  find: ({ path, tree }) => {
    if (tree === undefined) return [];
    return [...nodesOf(tree)].flatMap((node): Finding[] => {
      if (!ts.isFunctionLike(node) || !('body' in node) || node.body === undefined) return [];
      if (isTestCode(path) && isTestGroup(node)) return [];
      const first = lineOf(tree, node);
      const last = tree.getLineAndCharacterOfPosition(node.end).line + 1;
      const lines = last - first + 1;
      return lines > FUNCTION_LINES_MAX ? [{ path, line: first, text: `${lines} lines` }] : [];
    });
  },
};

function isTestGroup(node: ts.Node): boolean {
  const call = node.parent;
  return ts.isCallExpression(call) && /^describe\b/.test(call.expression.getText());
}

/** Refuses lines that are too wide. Strings and comments on a line do not count: no formatter can break them. */
export const lineWidth: FileRule = {
  name: 'line-width',
  why: `code ends at column ${CODE_COLUMNS_MAX}, with its texts at ${TEXT_COLUMNS_MAX}`,
  find: ({ path, lines, tree }) => {
    if (tree === undefined || lines.every(({ length }) => length <= CODE_COLUMNS_MAX)) return [];
    const texts = textSpans(tree);
    return lines.flatMap((line, index): Finding[] => {
      if (line.length <= CODE_COLUMNS_MAX) return [];
      const start = tree.getPositionOfLineAndCharacter(index, 0);
      const inText = texts
        .map((span) => Math.min(span.end, start + line.length) - Math.max(span.start, start))
        .reduce((sum, length) => sum + Math.max(0, length), 0);
      const isGood = line.length <= TEXT_COLUMNS_MAX && line.length - inText <= CODE_COLUMNS_MAX;
      return isGood ? [] : [{ path, line: index + 1, text: `${line.length} columns` }];
    });
  },
};

/** Where strings, templates, regular expressions and comments stand. */
function textSpans(tree: ts.SourceFile): { start: number; end: number }[] {
  const literals = [...nodesOf(tree)]
    .filter(
      (node) =>
        ts.isLiteralExpression(node) ||
        ts.isTemplateMiddleOrTemplateTail(node) ||
        ts.isTemplateHead(node),
    )
    .map((node) => ({ start: node.getStart(tree), end: node.end }));
  return [...literals, ...commentsOf(tree)];
}

/** Wants a docstring at the head of every code file; a unit test speaks through its titles. */
export const moduleDocstring: FileRule = {
  name: 'module-docstring',
  why: 'a file says first what it does, why it is here and what it leaves to others',
  find: ({ path, text, tree }) => {
    if (tree === undefined || /^src\/.*\.test\.ts$/.test(path)) return [];
    const head = text.replace(/^#!.*\n/, '');
    const good = path.endsWith('.cjs') ? /^\/[/*]/.test(head) : head.startsWith('/**');
    return good ? [] : [{ path, line: 1, text: 'no docstring before the first statement' }];
  },
};

/** Wants a docstring on every export; one may stand over a group of one-line exports. */
export const exportDocstring: FileRule = {
  name: 'export-docstring',
  why: 'the first sentence of an export is its promise',
  find: ({ path, tree }) => {
    if (tree === undefined || /\.(test\.ts|cjs)$/.test(path)) return [];
    let groupEnd = Number.NEGATIVE_INFINITY;
    return tree.statements.flatMap((statement): Finding[] => {
      if (!isExportedDeclaration(statement)) return [];
      const first = lineOf(tree, statement);
      const last = tree.getLineAndCharacterOfPosition(statement.end).line + 1;
      const documented = ts.getJSDocCommentsAndTags(statement).length > 0;
      const inGroup = first === groupEnd + 1 && isOverloadOrLine(statement, first, last);
      if (documented || inGroup) groupEnd = last;
      return documented || inGroup
        ? []
        : [{ path, line: first, text: statement.getText(tree).split('\n')[0] ?? '' }];
    });
  },
};

const isOverloadOrLine = (statement: ts.Statement, first: number, last: number): boolean =>
  first === last || ts.isFunctionDeclaration(statement);

function isExportedDeclaration(statement: ts.Statement): boolean {
  if (!ts.canHaveModifiers(statement)) return false;
  return (
    ts.getModifiers(statement)?.some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword) ?? false
  );
}

/** Refuses `export ... from` and exports of what was imported. */
export const noBarrels: FileRule = {
  name: 'no-barrels',
  why: 'import the file that defines the thing',
  find: ({ path, tree }) => {
    if (tree === undefined) return [];
    const imported = new Set(tree.statements.flatMap(importedNames));
    return tree.statements.flatMap((statement): Finding[] => {
      if (!ts.isExportDeclaration(statement)) return [];
      const names =
        statement.exportClause !== undefined && ts.isNamedExports(statement.exportClause)
          ? statement.exportClause.elements.map(({ name, propertyName }) => propertyName ?? name)
          : [];
      const again = names.some((name) => imported.has(name.text));
      if (statement.moduleSpecifier === undefined && !again) return [];
      return [{ path, line: lineOf(tree, statement), text: statement.getText(tree) }];
    });
  },
};

function importedNames(statement: ts.Statement): string[] {
  if (!ts.isImportDeclaration(statement)) return [];
  const clause = statement.importClause;
  const bindings = clause?.namedBindings;
  return [
    ...(clause?.name ? [clause.name.text] : []),
    ...(bindings && ts.isNamespaceImport(bindings) ? [bindings.name.text] : []),
    ...(bindings && ts.isNamedImports(bindings)
      ? bindings.elements.map(({ name }) => name.text)
      : []),
  ];
}

/** Wants `.ts` in the paths of relative imports. */
export const importPaths: FileRule = {
  name: 'import-paths',
  why: 'an import names the file that is there',
  find: ({ path, tree }) => {
    if (tree === undefined || !path.endsWith('.ts')) return [];
    return [...nodesOf(tree)].flatMap((node): Finding[] => {
      const target = importTarget(node);
      if (target === undefined || !/^\.\.?\//.test(target)) return [];
      if (/\.(ts|mts|mjs|cjs|json)$/.test(target)) return [];
      return [{ path, line: lineOf(tree, node), text: target }];
    });
  },
};

function importTarget(node: ts.Node): string | undefined {
  if (ts.isImportDeclaration(node) && ts.isStringLiteral(node.moduleSpecifier)) {
    return node.moduleSpecifier.text;
  }
  if (!ts.isCallExpression(node) || node.expression.kind !== ts.SyntaxKind.ImportKeyword) {
    return undefined;
  }
  const [target] = node.arguments;
  return target !== undefined && ts.isStringLiteral(target) ? target.text : undefined;
}

/** Wants kebab-case names. */
export const fileNames: FileRule = {
  name: 'file-names',
  why: 'file names are kebab-case, named after the one thing they export',
  find: ({ path, tree }) => {
    if (tree === undefined) return [];
    const name = path.split('/').at(-1) ?? '';
    const good = /^\.?[a-z0-9]+(-[a-z0-9]+)*(\.[a-z]+)*\.(ts|mts|mjs|cjs)$/.test(name);
    return good ? [] : [{ path, line: 1, text: name }];
  },
};
