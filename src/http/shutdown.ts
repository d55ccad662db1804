/** The end of a process: one function for signals and for errors nobody caught, with a time after which it ends anyhow. */
import closeWithGrace from 'close-with-grace';
import type { Logger } from '../kernel/logger.ts';

/** What to do at the end. */
export interface ShutdownOptions {
  readonly logger: Logger;
  /** After this the process ends with code 1, whatever is still open. */
  readonly graceMs: number;
  /** Stops accepting, drains, closes the stores. `reason` is the signal's name or the error. */
  close(reason: string | Error): Promise<void>;
}

/**
 * Ends the process on SIGTERM and SIGINT with code 0 after `close`, on an uncaught error with code 1; a second signal
 * ends it at once. The answer starts the same from within and takes the handlers away again.
 */
export function installShutdown(options: ShutdownOptions): { close(): void; uninstall(): void } {
  const { logger } = options;
  return closeWithGrace(
    {
      delay: options.graceMs,
      logger: { error: (message?: unknown) => logger.error({ err: message }, 'shutdown') },
      skip: ['beforeExit'],
    },
    async ({ signal, err }) => {
      if (err !== undefined) logger.error({ err }, 'uncaught error');
      else logger.info({ signal: signal ?? 'request' }, 'stopping');
      await options.close(err ?? signal ?? 'request');
    },
  );
}
