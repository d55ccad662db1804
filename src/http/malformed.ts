/** What is not HTTP, or not in time: answered as problem+json on the bare socket, before any route is known. */
import type { Socket } from 'node:net';
import { ERROR_CODES } from '../kernel/error-codes.ts';
import { problemOf, ToruaError } from '../kernel/errors.ts';
import { type KnownPaths, noRoute } from './known-paths.ts';
import { instanceOf, PROBLEM_CONTENT_TYPE } from './problems.ts';

/** What node's parser reports. */
interface ParserError extends Error {
  readonly code?: string | undefined;
  readonly rawPacket?: Buffer | undefined;
}

/** Answers a connection whose bytes make no request, and closes it. A socket that is gone already is left alone. */
export function answerMalformed(
  error: Error,
  socket: Socket,
  options: { known: KnownPaths; requestId: string },
): void {
  const thrown = error as ParserError;
  if (thrown.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = problemOfBytes(thrown, options.known);
  socket.end(rawAnswer(problem.error, problem.instance, options.requestId));
}

/** A whole HTTP/1.1 answer that ends the connection. */
export function rawAnswer(error: ToruaError, instance: string, requestId: string): string {
  const body = JSON.stringify(problemOf(error, { instance, requestId }));
  const { status } = error.definition;
  const { allow } = error.fields;
  const headers = [
    `HTTP/1.1 ${status} ${ERROR_CODES[error.code].title.replace(/[^\x20-\x7e]/g, '')}`,
    `content-type: ${PROBLEM_CONTENT_TYPE}`,
    `content-length: ${Buffer.byteLength(body)}`,
    `x-request-id: ${requestId}`,
    ...(Array.isArray(allow) ? [`allow: ${allow.join(', ')}`] : []),
    'connection: close',
  ];
  return `${headers.join('\r\n')}\r\n\r\n${body}`;
}

function problemOfBytes(
  thrown: ParserError,
  known: KnownPaths,
): { error: ToruaError; instance: string } {
  switch (thrown.code) {
    case 'HPE_HEADER_OVERFLOW':
      return {
        error: new ToruaError(
          'headers_too_large',
          'The request line and headers are over the limit.',
        ),
        instance: '/',
      };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return {
        error: new ToruaError('request_timed_out', 'The headers did not arrive in time.'),
        instance: '/',
      };
    case 'HPE_INVALID_METHOD': {
      const line = /^(\S+) (\/\S*) HTTP\/1\.[01]\r?\n/.exec(
        thrown.rawPacket?.subarray(0, 16_384).toString('latin1') ?? '',
      );
      if (line === null) return { error: notHttp(thrown), instance: '/' };
      const instance = instanceOf(line[2]);
      return { error: noRoute(known, line[1] ?? '', instance), instance };
    }
    default:
      return { error: notHttp(thrown), instance: '/' };
  }
}

function notHttp(thrown: ParserError): ToruaError {
  return new ToruaError(
    'invalid_request',
    `The bytes received are not an HTTP/1.1 request (${thrown.code ?? 'unreadable'}).`,
  );
}
