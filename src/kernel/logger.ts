/** Logging: pino behind the four levels the house uses. Messages are constants; data goes in fields. */
import { pino } from 'pino';

/** What rooms may do with a log. */
export interface Logger {
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  info(fields: object, message: string): void;
  debug(fields: object, message: string): void;
  /** Whether `debug` lines are written; asked before fields are built on a hot path. */
  debugEnabled(): boolean;
  /** Changes the level at run time (`POST /control` `log_level`). */
  setLevel(level: LogLevel): void;
}

/** Levels in the order of their loudness. */
export const LOG_LEVELS = ['error', 'warn', 'info', 'debug', 'silent'] as const;
/** One of `LOG_LEVELS`. */
export type LogLevel = (typeof LOG_LEVELS)[number];

/** A logger on stderr: JSON lines, or readable text when stderr is a terminal. Secrets are redacted. */
export function createLogger(options: { level: LogLevel; name: string; isTty: boolean }): Logger {
  const target = options.isTty
    ? { transport: { target: 'pino-pretty', options: { destination: 2 } } }
    : {};
  const settings = {
    level: options.level,
    base: { process: options.name },
    timestamp: pino.stdTimeFunctions.isoTime,
    redact: ['token', '*.token', 'authorization', '*.authorization'],
    ...target,
  };
  const logger = options.isTty
    ? pino(settings)
    : pino(settings, pino.destination({ dest: 2, sync: false }));
  return {
    error: (fields, message) => logger.error(fields, message),
    warn: (fields, message) => logger.warn(fields, message),
    info: (fields, message) => logger.info(fields, message),
    debug: (fields, message) => logger.debug(fields, message),
    debugEnabled: () => logger.isLevelEnabled('debug'),
    setLevel: (level) => {
      logger.level = level;
    },
  };
}

/** Swallows everything; for tests and tools that print for themselves. */
export const silentLogger: Logger = {
  error: () => {},
  warn: () => {},
  info: () => {},
  debug: () => {},
  debugEnabled: () => false,
  setLevel: () => {},
};
