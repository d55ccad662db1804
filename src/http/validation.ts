/** What zod says about a request, in one sentence that names the field, with the near name when one is misspelt. */
import type { FastifySchemaCompiler } from 'fastify';
import { z } from 'zod';
import { ToruaError } from '../kernel/errors.ts';
import { nearest } from '../kernel/suggest.ts';

const PLACES: Readonly<Record<string, string>> = {
  body: 'The body',
  querystring: 'The query',
  params: 'The path',
  headers: 'The headers',
};

/** The first fault as `unknown_field` or `invalid_request`. `place` starts the sentence ("The body"). */
export function invalidRequest(
  error: z.core.$ZodError,
  schema: z.ZodType | undefined,
  place: string,
): ToruaError {
  const issue = error.issues[0];
  if (issue === undefined) return new ToruaError('invalid_request', `${place} is not valid.`);
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    const field = issue.keys[0] ?? '';
    const known = knownFields(schema, path);
    const near = nearest(field, known);
    const hint =
      near === undefined ? `; known are ${known.join(', ') || 'none'}.` : `; did you mean ${near}?`;
    return new ToruaError(
      'unknown_field',
      `${place} has the unknown field ${[...path, field].join('.')}${hint}`,
      {
        fields: { field: [...path, field].join('.') },
      },
    );
  }
  const field = path.join('.');
  const subject = field === '' ? place : `${place}'s field ${field}`;
  return new ToruaError(
    'invalid_request',
    `${subject} is not valid: ${issue.message}.`,
    field === '' ? {} : { fields: { field } },
  );
}

/** A Fastify validator for zod schemas whose refusals are ours. What is absent counts as an empty object. */
export const zodValidator: FastifySchemaCompiler<z.ZodType> =
  ({ schema, httpPart }) =>
  (data) => {
    const result = schema.safeParse(data ?? {});
    return result.success
      ? { value: result.data }
      : { error: invalidRequest(result.error, schema, PLACES[httpPart ?? ''] ?? 'The request') };
  };

/** Names of the fields at a place of a schema, through wrappers and lists; empty where there is no object. */
function knownFields(schema: z.ZodType | undefined, path: readonly string[]): string[] {
  let current: unknown = schema;
  for (const step of path) {
    const object = unwrapped(current);
    if (object instanceof z.ZodObject) current = object.shape[step];
    else if (object instanceof z.ZodArray) current = object.element;
    else return [];
  }
  const object = unwrapped(current);
  return object instanceof z.ZodObject ? Object.keys(object.shape) : [];
}

function unwrapped(schema: unknown): unknown {
  let current = schema;
  while (
    current instanceof z.ZodOptional ||
    current instanceof z.ZodNullable ||
    current instanceof z.ZodDefault
  ) {
    current = current.unwrap();
  }
  return current;
}
