/**
 * Errors on their way out: whatever was thrown becomes one of our codes and leaves as RFC 9457 problem+json. No stack
 * trace leaves the process; what nobody expected is logged with its cause.
 */
import { errorCodes, type FastifyReply, type FastifyRequest } from 'fastify';
import { ResponseSerializationError } from 'fastify-type-provider-zod';
import { ZodError } from 'zod';
import { asToruaError, problemOf, ToruaError } from '../kernel/errors.ts';
import { jsonText } from './pretty.ts';
import { invalidRequest } from './validation.ts';

/** Content-type of every error. */
export const PROBLEM_CONTENT_TYPE = 'application/problem+json; charset=utf-8';
/** Seconds of `retry-after` on overload answers that do not say it themselves. */
const RETRY_AFTER_S = 1;

/** Answers the request with the error. Headers `retry-after` and `allow` come from it. */
export function sendProblem(reply: FastifyReply, error: ToruaError): FastifyReply {
  const { url } = reply.request.raw;
  const status = error.definition.status;
  if (error.retryAfterMs !== undefined || status === 429 || status === 503) {
    void reply.header(
      'retry-after',
      String(Math.max(RETRY_AFTER_S, Math.ceil((error.retryAfterMs ?? 0) / 1_000))),
    );
  }
  const { allow } = error.fields;
  if (status === 405 && Array.isArray(allow)) void reply.header('allow', allow.join(', '));
  const problem = problemOf(error, { instance: instanceOf(url), requestId: reply.request.id });
  return reply
    .code(status)
    .header('content-type', PROBLEM_CONTENT_TYPE)
    .serializer(String)
    .send(jsonText(problem, url ?? '/'));
}

/** The path of a request target; queries may hold what nobody wants repeated. */
export function instanceOf(url: string | undefined): string {
  return (url ?? '/').split('?', 1)[0]?.slice(0, 2_048) ?? '/';
}

/** Anything thrown while a request was answered, as one of our errors. */
export function translated(thrown: unknown, request: FastifyRequest): ToruaError {
  if (thrown instanceof ToruaError) return thrown;
  if (thrown instanceof ResponseSerializationError) {
    return new ToruaError('invariant_broken', 'The answer does not match its schema.', {
      cause: thrown,
    });
  }
  if (thrown instanceof ZodError) return invalidRequest(thrown, undefined, 'The request');
  if (thrown instanceof SyntaxError)
    return new ToruaError('invalid_json', `The body is not valid JSON: ${thrown.message}.`);
  if (thrown instanceof errorCodes.FST_ERR_BAD_URL) return badUrl(request);
  if (thrown instanceof errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE) {
    return new ToruaError(
      'unsupported_media_type',
      `The content-type ${JSON.stringify(request.headers['content-type'] ?? '')} cannot be read; send application/json.`,
    );
  }
  const status = statusOf(thrown);
  if (status !== undefined && status >= 400 && status < 500) {
    return new ToruaError('invalid_request', (thrown as Error).message, { cause: thrown });
  }
  return asToruaError(thrown);
}

/** A path that is not percent-encoded UTF-8: in a key's place it is the key that cannot be used. */
export function badUrl(request: FastifyRequest): ToruaError {
  const path = instanceOf(request.raw.url);
  const code = /^\/(data|store|shard\/[^/]*\/store)\//.test(path)
    ? 'invalid_key'
    : 'invalid_request';
  return new ToruaError(
    code,
    'The path holds a percent sign that does not start the encoding of UTF-8; write it as %25.',
  );
}

function statusOf(thrown: unknown): number | undefined {
  if (!(thrown instanceof Error) || !('statusCode' in thrown)) return undefined;
  return typeof thrown.statusCode === 'number' ? thrown.statusCode : undefined;
}
