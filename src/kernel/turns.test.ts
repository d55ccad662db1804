import { expect, test } from 'vitest';
import { Turns } from './turns.ts';

test('tasks run one after another, whatever becomes of them', async () => {
  const turns = new Turns();
  const seen: string[] = [];
  const task = (name: string, fails: boolean) => async () => {
    seen.push(`${name} begins`);
    await Promise.resolve();
    seen.push(`${name} ends`);
    if (fails) throw new Error(name);
    return name;
  };
  const first = turns.run(task('a', true));
  const second = turns.run(task('b', false));
  await expect(first).rejects.toThrow('a');
  expect(await second).toBe('b');
  expect(seen).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
});
