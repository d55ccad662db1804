/** A process that answers health checks and nothing else: as much of a node as the original's clients register. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** See the module. */
export class PretendNode {
  readonly #server: Server;
  #answers = true;
  #checks = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** Listens on a free port of this machine. */
  static async start(): Promise<PretendNode> {
    const server = createServer();
    const node = new PretendNode(server);
    server.on('request', (request, response) => {
      if (request.url === '/livez') node.#checks += 1;
      response.writeHead(node.#answers ? 200 : 500).end('{"status":"alive"}');
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return node;
  }

  /** `host:port`, the form in which the original's clients name themselves. */
  get addr(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Health checks that arrived. */
  get checks(): number {
    return this.#checks;
  }

  /** From now on health checks fail. */
  stopAnswering(): void {
    this.#answers = false;
  }

  /** Ends it. */
  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }
}
