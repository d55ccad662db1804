/** What the coordinator's routes share: the runtime, streams of large values, limits. */
import type { FastifyInstance } from 'fastify';
import type { ValueStreams } from '../transport/value-stream.ts';
import type { CoordinatorRuntime } from './coordinator-runtime.ts';

/** Everything a route may need. */
export interface CoordinatorApp {
  readonly app: FastifyInstance;
  readonly runtime: CoordinatorRuntime;
  readonly streams: ValueStreams;
  readonly valueBytesMax: number;
  readonly bulkLineBytesMax: number;
  readonly allowReset: boolean;
  /** URL under which others reach this coordinator. */
  readonly url: () => string;
  /** Things an operator should look at. */
  readonly warnings: () => readonly string[];
}
