/** Gzip for answers that are worth it, when the client asks; stored values that are compressed already stay as they are. */
import { pipeline, Readable } from 'node:stream';
import { constants, createGzip, gzip } from 'node:zlib';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { AppContext } from './app-options.ts';

/** Content-types whose bytes are compressed by their nature. */
const PACKED_TYPES =
  /^(image\/(?!svg|bmp)|audio\/|video\/|font\/woff|application\/(zip|gzip|x-gzip|zstd|x-7z|x-rar|x-bzip|x-xz|vnd\.rar|pdf|vnd\.openxml|java-archive|wasm|parquet))/i;
/** First bytes of gzip, zip, zstd, xz, bzip2, 7z, png, jpeg, parquet. */
const PACKED_STARTS = [
  '1f8b',
  '504b0304',
  '28b52ffd',
  'fd377a58',
  '425a68',
  '377abcaf',
  '89504e47',
  'ffd8ff',
  '50415231',
];

/** Adds the hook. A route opts out with `config.compress: false`. */
export function registerCompression(app: FastifyInstance, context: AppContext): void {
  app.addHook('onSend', (request, reply, payload, done) => {
    if (!wanted(request, reply)) {
      done(null, payload);
    } else if (payload instanceof Readable) {
      packStream(reply, payload, done);
    } else if (
      (typeof payload === 'string' || Buffer.isBuffer(payload)) &&
      isWorthIt(payload, context.bounds.compressFromBytes)
    ) {
      gzip(payload, (error, packed) => {
        if (error === null) mark(reply);
        done(null, error === null ? packed : payload);
      });
    } else {
      done(null, payload);
    }
  });
}

/** Whether an `accept-encoding` header asks for gzip. */
export function asksForGzip(header: string | undefined): boolean {
  if (header === undefined) return false;
  for (const part of header.split(',')) {
    const [name, ...parameters] = part.split(';').map((text) => text.trim().toLowerCase());
    if (name !== 'gzip' && name !== '*' && name !== 'x-gzip') continue;
    return !parameters.some((parameter) => /^q=0(\.0*)?$/.test(parameter));
  }
  return false;
}

function wanted(request: FastifyRequest, reply: FastifyReply): boolean {
  if (!asksForGzip(request.raw.headers['accept-encoding'])) return false;
  if (
    request.routeInfo?.compress === false ||
    request.method === 'HEAD' ||
    reply.hasHeader('content-encoding')
  )
    return false;
  if (reply.statusCode === 204 || reply.statusCode === 304) return false;
  return !PACKED_TYPES.test(String(reply.getHeader('content-type') ?? ''));
}

function isWorthIt(payload: string | Buffer, fromBytes: number): boolean {
  if (payload.length < fromBytes) return false;
  return typeof payload === 'string' || !isPacked(payload);
}

function isPacked(bytes: Buffer): boolean {
  const start = bytes.subarray(0, 4).toString('hex');
  return PACKED_STARTS.some((packed) => start.startsWith(packed));
}

/** Lines of ours have no length, and their headers must not wait; a stored value has one, and its first bytes tell. */
function packStream(
  reply: FastifyReply,
  payload: Readable,
  done: (error: Error | null, payload?: Readable) => void,
): void {
  const pack = (): void => {
    mark(reply);
    done(null, packedStream(payload));
  };
  if (!reply.hasHeader('content-length')) {
    pack();
    return;
  }
  const settle = (use: () => void): void => {
    payload.off('readable', look).off('error', fail);
    use();
  };
  const fail = (error: Error): void => settle(() => done(error));
  const look = (): void => {
    const first = payload.read() as Buffer | null;
    if (first !== null) payload.unshift(first);
    settle(() => (first !== null && isPacked(first) ? done(null, payload) : pack()));
  };
  payload.once('readable', look).once('error', fail);
}

function packedStream(payload: Readable): Readable {
  // Each write is flushed: lines of a stream must not wait for the next 16 KiB.
  const packer = createGzip({ flush: constants.Z_SYNC_FLUSH });
  pipeline(payload, packer, () => {});
  return packer;
}

function mark(reply: FastifyReply): void {
  reply.removeHeader('content-length');
  void reply.header('content-encoding', 'gzip').header('vary', 'accept-encoding');
}
