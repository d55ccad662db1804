/** The lines that a load could not store: as they were, in a file that can be corrected and loaded again. */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';

/** Reasons told one by one; the rest is only counted. */
const REASONS_TOLD_MAX = 20;

/** One line that was not stored. */
export interface Rejection {
  /** Counted from 1. */
  readonly line: number;
  readonly text: Buffer;
  readonly reason: string;
}

/** Created with the first rejection; one of an earlier load is removed first. */
export class RejectedFile {
  readonly path: string;
  #file: number | undefined;
  #told = 0;

  constructor(path: string) {
    this.path = path;
    rmSync(path, { force: true });
  }

  /** Keeps the line, and tells the reason while there are few. */
  add(rejection: Rejection, tell: (text: string) => void): void {
    this.#file ??= openSync(this.path, 'w');
    writeSync(this.#file, Buffer.concat([rejection.text, Buffer.from('\n')]));
    this.#told += 1;
    if (this.#told <= REASONS_TOLD_MAX) tell(`line ${rejection.line}: ${rejection.reason}`);
    if (this.#told === REASONS_TOLD_MAX + 1) tell('further reasons are not shown');
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file);
    this.#file = undefined;
  }
}
