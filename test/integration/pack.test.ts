/** The package as a user gets it: packed, installed into an empty folder, and the suite of the guide played there. */
import { execFile } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { inheritedEnvironment } from '../../src/testing/config.ts';
import { eventually } from '../../src/testing/testing.ts';
import { hasProc, processesOf, projectRoot } from './support-programs.ts';

const run = promisify(execFile);
const INSTALL_MS_MAX = 120_000;

let folder: string;
/** Temporary folder of everything that the user's commands start; also the mark by which they are found. */
let temporary: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'torua-test-'));
  temporary = join(folder, 'temporary');
  mkdirSync(temporary);
  const packed = await run('npm', ['pack', '--json', '--pack-destination', folder], {
    cwd: projectRoot,
    maxBuffer: 2 ** 26,
  });
  const [{ filename } = { filename: '' }] = JSON.parse(packed.stdout) as { filename: string }[];
  writeFileSync(join(folder, 'package.json'), '{"name":"user","private":true,"type":"module"}');
  const cucumber = JSON.parse(readFileSync(join(projectRoot, 'package.json'), 'utf8')) as {
    devDependencies: Record<string, string>;
  };
  const words = ['install', '--prefer-offline', '--no-audit', '--no-fund', `./${filename}`];
  words.push(`@cucumber/cucumber@${cucumber.devDependencies['@cucumber/cucumber']}`);
  await run('npm', words, { cwd: folder, timeout: INSTALL_MS_MAX, maxBuffer: 2 ** 26 });
}, INSTALL_MS_MAX + 30_000);

afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

interface Played {
  readonly code: number;
  readonly text: string;
}

/** Runs a command as its user types it. */
async function play(command: string): Promise<Played> {
  const env = { ...inheritedEnvironment(), TMPDIR: temporary };
  try {
    const { stdout, stderr } = await run('/bin/sh', ['-c', command], { cwd: folder, env });
    return { code: 0, text: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: number; stdout: string; stderr: string };
    return { code, text: stdout + stderr };
  }
}

const guide = readFileSync(join(projectRoot, 'docs/guides/testing.md'), 'utf8');

/** Blocks of the guide that stand under the name of a file. */
function filesOfGuide(): { path: string; text: string }[] {
  return [...guide.matchAll(/^`([\w./-]+)`:\n\n```\w+\n([\s\S]*?)^```/gm)].map((found) => ({
    path: found[1] ?? '',
    text: found[2] ?? '',
  }));
}

/** Nothing of the user's commands is left: no process with their mark, no file in their temporary folder. */
async function expectNothingLeft(): Promise<void> {
  await eventually(() => {
    if (hasProc) expect(processesOf(temporary, 'TMPDIR')).toEqual([]);
    expect(readdirSync(temporary)).toEqual([]);
  });
}

// @req: package.installed, done.guide, dev.exec, testing.no-leftovers
test('the ten-line suite of the guide passes around torua dev --exec and leaves nothing behind', async () => {
  const files = filesOfGuide();
  expect(files.map(({ path }) => path)).toEqual([
    'features/greeting.feature',
    'features/greeting.steps.mjs',
  ]);
  for (const { path, text } of files) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  expect(files[1]?.text.trimEnd().split('\n').length).toBeLessThanOrEqual(10);
  const command = /^npx torua dev --exec "npx cucumber-js .*"$/m.exec(guide)?.[0] ?? 'false';
  expect(guide).toContain(`      - run: ${command}`);
  const { code, text } = await play(command);
  expect(text).toContain('1 scenario (1 passed)');
  expect(code).toBe(0);
  await expectNothingLeft();
}, 60_000);

// @req: dev.exec
test('a failing suite gives its exit code to torua dev, and leaves nothing behind either', async () => {
  const played = await play('npx torua dev --nodes 1 --exec "test -n \\"$TORUA_URL\\"; exit 7"');
  expect(played.code).toBe(7);
  await expectNothingLeft();
}, 30_000);

// @req: testing.cucumber
test('the ready steps of torua/cucumber work in a suite of the user, after one import', async () => {
  const steps = join(folder, 'ready');
  mkdirSync(steps, { recursive: true });
  writeFileSync(join(steps, 'support.mjs'), "import 'torua/cucumber';\n");
  const feature = `Feature: ready steps
    Scenario: a key
      Given the key "a/b" holds "hello"
      When I send GET "/data/a%2Fb"
      Then the answer is 200
      And the answer text is "hello"\n`;
  writeFileSync(join(steps, 'ready.feature'), feature);
  const suite = 'npx cucumber-js --import ready/support.mjs ready/ready.feature';
  const { code, text } = await play(`npx torua dev --nodes 1 --exec "${suite}"`);
  expect(text).toContain('1 scenario (1 passed)');
  expect(code).toBe(0);
  await expectNothingLeft();
}, 60_000);

// @req: sdk.exported
test('the entries for programs can be imported, with types beside every entry', async () => {
  const program = `import { createClient } from 'torua';
  import { HEADERS } from 'torua/protocol';
  import { startCluster } from 'torua/testing';
  const cluster = await startCluster({ nodes: 1 });
  const client = createClient({ url: cluster.url });
  await client.put('a', 'b');
  console.log((await client.get('a')).text(), HEADERS.requestId);
  await client.close();
  await cluster.close();`;
  writeFileSync(join(folder, 'entries.mjs'), program);
  expect(await play(`${process.execPath} entries.mjs`)).toEqual({
    code: 0,
    text: 'b x-request-id\n',
  });
  const packed = JSON.parse(
    readFileSync(join(folder, 'node_modules/torua/package.json'), 'utf8'),
  ) as { exports: Record<string, { types: string; default: string }> };
  expect(Object.keys(packed.exports)).toEqual(['.', './protocol', './testing', './cucumber']);
  for (const entry of Object.values(packed.exports).flatMap((paths) => Object.values(paths)))
    expect(readFileSync(join(folder, 'node_modules/torua', entry), 'utf8')).not.toBe('');
  await expectNothingLeft();
}, 30_000);
