/** The one content-type parser: what becomes of a body is decided by the route, not by what the client calls it. */
import { isUtf8 } from 'node:buffer';
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ToruaError } from '../kernel/errors.ts';
import { INLINE_VALUE_BYTES_MAX } from '../protocol/key-operation.ts';
import type { AppContext } from './app-options.ts';
import { type BodyPlan, readBody } from './body-reader.ts';
import type { IdleWatch } from './idle-watch.ts';

/** JSON is read from these and from no content-type at all: `curl -d` names it a form. */
const JSON_TYPES =
  /^(application\/([\w.-]+\+)?json|text\/plain|text\/json|application\/x-www-form-urlencoded)\b/i;
const PLAUSIBLE_TYPE = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+\s*(;|$)/;

/** Replaces Fastify's parsers by ours. */
export function registerBodies(app: FastifyInstance, context: AppContext, watch: IdleWatch): void {
  const { bounds } = context;
  app.removeAllContentTypeParsers();
  // A body that its route did not want would keep the connection busy for ever.
  app.addHook('onResponse', (request, _reply, done) => {
    if (request.body instanceof Readable) request.body.destroy();
    done();
  });
  app.addContentTypeParser('*', (request, payload, done) => {
    const info = request.routeInfo;
    // Nobody reads the body of a request without a route: it must not hide a 404 or 405 behind a 400.
    const kind = info === undefined ? 'bytes' : (info.body ?? 'json');
    const plan: BodyPlan = {
      form: kind === 'json' || kind === 'bytes' ? 'whole' : kind,
      bytesMax: info?.bodyBytesMax ?? bounds.bodyBytesMax,
      inlineBytesMax: INLINE_VALUE_BYTES_MAX,
      discardBytesMax: bounds.discardBytesMax,
      watch,
    };
    if (kind !== 'json') {
      readBody(payload, request.raw.headers, plan, done);
      return;
    }
    readBody(payload, request.raw.headers, plan, (error, body) => {
      if (error !== null) done(error);
      else parseJson(request, body as Buffer, done);
    });
  });
}

/**
 * Remembers the content-type as it was sent. A route that takes any bytes takes any content-type, also one that
 * Fastify would refuse before our parser sees the request, so it is shown a harmless one.
 */
export function keepContentType(request: FastifyRequest, takesAnything: boolean): void {
  const { headers } = request.raw;
  const sent = headers['content-type'];
  request.sentContentType = sent;
  if (takesAnything && sent !== undefined && !PLAUSIBLE_TYPE.test(sent))
    headers['content-type'] = 'application/octet-stream';
}

function parseJson(
  request: FastifyRequest,
  body: Buffer,
  done: (error: Error | null, value?: unknown) => void,
): void {
  if (body.length === 0) {
    done(null, undefined);
    return;
  }
  const type = request.sentContentType;
  if (type !== undefined && !JSON_TYPES.test(type)) {
    done(
      new ToruaError(
        'unsupported_media_type',
        `The content-type ${JSON.stringify(type.slice(0, 100))} cannot be read here; send application/json.`,
      ),
    );
    return;
  }
  if (!isUtf8(body)) {
    done(new ToruaError('invalid_json', 'The body is not UTF-8.'));
    return;
  }
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch (cause) {
    done(
      new ToruaError('invalid_json', `The body is not valid JSON: ${(cause as Error).message}.`, {
        cause,
      }),
    );
    return;
  }
  done(null, value);
}
