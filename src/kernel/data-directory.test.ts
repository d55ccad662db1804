/** A data directory belongs to one process of one kind, and to one version at most. */
import { beforeEach, describe, expect, test } from 'vitest';
import { SimDisk } from '../../test/simulation/sim-disk.ts';
import { simRandom } from '../../test/simulation/sim-random.ts';
import { openDataDirectory } from './data-directory.ts';
import { writeAtomically } from './disk.ts';

const random = simRandom(1);
let machine: SimDisk;

beforeEach(() => {
  machine = new SimDisk({ random });
});

const open = (kind: 'node' | 'coordinator' = 'node') =>
  openDataDirectory({ disk: machine.boot(), random }, '/data', kind);

async function write(name: string, text: string): Promise<void> {
  const disk = machine.boot();
  await disk.makeDirectory('/data');
  await writeAtomically(disk, '/data', name, Buffer.from(text));
}

// @req: data.format
test('a new directory gets an identity that every later opening finds again', async () => {
  const first = await open();
  expect(first.directoryId).toMatch(/^[0-9a-f]{16}$/);
  await first.lock.release();
  machine.crash();
  expect((await open()).directoryId).toBe(first.directoryId);
});

test('a power failure at any moment of the first opening leaves a directory that opens', async () => {
  for (let calls = 1; calls < 30; calls += 1) {
    machine = new SimDisk({ random });
    machine.beforeCall = () => {
      if (machine.calls >= calls) machine.crash();
    };
    await open().catch(() => {});
    machine.beforeCall = undefined;
    machine.crash();
    expect((await open()).directoryId).toMatch(/^[0-9a-f]{16}$/);
  }
});

describe('an opening is refused', () => {
  // @req: data.lock
  test('while another process holds the directory', async () => {
    await open();
    await expect(open()).rejects.toMatchObject({ code: 'directory_locked' });
  });

  // @req: data.newer
  test.each([
    ['of a newer format', '{"format":2,"kind":"node"}', 'directory_too_new', 'format 2'],
    [
      'of the other kind',
      '{"format":1,"kind":"coordinator","directory_id":"0123456789abcdef"}',
      'directory_foreign',
      'belongs to a coordinator',
    ],
    ['without an identity', '{"format":1,"kind":"node"}', 'directory_foreign', 'damaged'],
    ['cut short', '{"format":1,"ki', 'directory_foreign', 'damaged'],
    ['that is no object', 'null', 'directory_foreign', 'damaged'],
  ])('for a FORMAT %s, and the lock is given back', async (_how, text, code, words) => {
    await write('FORMAT', text);
    await expect(open()).rejects.toMatchObject({ code, detail: expect.stringContaining(words) });
    await machine.boot().remove('/data/FORMAT');
    await expect(open()).resolves.toBeDefined();
  });

  test('for a directory that holds something else', async () => {
    await write('notes.txt', 'mine');
    await expect(open()).rejects.toMatchObject({ code: 'directory_foreign' });
    expect(machine.peek('/data/notes.txt').toString()).toBe('mine');
  });
});

test('what mkfs puts at the root of a volume does not matter', async () => {
  await machine.boot().makeDirectory('/data/lost+found');
  await expect(open()).resolves.toBeDefined();
});
