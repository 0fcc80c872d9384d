/** The market of market-minors.ts on each wire: a place to serve it at, again and again, and clients of it. */
import { onTestFinished } from 'vitest';
import {
  type ClientAddress,
  type ClientOptions,
  createClient,
  createServer,
  type Handlers,
  MemoryNetwork,
  type Server,
  type ServerOptions,
  silentLogger,
} from '../../src/index.js';
import { featuresIn, type Market, protoMarket, thriftMarket } from './market-minors.js';

export const wires = ['memory', 'grpc', 'theader'] as const;
/** Thrift without headers. */
export const plainWires = ['binary', 'compact'] as const;
export type WireName = (typeof wires)[number] | (typeof plainWires)[number];

export const marketOn = (wire: WireName, minor: number): Market =>
  wire === 'memory' || wire === 'grpc' ? protoMarket(minor) : thriftMarket(minor);

/** What a handler saw. */
export interface Seen {
  readonly hello: string | undefined;
  readonly version: string | undefined;
  readonly features: readonly string[];
  readonly note: string | undefined;
}

/** A server of that minor, which uses in its answers what the caller has, and says what it saw. */
export function marketHandlers(minor: number, seen: Seen[] = []): Handlers<Market> {
  return {
    last({ fish, note }, call) {
      seen.push({
        hello: call.headers.get('hawser-hello'),
        version: call.peerVersion,
        features: featuresIn(3).filter((name) => call.has(name)),
        note,
      });
      return {
        fish,
        ...(call.has('origin') ? { origin: `north by 1.${minor}` } : {}),
        ...(call.has('grades') ? { grade: minor } : {}),
      };
    },
  };
}

/** Serves at a place that stays the same over restarts; `address` is for clients. */
export class MarketPlace {
  readonly #wire: WireName;
  readonly #memory = new MemoryNetwork();
  #port = 0;
  #server: Server | undefined;
  readonly seen: Seen[] = [];

  constructor(wire: WireName) {
    this.#wire = wire;
    onTestFinished(() => this.stop());
  }

  get address(): ClientAddress {
    if (this.#wire === 'memory') return this.#memory;
    if (this.#wire === 'grpc') return `grpc://127.0.0.1:${this.#port}`;
    return `thrift://127.0.0.1:${this.#port}?wire=${this.#wire === 'theader' ? 'header' : this.#wire}`;
  }

  async serve(minor: number, options: ServerOptions = {}, service = marketOn(this.#wire, minor)): Promise<Server> {
    await this.stop();
    const server = createServer({ logger: silentLogger, ...options });
    server.add(service, marketHandlers(minor, this.seen));
    this.#server = server;
    const at = `127.0.0.1:${this.#port}`;
    const bound =
      this.#wire === 'memory'
        ? await server.listen({ memory: this.#memory })
        : this.#wire === 'grpc'
          ? await server.listen({ grpc: at })
          : await server.listen({ thrift: at });
    const address = 'grpc' in bound ? bound.grpc : 'thrift' in bound ? bound.thrift : undefined;
    if (typeof address === 'string') this.#port = Number(address.split(':').at(-1));
    return server;
  }

  /** `port` of something in between. */
  client(minor: number, options: ClientOptions = {}, service = marketOn(this.#wire, minor), port = this.#port) {
    const address = typeof this.address === 'string' ? this.address.replace(/:\d+/, `:${port}`) : this.address;
    const client = createClient(service, address, { logger: silentLogger, ...options });
    onTestFinished(() => client.$close());
    return client;
  }

  async stop(): Promise<void> {
    await this.#server?.close({ grace: 0 });
    this.#server = undefined;
  }
}
