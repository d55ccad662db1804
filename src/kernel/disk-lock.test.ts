import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { takeLock } from './disk-lock.ts';

const hasProc = existsSync('/proc/self/stat');
const CHILD = `
  const { takeLock } = await import(${JSON.stringify(new URL('./disk-lock.ts', import.meta.url).href)});
  try {
    await takeLock(process.argv[1]);
    console.log('held');
    setInterval(() => {}, 1000);
  } catch (error) {
    console.log(error.code);
  }
`;

describe('the lock of a data directory', () => {
  let directory: string;
  let path: string;
  const children: ChildProcess[] = [];

  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'torua-lock-'));
    path = join(directory, 'LOCK');
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await rm(directory, { recursive: true });
  });

  /** A process that tries to take the lock, and what it said. */
  async function contender(): Promise<{ child: ChildProcess; said: string }> {
    const options = ['--import', 'tsx', '--input-type=module', '-e', CHILD, path];
    const child = spawn(process.execPath, options, { stdio: ['ignore', 'pipe', 'inherit'] });
    children.push(child);
    const [said] = (await once(child.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
    return { child, said: said.toString().trim() };
  }

  const held = (): Record<string, unknown> => JSON.parse(readFileSync(path, 'utf8'));

  test('is refused while its holder lives, and names it', async () => {
    const { child, said } = await contender();
    expect(said).toBe('held');
    await expect(takeLock(path)).rejects.toMatchObject({
      code: 'directory_locked',
      detail: expect.stringContaining(`${path} is held by process ${child.pid}`),
    });
    expect((await contender()).said).toBe('directory_locked');
  });

  test('is taken over at once after kill -9 of its holder', async () => {
    const { child } = await contender();
    child.kill('SIGKILL');
    await once(child, 'exit');
    const lock = await takeLock(path);
    expect(held()).toMatchObject({ pid: process.pid });
    expect(await readdir(directory)).toEqual(['LOCK']);
    await lock.release();
    expect(await readdir(directory)).toEqual([]);
  });

  test('is never held by two of many that find a stale one', async () => {
    for (let round = 0; round < 30; round += 1) {
      await writeFile(path, JSON.stringify({ pid: 2 ** 22 + 1, boot_id: 'an earlier boot' }));
      const taken = await Promise.allSettled(Array.from({ length: 8 }, () => takeLock(path)));
      const holders = taken.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      expect(holders.length).toBeLessThanOrEqual(1);
      for (const lock of holders) await lock.release();
      await rm(path, { force: true });
    }
  });

  test('moved aside by mistake still counts while its holder lives', async () => {
    await takeLock(path);
    await rename(path, `${path}.stale-1-1`);
    await expect(takeLock(path)).rejects.toMatchObject({ code: 'directory_locked' });
    expect(await readdir(directory)).toEqual(['LOCK.stale-1-1']);
    await writeFile(`${path}.stale-1-1`, JSON.stringify({ pid: 2 ** 22 + 1 }));
    await (await takeLock(path)).release();
    expect(await readdir(directory)).toEqual([]);
  });

  test('released by one who lost it leaves the new holder alone', async () => {
    const lock = await takeLock(path);
    await writeFile(path, JSON.stringify({ pid: 1 }));
    await lock.release();
    expect(held()).toEqual({ pid: 1 });
  });

  test('in a directory that does not exist fails as storage', async () => {
    await expect(takeLock(join(directory, 'absent', 'LOCK'))).rejects.toMatchObject({
      code: 'storage_failed',
    });
  });

  describe.runIf(hasProc)('counts as released when', () => {
    const cases = [
      { what: 'the machine was started again', change: { boot_id: 'another' } },
      { what: 'the holder is in another pid namespace', change: { pid_namespace: 'pid:[1]' } },
      { what: 'the pid belongs to a later process', change: { start_ticks: '1' } },
      { what: 'no process has the pid', change: { pid: 2 ** 22 + 1 } },
    ];
    test.each(cases)('$what', async ({ change }) => {
      const lock = await takeLock(path);
      await writeFile(path, JSON.stringify({ ...held(), ...change }));
      const taken = await takeLock(path);
      expect(held()).toMatchObject({ pid: process.pid });
      await lock.release();
      await taken.release();
    });

    test.each(['', 'not json', '{}', 'null'])('its content is %j', async (content) => {
      await writeFile(path, content);
      await (await takeLock(path)).release();
    });
  });

  test.runIf(hasProc)('rests on the pid alone when start ticks are not known', async () => {
    await takeLock(path);
    const { boot_id, pid_namespace } = held();
    const without = { boot_id, pid_namespace, start_ticks: null };
    await writeFile(path, JSON.stringify({ ...without, pid: process.pid }));
    await expect(takeLock(path)).rejects.toMatchObject({ code: 'directory_locked' });
    await writeFile(path, JSON.stringify({ ...without, pid: 2 ** 22 + 1 }));
    await (await takeLock(path)).release();
  });
});
