/** Listening: on the address the configuration names, and one JSON line that tells whoever started us where. */
import { createServer } from 'node:net';
import type { FastifyInstance } from 'fastify';
import { ToruaError } from '../kernel/errors.ts';

/** Where to listen. `host` undefined: every interface. */
export interface ListenAddress {
  readonly host: string | undefined;
  readonly port: number;
}

/** `host:port`, `[v6]:port`, `:port` (every interface); port 0 lets the system choose. Undefined when it is none. */
export function parseListenAddress(text: string): ListenAddress | undefined {
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^:/\s[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) return undefined;
  const host = match[1] ?? match[2] ?? '';
  return { host: host === '' ? undefined : host, port };
}

/** What is told when it listens. */
export interface Listening {
  /** The base URL; for "every interface" that of the loopback, which always works on this machine. */
  readonly url: string;
  readonly port: number;
  /** Whether peers on other machines can reach it. */
  readonly reachable: boolean;
}

/** Where and under which setting's name. */
interface WantedAddress {
  readonly address: string;
  /** Name of the setting in errors. */
  readonly variable: string;
}

/**
 * Whether the address could be bound now: asked before a process touches its data, so that one that cannot serve
 * leaves no trace. Errors: as `listen`.
 */
export async function checkAddress(options: WantedAddress): Promise<void> {
  const wanted = wantedAddress(options);
  if (wanted.port === 0) return;
  const probe = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      probe.once('error', reject);
      probe.listen({ host: wanted.host, port: wanted.port, exclusive: true }, resolve);
    });
  } catch (cause) {
    throw bindError(cause, options);
  } finally {
    await new Promise((resolve) => probe.close(resolve));
  }
}

/**
 * Listens and prints `{"event":"listening","url"}`. `variable` names the setting in errors.
 * Errors: `address_in_use`, `config_invalid` for an address that cannot be bound or is none.
 */
export async function listen(
  app: FastifyInstance,
  options: WantedAddress & { print: (line: string) => void },
): Promise<Listening> {
  const wanted = wantedAddress(options);
  try {
    await bind(app, wanted);
  } catch (cause) {
    throw bindError(cause, options);
  }
  const bound = app.server.address();
  const port = typeof bound === 'object' && bound !== null ? bound.port : wanted.port;
  const listening = {
    url: `http://${hostInUrl(wanted.host)}:${port}`,
    port,
    reachable: !isLoopbackHost(wanted.host),
  };
  options.print(JSON.stringify({ event: 'listening', url: listening.url }));
  return listening;
}

function wantedAddress({ address, variable }: WantedAddress): ListenAddress {
  const wanted = parseListenAddress(address);
  if (wanted !== undefined) return wanted;
  throw new ToruaError(
    'config_invalid',
    `${variable} is ${JSON.stringify(address)}: must be host:port, or :port for every interface.`,
  );
}

/** `::` serves both families; where the machine has no IPv6 the other wildcard is meant. */
async function bind(app: FastifyInstance, { host, port }: ListenAddress): Promise<void> {
  const attempt = (address: string): Promise<string> =>
    app.listen({ host: address, port, backlog: 1_024 });
  if (host !== undefined) {
    await attempt(host);
    return;
  }
  try {
    await attempt('::');
  } catch (error) {
    if (codeOf(error) !== 'EAFNOSUPPORT' && codeOf(error) !== 'EADDRNOTAVAIL') throw error;
    await attempt('0.0.0.0');
  }
}

function bindError(
  cause: unknown,
  { address, variable }: { address: string; variable: string },
): ToruaError {
  const code = codeOf(cause);
  const shown = `${variable} is ${JSON.stringify(address)}`;
  if (code === 'EADDRINUSE') {
    return new ToruaError(
      'address_in_use',
      `${shown}: another process listens there; stop it or choose another port.`,
      { cause },
    );
  }
  if (code === 'EACCES')
    return new ToruaError(
      'config_invalid',
      `${shown}: this user may not listen there; choose a port above 1023.`,
      { cause },
    );
  return new ToruaError(
    'config_invalid',
    `${shown}: this machine cannot listen there (${code}); the host must be one of its addresses.`,
    { cause },
  );
}

function hostInUrl(host: string | undefined): string {
  if (host === undefined || host === '0.0.0.0' || host === '::') return '127.0.0.1';
  return host.includes(':') ? `[${host}]` : host;
}

function isLoopbackHost(host: string | undefined): boolean {
  return host !== undefined && (host === 'localhost' || host === '::1' || /^127\./.test(host));
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
}
