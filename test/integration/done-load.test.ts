/**
 * The first "done when", with the data set that lies beside the project (`TORUA_DATA_SETS`): load it with the
 * command, kill every process, start again, and get every document back byte for byte.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startCluster } from '../../src/testing/testing.ts';

const root = join(import.meta.dirname, '..', '..');
const sets = process.env['TORUA_DATA_SETS'] ?? join(root, '..', 'shared', 'data');
const corpus = join(sets, 'retrieval', 'hotpot100', 'corpus.jsonl');
const isThere = existsSync(corpus);
if (!isThere) console.warn(`not played: no data set at ${corpus} (TORUA_DATA_SETS)`);

// @req: done.load
test.runIf(isThere)('994 loaded passages survive kill -9 of every process', async () => {
  const cluster = await startCluster({ nodes: 3, shards: 4 });
  try {
    const command = ['dist/esm/cli/main.js', 'load', corpus, '--key', 'id', '--url', cluster.url];
    const loaded = spawnSync(process.execPath, command, { cwd: root, encoding: 'utf8' });
    expect(loaded.status, loaded.stderr).toBe(0);
    const targets = ['coordinator', ...cluster.nodes.map(({ id }) => id)];
    await Promise.all(targets.map((target) => cluster.kill(target)));
    for (const target of targets) await cluster.restart(target);
    await cluster.waitFor('green', { timeoutMs: 30_000 });
    const lines = readFileSync(corpus, 'utf8').split('\n').filter(Boolean);
    expect(lines).toHaveLength(994);
    for (const line of lines) {
      const { id } = JSON.parse(line) as { id: string };
      const found = await cluster.client.get(id);
      expect(Buffer.from(found?.value ?? '').equals(Buffer.from(line)), id).toBe(true);
    }
  } finally {
    await cluster.close();
  }
});
