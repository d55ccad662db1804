/** Tasks one after another: each begins when the one before has ended, well or badly. */

/** See the module. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  /** The task's own outcome. A failure is the caller's to handle; it does not stop those that wait. */
  run<T>(task: () => Promise<T>): Promise<T> {
    const next = this.#last.then(task);
    this.#last = next.catch(() => {});
    return next;
  }
}
