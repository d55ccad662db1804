/** The life of everything that runs for long: one shape, so that shutdown is one function. */

/** Something that runs until told to stop. */
export interface Service {
  readonly name: string;
  /** Runs; resolves when finished, rejects when it cannot go on. */
  run(): Promise<void>;
  /** Asks it to finish. Idempotent; `run` resolves soon after. */
  stop(): void;
}
