/** Documents: generated pages are as their sources say, and links lead somewhere. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { commandPage, type HelpfulCommand } from '../scripts/docs/command-page.ts';
import { variablesOf } from '../scripts/docs/configuration-page.ts';
import { betweenMarkers, table } from '../scripts/docs/markdown.ts';
import { roadmapPage } from '../scripts/docs/reference-pages.ts';
import { generatedFiles } from '../scripts/docs/sources.ts';
import { integerSetting } from '../src/kernel/config.ts';
import { readSources } from './tidy/source.ts';

describe('a generated page', () => {
  test('escapes what would break a table', () => {
    expect(table(['a'], [['x|y\nz']])).toBe('| a |\n|---|\n| x\\|y z |');
  });

  test('replaces what lies between its markers, and nothing else', () => {
    const text = 'a\n<!-- generated:x -->\nold\n<!-- /generated:x -->\nb\n';
    expect(betweenMarkers(text, 'x', 'new')).toBe(text.replace('old', 'new'));
    expect(betweenMarkers(text, 'y', 'new')).toBeUndefined();
  });

  test('shows description, default and need of each variable', () => {
    const schema = z.object({
      NODE_ID: z.string().describe('Name of the node.'),
      NUM_SHARDS: integerSetting(1, 9).prefault('4').describe('Number of shards.'),
      ZONE: z.string().describe('Where it stands.').optional(),
    });
    expect(variablesOf(schema)).toEqual([
      { name: 'NODE_ID', description: 'Name of the node.', required: true, defaultText: '' },
      { name: 'NUM_SHARDS', description: 'Number of shards.', required: false, defaultText: '4' },
      { name: 'ZONE', description: 'Where it stands.', required: false, defaultText: '' },
    ]);
  });

  test('shows commands below commands', () => {
    const command = (name: string, commands: HelpfulCommand[] = []): HelpfulCommand => ({
      name: () => name,
      description: () => `About ${name}.`,
      helpInformation: () => '',
      commands,
    });
    const program = command('torua', [command('config', [command('get')]), command('help')]);
    const text = commandPage(program, ({ name }) => `help of ${name()}`);
    expect(text).toContain('## torua config get\n\nAbout get.\n\n```text\nhelp of get\n```');
    expect(text).not.toContain('## torua help');
  });

  test('groups the roadmap by reason', () => {
    const entry = (id: string) => ({
      id,
      sentence: `${id}.`,
      source: 's',
      reason: 'Copies: one only.',
    });
    expect(roadmapPage([entry('a'), entry('b')])).toContain(
      '## Copies\n\nOne only.\n\n- a. (`a`)\n- b. (`b`)',
    );
  });
});

describe('our documents', () => {
  // @req: house.generated, house.roadmap
  // @req: house.diagrams
  test('that are generated are as their sources say', async () => {
    const files = await generatedFiles();
    const stale = files.filter(
      ({ path, text }) =>
        text === undefined || !existsSync(path) || readFileSync(path, 'utf8') !== text,
    );
    expect(stale.map(({ path, missing }) => `${path}: ${missing ?? 'run make docs'}`)).toEqual([]);
  });

  test('link to files that exist', () => {
    const documents = readSources('.').filter(({ path }) => path.endsWith('.md'));
    const broken = documents.flatMap(({ path, text }) =>
      [...text.matchAll(/\]\((?!https?:|mailto:|#)([^)#\s]+)(?:#[^)]*)?\)/g)]
        .map((match) => normalize(join(dirname(path), match[1] ?? '')))
        .filter((target) => !existsSync(target))
        .map((target) => `${path} -> ${target}`),
    );
    expect(broken).toEqual([]);
  });

  // @req: house.documents
  test('are all there', () => {
    const wanted = [
      'LICENSE',
      'README.md',
      'ARCHITECTURE.md',
      'CONTRIBUTING.md',
      'SECURITY.md',
      'CHANGELOG.md',
      'docs/start.md',
      'docs/roadmap.md',
      'docs/benchmarks.md',
      'docs/concepts',
      'docs/guides/testing.md',
      'docs/operating',
      'docs/reference/data-directory.md',
      'docs/adr/README.md',
      '.github/workflows/test.yml',
      '.github/ISSUE_TEMPLATE',
      '.github/PULL_REQUEST_TEMPLATE.md',
      '.github/dependabot.yml',
    ];
    expect(wanted.filter((path) => !existsSync(path))).toEqual([]);
  });

  // @req: house.adr
  test('say where Torua departs from its first architecture', () => {
    const records = readSources('.').filter(({ path }) => /^docs\/adr\/\d{4}-.*\.md$/.test(path));
    expect(records.length).toBeGreaterThanOrEqual(6);
    for (const { path, text } of records) {
      for (const heading of ['## Context', '## Decision', '## Consequences']) {
        expect(text, path).toContain(heading);
      }
    }
  });

  // @req: house.top-level
  test('and everything else stand where the card says', () => {
    const wanted = [
      'package.json',
      'tsconfig.json',
      'src',
      'features',
      'test',
      'Procfile',
      'Procfile.test',
      'Dockerfile.coordinator',
      'Dockerfile.node',
      'docker-compose.yml',
      'Makefile',
      'README.md',
      'ARCHITECTURE.md',
    ];
    expect(wanted.filter((path) => !existsSync(path))).toEqual([]);
  });

  // @req: house.architecture
  test('explain the architecture with its words and six diagrams', () => {
    const text = readFileSync('ARCHITECTURE.md', 'utf8');
    expect(text.match(/^```mermaid$/gm)?.length ?? 0).toBeGreaterThanOrEqual(6);
    for (const heading of [/^## .*problem/im, /^## .*terminology/im]) expect(text).toMatch(heading);
  });

  // @req: house.readme
  test('begin with quick starts of at most three lines, and name the limits', () => {
    const text = readFileSync('README.md', 'utf8');
    const starts = [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, body]) => body ?? '');
    expect(starts.length).toBeGreaterThan(0);
    expect(starts.filter((body) => body.trim().split('\n').length > 3)).toEqual([]);
    expect(text).toMatch(/^```console$/m);
    expect(text).toMatch(/^## .*limits/im);
  });
});

describe('the workflow', () => {
  const workflow = parse(readFileSync('.github/workflows/test.yml', 'utf8')) as {
    jobs: { test: { strategy: { matrix: { node: number[] } }; steps: { run?: string }[] } };
  };
  const { strategy, steps } = workflow.jobs.test;
  const commands = steps.map(({ run }) => run ?? '').join('\n');

  // @req: house.install-scripts
  test('runs every suite on each Node, and lets no unknown script install itself', () => {
    expect(strategy.matrix.node).toEqual([20, 22, 24]);
    expect(commands).toContain('make test');
    expect(commands).toContain('npm ci --strict-allow-scripts');
    const manifest = JSON.parse(readFileSync('package.json', 'utf8')) as {
      allowScripts: Record<string, boolean>;
    };
    expect(manifest.allowScripts.kuzu).toBe(true);
  });

  test('that the guide shows for other projects is one that GitHub reads', () => {
    const guide = readFileSync('docs/guides/testing.md', 'utf8');
    const [, shown] = /^```yaml\n([\s\S]*?)^```/m.exec(guide) ?? [];
    const job = parse(shown ?? '') as { jobs: { test: { steps: { run?: string }[] } } };
    expect(job.jobs.test.steps.at(-1)?.run).toMatch(/^npx torua dev --exec /);
  });
});
