/** A process that registers as a node, takes shards and then answers whatever a test wants it to. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ask } from './raw-request.ts';

/** Answers one request for data. */
export type StubAnswer = (request: IncomingMessage, response: ServerResponse) => void;

/** A node that only seems to be one. */
export interface StubNode {
  readonly id: string;
  readonly url: string;
  /** What it does with requests for data from now on. */
  answer: StubAnswer;
  /** Whether it answers health checks. */
  alive: boolean;
  close(): Promise<void>;
}

type WireState = {
  readonly databases: { readonly shards: readonly WireShard[] }[];
  version: number;
};
type WireShard = {
  readonly shard_uid: string;
  readonly term: number;
  readonly copies: readonly { readonly copy_id: string; readonly node_id: string }[];
};

/** Starts it and registers it with the coordinator at `coordinator`. */
export async function startStubNode(coordinator: string, id: string): Promise<StubNode> {
  const stub = { id, url: '', alive: true, answer: junk as StubAnswer, close: async () => {} };
  const server = createServer((request, response) => {
    request.on('error', () => {});
    if (request.url === '/livez') response.writeHead(stub.alive ? 200 : 500).end('{}');
    else if (request.url === '/internal/v1/state') void confirmState(id, request, response);
    else stub.answer(request, response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  stub.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  stub.close = async () => {
    server.close();
    server.closeAllConnections();
  };
  const identity = { directory_id: '00000000000000aa', incarnation: '00000000000000bb' };
  const node = { id, addr: stub.url, ...identity, protocol_version: 1, copies: [] };
  const body = JSON.stringify({ node });
  const answer = await ask(coordinator, { method: 'POST', path: '/register', body });
  if (answer.status !== 200) throw new Error(answer.body.toString());
  return stub;
}

/** What a node says to a state: that it has stored it and created what was assigned to it. */
async function confirmState(
  id: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const pieces: Buffer[] = [];
  for await (const piece of request) pieces.push(piece);
  const { state } = JSON.parse(Buffer.concat(pieces).toString()) as { state: WireState };
  const shards = state.databases.flatMap((database) => database.shards);
  const copies = shards.flatMap((shard) =>
    shard.copies
      .filter((copy) => copy.node_id === id)
      .map(({ copy_id }) => ({
        copy_id,
        shard_uid: shard.shard_uid,
        term: shard.term,
        last_seq: 1,
        empty: false,
        state: 'open',
      })),
  );
  response.end(JSON.stringify({ state_version: state.version, copies }));
}

const junk: StubAnswer = (_request, response) => {
  response.end('What is this?');
};
