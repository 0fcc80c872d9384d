/**
 * Thrift's own framing on virtual time: clients and servers that write and read every byte as on TCP, and no socket
 * between them. The same seed, calls and faults cut the bytes at the same places and break connections at the same ones.
 */
import { type Clock, systemClock } from '../../call/clock.js';
import type { ClientTransport, Dispatcher, Listener } from '../../call/transport.js';
import type { MemoryNode } from '../../transports/memory/network.js';
import { thriftTransport } from '../../transports/thrift/client.js';
import { Connections } from '../../transports/thrift/connections.js';
import { checkLatency, type Latency, sample } from '../network/latency.js';
import type { SeededRandom } from '../random.js';
import { bytePipe } from './byte-pipe.js';

/** What goes wrong between a client and a server of a ThriftNetwork. */
export interface ByteFaults {
  /** One way, each write, ms. Default 0. */
  readonly latency?: Latency;
  /** Cuts what is written into pieces of random length, down to a byte each. */
  readonly pieces?: boolean;
  /** Breaks a connection after so many bytes, counted both ways, with this probability. */
  readonly resetAfter?: { readonly bytes: number; readonly probability: number };
  /** Connections open and stay silent; also those that are open already. */
  readonly halfOpen?: boolean;
  /** Probability that a connection is refused. */
  readonly refuse?: number;
}

export interface ThriftNetworkOptions {
  /** The clock that its servers and clients are given too. */
  readonly clock: Clock;
  readonly random: SeededRandom;
  /** What clients speak. Default `header`. */
  readonly wire?: 'header' | 'binary' | 'compact';
  /** Faults everywhere; those of a node go before them, each fault by itself. */
  readonly faults?: ByteFaults;
  /** Connections that a client keeps to one node; 4 by default. */
  readonly maxConnections?: number;
}

export interface ThriftNode extends MemoryNode {
  /** The faults of this node; replaces those set before. Throws a TypeError or RangeError. */
  set(faults: ByteFaults): void;
  /** Breaks every connection to this node now. */
  reset(): void;
}

/** ms; the transport's own. */
const connectTimeout = 5_000;

/**
 * @example
 * const network = new ThriftNetwork({ clock, random: seededRandom(seed), faults: { latency: 2, pieces: true } });
 * await server.listen({ memory: network.node('a') });
 * const client = createClient(TradeHistory, network.node('a'), { clock });
 */
export class ThriftNetwork {
  readonly #options: ThriftNetworkOptions;
  readonly #nodeFaults = new Map<string, ByteFaults>();
  readonly #bound = new Map<string, Connections>();
  readonly #resets = new Map<string, Set<() => void>>();
  #connections = 0;

  /** Throws a TypeError or RangeError for a fault that cannot be meant. */
  constructor(options: ThriftNetworkOptions) {
    this.#options = options;
    checkByteFaults(options.faults ?? {});
  }

  node(name: string): ThriftNode {
    return {
      address: name,
      listen: (dispatcher) => this.#listen(name, dispatcher),
      connect: () => this.#connect(name),
      set: (faults) => void this.#nodeFaults.set(name, checkByteFaults(faults)),
      reset: () => {
        for (const reset of this.#resets.get(name) ?? []) reset();
      },
    };
  }

  /** For `createClient` with several servers. */
  nodes(...names: string[]): readonly ThriftNode[] {
    return names.map((name) => this.node(name));
  }

  #faultsOf(name: string): ByteFaults {
    return { ...this.#options.faults, ...this.#nodeFaults.get(name) };
  }

  #listen(name: string, dispatcher: Dispatcher): Listener {
    if (this.#bound.has(name)) throw new Error(`another server listens at ${name}; give each server a node of its own`);
    if (dispatcher.clock === systemClock && this.#options.clock !== systemClock) {
      throw new TypeError(
        `the server at ${name} keeps real time, but its network does not; pass it the same clock: createServer({ clock })`,
      );
    }
    const connections = new Connections(dispatcher, () => name);
    this.#bound.set(name, connections);
    return {
      address: name,
      close: async (graceMs) => {
        if (this.#bound.get(name) === connections) this.#bound.delete(name);
        await connections.close(graceMs);
      },
    };
  }

  #connect(name: string): ClientTransport {
    const { clock, random, wire = 'header', maxConnections = 4 } = this.#options;
    return thriftTransport({
      address: `${name}:1`,
      wire,
      clock,
      maxConnections,
      connectTimeout,
      random: random.fork(`client of ${name}`),
      connect: () => this.#open(name),
    });
  }

  #open(name: string) {
    this.#connections += 1;
    const number = this.#connections;
    const draws = this.#options.random.fork(`connection ${number} to ${name}`);
    const { resetAfter, refuse = 0 } = this.#faultsOf(name);
    const refused = draws.fork('refuse').chance(refuse);
    const breaks = resetAfter !== undefined && draws.fork('reset').chance(resetAfter.probability);
    const pieces = draws.fork('pieces');
    const latency = draws.fork('latency');
    const { client, reset } = bytePipe(
      {
        clock: this.#options.clock,
        clientAddress: `client${number}`,
        serverAddress: name,
        latency: () => sample(this.#faultsOf(name).latency ?? 0, latency),
        silent: () => this.#faultsOf(name).halfOpen === true,
        piece: (bytes) => (this.#faultsOf(name).pieces === true ? 1 + pieces.int(bytes) : bytes),
        resetAfter: breaks ? resetAfter.bytes : Number.POSITIVE_INFINITY,
      },
      (server) => {
        const connections = refused ? undefined : this.#bound.get(name);
        connections?.accept(server.socket);
        return connections !== undefined;
      },
    );
    const open = this.#resets.get(name) ?? new Set();
    this.#resets.set(name, open.add(reset));
    client.once('close', () => open.delete(reset));
    return client.socket;
  }
}

const names = ['latency', 'pieces', 'resetAfter', 'halfOpen', 'refuse'];

function checkByteFaults(faults: ByteFaults): ByteFaults {
  for (const name of Object.keys(faults)) {
    if (!names.includes(name)) {
      throw new TypeError(`there is no fault ${JSON.stringify(name)}; the faults are ${names.join(', ')}`);
    }
  }
  const { latency, resetAfter, refuse = 0 } = faults;
  if (latency !== undefined) checkLatency('latency', latency);
  const bytes = resetAfter?.bytes ?? 0;
  if (!Number.isInteger(bytes) || bytes < 0) {
    throw new RangeError(`resetAfter.bytes is a whole number of bytes, 0 or more, not ${bytes}`);
  }
  for (const [name, value] of [
    ['refuse', refuse],
    ['resetAfter.probability', resetAfter?.probability ?? 0],
  ] as const) {
    if (!(value >= 0 && value <= 1)) throw new RangeError(`${name} is a probability from 0 to 1, not ${value}`);
  }
  return faults;
}
