/** The process `torua` as a user starts it: help, exit codes, supervise with real children, commands on a stub cluster. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { CliContext } from '../../src/cli/context.ts';
import { EXIT_CODES } from '../../src/cli/exit-codes.ts';
import { buildProgram, COMMAND_NAMES } from '../../src/cli/program.ts';
import { writeStubPrograms } from '../../src/testing/stub-programs.ts';
import { type Cluster, eventually, startClusterOf } from '../../src/testing/testing.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
let folder: string;
let cluster: Cluster;
const started: ChildProcess[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'torua-test-'));
  cluster = await startClusterOf(writeStubPrograms(folder), { nodes: 1 });
});

afterEach(() => {
  for (const child of started.splice(0)) child.kill('SIGKILL');
});

afterAll(async () => {
  await cluster.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Run {
  readonly child: ChildProcess;
  readonly ended: Promise<{ code: number | null; out: string; err: string }>;
  out(): string;
}

function torua(
  words: readonly string[],
  input = '',
  env: Readonly<Record<string, string>> = {},
): Run {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/cli/main.ts', ...words], {
    cwd: root,
    env: { ...process.env, ...env, TORUA_URL: cluster.url },
  });
  started.push(child);
  let out = '';
  let err = '';
  child.stdout.on('data', (data) => {
    out += data;
  });
  child.stderr.on('data', (data) => {
    err += data;
  });
  child.stdin.end(input);
  const ended = new Promise<{ code: number | null; out: string; err: string }>((resolve) =>
    child.once('close', (code) => resolve({ code, out, err })),
  );
  return { child, ended, out: () => out };
}

const alive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

/** A child that appends its pid to a file, then does what the code says. */
function childProgram(name: string, code: string): { words: string[]; lives: () => number[] } {
  const file = join(folder, `${name}.lives`);
  writeFileSync(file, '');
  const program = `require('fs').appendFileSync(${JSON.stringify(file)}, process.pid + '\\n'); ${code}`;
  return {
    words: ['supervise', '--', process.execPath, '-e', program],
    lives: () => readFileSync(file, 'utf8').split('\n').filter(Boolean).map(Number),
  };
}

const waiting = 'setInterval(() => {}, 1000);';

// @req: cli.help, cli.json
test('every command has a description, an example, and --json where it answers', async () => {
  const program = await buildProgram({ print: () => {}, tell: () => {} } as unknown as CliContext);
  expect(program.commands.map((command) => command.name())).toEqual(COMMAND_NAMES);
  const leaves = program.commands.flatMap((command) => [command, ...command.commands]);
  for (const command of leaves) {
    let help = '';
    command
      .configureOutput({
        writeOut: (text) => {
          help += text;
        },
      })
      .outputHelp();
    expect(help).toContain(
      `Example:\n  $ torua ${command.parent === program ? command.name() : command.parent?.name()}`,
    );
    expect(command.description()).not.toBe('');
    if (!['dev', 'supervise', 'config', 'cluster'].includes(command.name()))
      expect(help).toContain('--json');
  }
});

test('a value goes in from the argument, a file and stdin, and comes back byte for byte', async () => {
  expect(await torua(['put', 'k', 'from the argument']).ended).toMatchObject({ code: 0, out: '' });
  expect(await torua(['get', 'k']).ended).toMatchObject({ code: 0, out: 'from the argument' });
  expect(await torua(['put', 'k', '--json'], 'from stdin\n').ended).toMatchObject({
    code: 0,
    out: expect.stringContaining('"etag": "e"'),
  });
  expect(await torua(['get', 'k']).ended).toMatchObject({ code: 0, out: 'from stdin\n' });
}, 30_000);

// @req: cli.exit-codes
test.each([
  ['a key that does not exist', ['get', 'absent'], 'notFound', 'does not exist'],
  ['an unknown command', ['gte'], 'usage', 'Did you mean get?'],
  [
    'an address where nobody is',
    ['status', '--url', 'http://127.0.0.1:1'],
    'unreachable',
    'make start',
  ],
  ['a wish that needs a word of consent', ['reset'], 'usage', '--yes'],
] as const)(
  'the exit code of %s',
  async (_title, words, exit, text) => {
    const { code, err } = await torua(words).ended;
    expect({ code, err }).toEqual({
      code: EXIT_CODES[exit].code,
      err: expect.stringContaining(text),
    });
  },
  30_000,
);

