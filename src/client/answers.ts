/** Answers checked against their schemas, in the code's names. */
import { z } from 'zod';
import { type Decoded, decode } from '../protocol/case.ts';
import { localError } from './request-error.ts';

/** The answer in the code's names. Errors: `not_torua` when it is not what the contract says. */
export function decodeAnswer<Schema extends z.ZodType>(
  schema: Schema,
  wire: unknown,
): Decoded<Schema> {
  try {
    return decode(schema, wire);
  } catch (cause) {
    if (!(cause instanceof z.ZodError)) throw cause;
    const issue = cause.issues[0];
    throw localError(
      'not_torua',
      `The answer's ${issue?.path.join('.') || 'body'} is not as expected: ${issue?.message}.`,
      cause,
    );
  }
}
