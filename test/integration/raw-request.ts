/** Requests exactly as they are given: paths that a URL parser would tidy up, bodies in pieces, connections cut off. */
import { once } from 'node:events';
import { type IncomingHttpHeaders, request } from 'node:http';
import { connect, type Socket } from 'node:net';

/** An answer with its body read. */
export interface RawAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  /** The body as JSON; an empty object when it is none. */
  readonly json: Readonly<Record<string, unknown>>;
}

/** What is sent. `path` is not touched; a list of pieces is sent chunked, without a length. */
export interface RawRequest {
  readonly method?: string | undefined;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly body?: string | Uint8Array | readonly Uint8Array[] | undefined;
}

/** Sends it and reads the whole answer. */
export async function ask(url: string, given: RawRequest): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  const { method = 'GET', path, headers = {}, body } = given;
  const outgoing = request({ hostname, port, method, path, headers: { ...headers } });
  if (body === undefined) outgoing.end();
  else if (typeof body === 'string' || body instanceof Uint8Array) outgoing.end(body);
  else void sendPieces(outgoing, body);
  const [incoming] = await once(outgoing, 'response');
  const pieces: Buffer[] = [];
  for await (const piece of incoming) pieces.push(piece);
  const bytes = Buffer.concat(pieces);
  return {
    status: incoming.statusCode,
    headers: incoming.headers,
    body: bytes,
    json: asJson(bytes),
  };
}

async function sendPieces(
  outgoing: ReturnType<typeof request>,
  pieces: readonly Uint8Array[],
): Promise<void> {
  // A server may answer and close before it has read everything; that is its answer's business.
  outgoing.on('error', () => {});
  for (const piece of pieces) {
    if (!outgoing.write(piece))
      await Promise.race([once(outgoing, 'drain'), once(outgoing, 'close')]);
    if (outgoing.destroyed) return;
  }
  outgoing.end();
}

function asJson(bytes: Buffer): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    // Many answers are no JSON, and some tests want to see exactly that.
    return {};
  }
}

/** A connection that has sent these bytes and no more. */
export async function begin(url: string, text: string, bytes = Buffer.alloc(0)): Promise<Socket> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(text);
  socket.write(bytes);
  return socket;
}