test('a supervised child has few arenas for its memory, unless its operator says otherwise', async () => {
  const { words } = childProgram('arenas', 'console.log(process.env.MALLOC_ARENA_MAX)');
  for (const [env, told] of [
    [{}, '2'],
    [{ MALLOC_ARENA_MAX: '7' }, '7'],
  ] as const) {
    const run = torua(words, '', env);
    await eventually(() => expect(run.out()).toBe(`${told}\n`));
    run.child.kill('SIGTERM');
    await run.ended;
  }
});

// @req: supervise.restart-75
test("a supervised child is started again at once after code 75, and at last its code is the supervisor's", async () => {
  const file = JSON.stringify(join(folder, 'restart.lives'));
  const thirdLife = `require('fs').readFileSync(${file}, 'utf8').split('\\n').length > 3`;
  const { words, lives } = childProgram(
    'restart',
    `if (!(${thirdLife})) process.exit(75); process.on('SIGTERM', () => process.exit(9)); console.log('ready'); ${waiting}`,
  );
  const run = torua(words);
  await eventually(() => expect(run.out()).toBe('ready\n'));
  expect(lives()).toHaveLength(3);
  run.child.kill('SIGTERM');
  expect((await run.ended).code).toBe(9);
}, 30_000);

test('a supervised child that is killed lives again', async () => {
  const { words, lives } = childProgram('killed', waiting);
  const run = torua(words);
  await eventually(() => expect(lives()).toHaveLength(1));
  process.kill(lives()[0] ?? 0, 'SIGKILL');
  await eventually(() => expect(lives()).toHaveLength(2));
  run.child.kill('SIGINT');
  expect((await run.ended).code).toBe(130);
  expect(lives().some(alive)).toBe(false);
}, 30_000);

test('a supervisor stays idle after code 0 until it is told to stop', async () => {
  const { words, lives } = childProgram('idle', "console.log('passed through')");
  const run = torua(words);
  await eventually(() => expect(run.out()).toBe('passed through\n'));
  await eventually(() => expect(lives().some(alive)).toBe(false));
  expect(run.child.exitCode).toBeNull();
  run.child.kill('SIGTERM');
  expect((await run.ended).code).toBe(0);
  expect(lives()).toHaveLength(1);
}, 30_000);

test('neither a supervisor nor its child outlives the process that started it', async () => {
  const { words, lives } = childProgram('orphan', waiting);
  const parent = spawn(
    process.execPath,
    [
      '-e',
      [
        `const words = ${JSON.stringify(['--import', 'tsx', 'src/cli/main.ts', ...words])};`,
        "const { spawn } = require('child_process');",
        "console.log(spawn(process.execPath, words, { stdio: 'ignore' }).pid);",
        'setInterval(() => {}, 1000);',
      ].join('\n'),
    ],
    { cwd: root },
  );
  started.push(parent);
  const supervisor = await new Promise<number>((resolve) =>
    parent.stdout.once('data', (data) => resolve(Number(data))),
  );
  await eventually(() => expect(lives()).toHaveLength(1));
  parent.kill('SIGKILL');
  await eventually(() =>
    expect([alive(supervisor), ...lives().map(alive)]).toEqual([false, false]),
  );
}, 30_000);

test('a child whose supervisor is killed ends too', async () => {
  const { words, lives } = childProgram('guarded', waiting);
  const run = torua(words);
  await eventually(() => expect(lives()).toHaveLength(1));
  run.child.kill('SIGKILL');
  await eventually(() => expect(lives().some(alive)).toBe(false));
}, 30_000);

// @req: cli.inspect
test('inspect reads a directory without changing it, and says when it is none', async () => {
  const directory = join(folder, 'node');
  mkdirSync(join(directory, 'log'), { recursive: true });
  writeFileSync(
    join(directory, 'FORMAT'),
    '{"format":1,"kind":"node","directory_id":"00112233aabbccdd"}\n',
  );
  const { code, out } = await torua(['inspect', directory, '--json']).ended;
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({
    format: { kind: 'node' },
    state: null,
    log: { segments: [], damage: [] },
    copies: [],
  });
  expect(await torua(['inspect', folder]).ended).toMatchObject({
    code: 3,
    err: expect.stringContaining('no data directory'),
  });
}, 30_000);
