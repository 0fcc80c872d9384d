/**
 * A TCP proxy that fails on demand, between real clients and real servers: it knows bytes, not protocols, so it
 * serves gRPC, Thrift, databases. Each connection to it is one connection to the target.
 */
import {
  type AddressInfo,
  createConnection,
  createServer,
  type NetConnectOpts,
  type Server,
  type Socket,
} from 'node:net';
import type { Random } from '../../call/random.js';
import { seededRandom } from '../random.js';
import { Pipe } from './pipe.js';
import { checkProxyFaults, type ProxyFaults } from './proxy-faults.js';

export interface FaultProxyOptions {
  /** `127.0.0.1:50051` or `unix:/path`; a scheme before it (`grpc://`) is left out of account. */
  readonly target: string;
  /** `host:port` to listen on; default `127.0.0.1:0`, any free port. */
  readonly listen?: string;
  readonly faults?: ProxyFaults;
  /** For latencies that vary. Default: the same draws in every run. */
  readonly random?: Random;
}

export interface FaultProxy {
  /** `127.0.0.1:41234`, for a client in the target's place. */
  readonly address: string;
  /** Connections that are open on the client's side. */
  readonly connections: number;
  /** Bytes handed on so far. */
  readonly carried: { readonly toTarget: number; readonly toClient: number };
  /** Replaces all faults, also for connections that are open. Settles when `refuse` has taken effect. */
  set(faults: ProxyFaults): Promise<void>;
  /** Resets (RST) every connection now, on both sides. */
  reset(): void;
  /** Stops listening and resets what is open. */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Throws a TypeError or RangeError for an address or fault that cannot be meant.
 *
 * @example
 * const proxy = await faultProxy({ target: grpc, faults: { latency: 50 } });
 * const client = createClient(TradeHistory, proxy.address);
 * await proxy.set({ halfOpen: 'both' });
 */
export async function faultProxy(options: FaultProxyOptions): Promise<FaultProxy> {
  const proxy = new TcpFaultProxy(options);
  await proxy.set(options.faults ?? {});
  return proxy;
}

/** ms. Data and a reset that a libuv peer finds together are an end without an error to it. */
const resetDelay = 5;

interface Link {
  readonly reset: () => void;
  readonly update: () => void;
}

class TcpFaultProxy implements FaultProxy {
  readonly carried = { toTarget: 0, toClient: 0 };
  readonly #target: NetConnectOpts;
  readonly #random: Random;
  #listen: { readonly host: string; readonly port: number };
  #server: Server | undefined;
  #faults: ProxyFaults = {};
  readonly #links = new Set<Link>();
  #changing: Promise<void> = Promise.resolve();
  #closed = false;

  constructor({ target, listen = '127.0.0.1:0', random = seededRandom('fault proxy') }: FaultProxyOptions) {
    this.#target = parseTarget(target);
    this.#listen = parseHostPort(listen, 'listen');
    this.#random = random;
  }

  get address(): string {
    const { host, port } = this.#listen;
    return `${host.includes(':') ? `[${host}]` : host}:${port}`;
  }

  get connections(): number {
    return this.#links.size;
  }

  set(faults: ProxyFaults): Promise<void> {
    if (this.#closed) throw new Error('the fault proxy is closed; make a new one');
    this.#faults = checkProxyFaults(faults);
    for (const link of this.#links) link.update();
    // One after the other: a port is not free until its listener has closed.
    this.#changing = this.#changing.then(() => (this.#faults.refuse === true ? this.#stop() : this.#start()));
    return this.#changing;
  }

  reset(): void {
    for (const link of [...this.#links]) link.reset();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.reset();
    await this.#changing.catch(() => {});
    await this.#stop();
    this.reset();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #start(): Promise<void> {
    if (this.#server !== undefined || this.#closed) return;
    const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => this.#join(client));
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(this.#listen, resolve);
    });
    this.#server = server;
    this.#listen = { ...this.#listen, port: (server.address() as AddressInfo).port };
  }

  async #stop(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    if (server === undefined) return;
    // Not awaited to its end: that comes when the last connection goes. The listener itself closes at once.
    server.close();
    await new Promise<void>((resolve) => setImmediate(resolve));
  }

  #join(client: Socket): void {
    if (this.#closed) {
      client.resetAndDestroy();
      return;
    }
    const target = createConnection({ ...this.#target, allowHalfOpen: true, noDelay: true } as NetConnectOpts);
    let carried = 0;
    const faults = (): ProxyFaults => this.#faults;
    const allowance = (): number => (this.#faults.resetAfter ?? Number.POSITIVE_INFINITY) - carried;
    const pipe = (way: 'toTarget' | 'toClient', source: Socket, sink: Socket): Pipe =>
      new Pipe({
        way,
        source,
        sink,
        random: this.#random,
        faults,
        allowance,
        onCarried: (bytes) => {
          carried += bytes;
          this.carried[way] += bytes;
          if (allowance() <= 0) breakOff();
        },
      });
    const pipes = [pipe('toTarget', client, target), pipe('toClient', target, client)] as const;
    const close = (): void => {
      for (const one of pipes) one.close();
      this.#links.delete(link);
    };
    const link: Link = {
      reset: () => {
        close();
        client.resetAndDestroy();
        // A Unix socket has no reset, and Node throws when asked for one.
        if ('path' in this.#target) target.destroy();
        else target.resetAndDestroy();
      },
      update: () => {
        if (allowance() <= 0) link.reset();
        else for (const one of pipes) one.update();
      },
    };
    const breakOff = (): void => {
      for (const one of pipes) one.close();
      setTimeout(link.reset, resetDelay);
    };
    this.#links.add(link);
    const ends = [
      [client, pipes[0]],
      [target, pipes[1]],
    ] as const;
    for (const [one, outgoing] of ends) {
      let failed = false;
      one.on('error', () => {
        failed = true;
      });
      one.on('close', () => {
        if (client.destroyed && target.destroyed) close();
        // The other side must not learn of an end that a half-open connection swallows.
        else if (failed && !outgoing.swallows) link.reset();
      });
    }
    link.update();
  }
}

function parseTarget(text: string): NetConnectOpts {
  const bare = text.replace(/^(grpcs?|thrifts?|tcp):\/\//, '').replace(/\?.*$/, '');
  const path = /^(?:thrift\+)?unix:(.+)$/.exec(bare)?.[1];
  return path === undefined ? parseHostPort(bare, 'target') : { path };
}

function parseHostPort(text: string, what: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/?#[\]]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || port > 65_535 || (port === 0 && what === 'target')) {
    throw new TypeError(
      `the ${what} ${JSON.stringify(text)} of the fault proxy is not understood; write 127.0.0.1:50051`,
    );
  }
  return { host, port };
}
