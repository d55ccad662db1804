import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BoundedQueue } from './bounded-queue.ts';

test('behaves like a list with a bound, whatever is done to it', () => {
  const step = fc.oneof(fc.nat(99), fc.constant('take' as const));
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 200 }),
      fc.integer({ min: 1, max: 20 }),
      (steps, capacity) => {
        const queue = new BoundedQueue<number>(capacity);
        const model: number[] = [];
        for (const value of steps) {
          if (value === 'take') expect(queue.take()).toBe(model.shift());
          else if (queue.offer(value)) model.push(value);
          else expect(model.length).toBe(capacity);
          expect(queue.length).toBe(model.length);
          expect(queue.peek()).toBe(model[0]);
          expect([...queue.items()]).toEqual(model);
        }
      },
    ),
  );
});

test('a long life of takes and offers keeps the order', () => {
  const queue = new BoundedQueue<number>(5_000);
  let next = 0;
  let expected = 0;
  for (let round = 0; round < 50; round += 1) {
    for (let count = 0; count < 100; count += 1) queue.offer(next++);
    for (let count = 0; count < 70; count += 1) expect(queue.take()).toBe(expected++);
  }
  expect(queue.length).toBe(next - expected);
});
