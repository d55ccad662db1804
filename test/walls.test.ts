/** The walls go red: each kind of forbidden import is written into a small tree and has to be found there. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cruiseWalls, wallProblems } from '../scripts/walls.mjs';

/** [file, its text, the rule that has to name it]. */
const FORBIDDEN: [file: string, text: string, rule: string][] = [
  ['src/coordinator/a.ts', "import '../engine/engine.ts';", 'room-coordinator'],
  ['src/cluster/a.ts', "import '../transport/wire.ts';", 'room-cluster'],
  ['src/log/a.ts', "import '../shard/copy.ts';", 'room-log'],
  ['src/kernel/a.ts', "import '../protocol/frame.ts';", 'room-kernel'],
  ['src/protocol/a.ts', "import type { Engine } from '../engine/engine.ts';", 'room-protocol'],
  ['src/node/a.ts', "import '../shard/reaches-cluster.ts';", 'reach-node'],
  ['src/shard/a.ts', "import 'kuzu';", 'module-kuzu'],
  ['src/shard/b.test.ts', "import 'kuzu';", 'module-kuzu'],
  ['src/http/a.ts', "import 'undici';", 'module-undici'],
  ['src/shard/c.ts', "import '@fastify/compress';", 'module-fastify'],
  ['src/http/b.ts', "import 'prom-client';", 'module-prom-client'],
  ['src/http/c.ts', "import { pino } from 'pino';", 'module-pino'],
  ['src/cli/a.ts', "import '@cucumber/cucumber';", 'module-cucumber'],
  ['src/node/b.ts', "import 'commander';", 'module-command-line'],
  ['src/node/c.ts', "import { fork } from 'node:child_process';", 'module-child-process'],
  ['src/log/b.ts', "import { open } from 'node:fs/promises';", 'module-files'],
  ['src/shard/d.ts', "import { readFileSync } from 'fs';", 'module-files'],
  ['src/coordinator/b.ts', "import { createServer } from 'node:http';", 'module-sockets'],
  ['src/log/c.ts', "import { setTimeout } from 'node:timers/promises';", 'module-timers'],
  ['src/cluster/b.ts', "import { hostname } from 'node:os';", 'pure-rooms'],
  ['src/http/d.ts', "import '../../test/helper.ts';", 'no-tests-in-product'],
  ['src/http/e.ts', "import 'vitest';", 'no-development-packages-in-product'],
  ['src/attic/a.ts', "import '../kernel/clock.ts';", 'no-unknown-room'],
  ['src/http/f.ts', "import './nowhere.ts';", 'resolvable'],
  ['src/kernel/b.ts', "import type { C } from './c.ts'; export type B = C;", 'no-cycles'],
  ['features/a.ts', "import '../src/shard/copy.ts';", 'features-use-the-public-rooms'],
];

/** Files that are imported above, and imports that are allowed. */
const ALLOWED: [file: string, text: string][] = [
  ['src/kernel/c.ts', "import type { B } from './b.ts'; export type C = B;"],
  ['src/kernel/clock.ts', 'export const clock = 1;'],
  ['src/kernel/node-disk.ts', "import { openSync } from 'node:fs';"],
  ['src/kernel/logger.ts', "import { pino } from 'pino';"],
  ['src/engine/engine.ts', "import 'kuzu'; export interface Engine { readonly name: string }"],
  ['src/transport/wire.ts', "import 'undici'; import '../protocol/frame.ts';"],
  ['src/protocol/frame.ts', "import { z } from 'zod';"],
  ['src/cluster/reduce.ts', "import { z } from 'zod'; import '../kernel/clock.ts';"],
  ['src/shard/copy.ts', "import '../log/log.ts'; import '../engine/engine.ts';"],
  ['src/shard/copy.test.ts', "import { mkdtempSync } from 'node:fs'; import 'vitest';"],
  ['src/shard/reaches-cluster.ts', "import '../cluster/reduce.ts';"],
  ['src/log/log.ts', "import '../kernel/clock.ts';"],
  ['src/testing/cucumber.ts', "import '@cucumber/cucumber';"],
  ['test/helper.ts', "import '../src/shard/copy.ts';"],
];

let directory: string;
let found: { rule: string; from: string }[];

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'torua-walls-'));
  for (const [file, text] of [...FORBIDDEN, ...ALLOWED]) {
    mkdirSync(join(directory, dirname(file)), { recursive: true });
    writeFileSync(join(directory, file), `${text}\n`);
  }
  symlinkSync(resolve('node_modules'), join(directory, 'node_modules'));
  copyFileSync('package.json', join(directory, 'package.json'));
  const { violations } = await cruiseWalls(directory);
  found = violations.map(({ rule, from }) => ({ rule: rule.name, from }));
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

// @req: house.walls
describe('walls', () => {
  test.each(FORBIDDEN)('%s with "%s" breaks %s', (file, _text, rule) => {
    expect(found).toContainEqual({ rule, from: file });
  });

  test('allowed imports break nothing but the cycle and the reach that they belong to', () => {
    const files = new Set(ALLOWED.map(([file]) => file));
    const broken = found.filter(({ from, rule }) => files.has(from) && rule !== 'no-cycles');
    expect(broken).toEqual([{ rule: 'room-shard', from: 'src/shard/reaches-cluster.ts' }]);
  });

  // @req: house.walls.count
  test('fail when fewer modules were seen than expected', () => {
    expect(wallProblems({ violations: [], totalCruised: 9 }, 10)).toEqual([
      'walls: 9 modules cruised, at least 10 expected',
    ]);
    expect(wallProblems({ violations: [], totalCruised: 10 }, 10)).toEqual([]);
  });
});
