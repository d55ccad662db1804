/** A first-in, first-out queue with a stated bound; what does not fit is the caller's to refuse. */

/** Constant-time at both ends. */
export class BoundedQueue<T> {
  readonly capacity: number;
  #items: (T | undefined)[] = [];
  #head = 0;

  constructor(capacity: number) {
    this.capacity = capacity;
  }

  get length(): number {
    return this.#items.length - this.#head;
  }

  /** Whether the item was taken; false when the queue is full. */
  offer(item: T): boolean {
    if (this.length >= this.capacity) return false;
    this.#items.push(item);
    return true;
  }

  /** The oldest item, or undefined when empty. */
  take(): T | undefined {
    const item = this.#items[this.#head];
    if (this.#head >= this.#items.length) return undefined;
    // The slot is cleared: a queue must not keep alive what was taken from it.
    this.#items[this.#head] = undefined;
    this.#head += 1;
    if (this.#head === this.#items.length) {
      this.#items.length = 0;
      this.#head = 0;
    } else if (this.#head > 1_024 && this.#head * 2 > this.#items.length) {
      this.#items = this.#items.slice(this.#head);
      this.#head = 0;
    }
    return item;
  }

  /** The oldest item without taking it. */
  peek(): T | undefined {
    return this.#items[this.#head];
  }

  /** What waits, oldest first, without taking it. Contract: nothing is taken or offered meanwhile. */
  *items(): Iterable<T> {
    for (let place = this.#head; place < this.#items.length; place += 1)
      yield this.#items[place] as T;
  }
}
