/**
 * A network in memory on which several servers listen by name, and which fails as a real one does, by a seed:
 * the same seed, calls and faults give the same failures at the same times, to the line of the log.
 */
import type { Call } from '../../call/call.js';
import { type Clock, systemClock } from '../../call/clock.js';
import type { ClientTransport, Dispatcher, Listener } from '../../call/transport.js';
import type { ServiceType } from '../../contract/service.js';
import { attemptsOver } from '../../transports/memory/attempts.js';
import type { MemoryNode } from '../../transports/memory/network.js';
import type { RequestPath, ResponsePath } from '../../transports/memory/paths.js';
import { type Binding, bindServer } from '../../transports/memory/server-half.js';
import type { SeededRandom } from '../random.js';
import { AttemptLink } from './attempt-link.js';
import { checkFaults, type Faults } from './faults.js';
import { NetworkLog } from './log.js';

export interface SeededNetworkOptions {
  /** The clock that its servers and clients are given too. */
  readonly clock: Clock;
  readonly random: SeededRandom;
  /** Faults everywhere; those of a node, then those of a link, go before them, each fault by itself. */
  readonly faults?: Faults;
  /** Lines that `log` keeps. Default 10,000. */
  readonly logLines?: number;
}

/** A node as one client sees it. */
export interface NetworkNode extends MemoryNode {
  /** The faults of this node, for all clients; replaces those set before. Throws a TypeError or RangeError. */
  set(faults: Faults): void;
  /** Breaks every connection to this node now, as a crash does. */
  reset(): void;
}

export interface NetworkLink {
  /** The faults between this client and this node; replaces those set before. Throws a TypeError or RangeError. */
  set(faults: Faults): void;
  /** Breaks every connection between the two now. */
  reset(): void;
}

/** The network as one client sees it. */
export interface NetworkView {
  /** For `server.listen({ memory })` and `createClient`. */
  node(name: string): NetworkNode;
  /** For `createClient` with several servers. */
  nodes(...names: string[]): readonly NetworkNode[];
}

interface Live {
  readonly client: string;
  readonly node: string;
  readonly link: AttemptLink;
}

/**
 * @example
 * const clock = new VirtualClock();
 * const network = new SeededNetwork({ clock, random: seededRandom(seed), faults: { latency: { uniform: [1, 5] } } });
 * await server.listen({ memory: network.node('a') });
 * const client = createClient(TradeHistory, network.nodes('a', 'b'), { clock });
 * network.node('b').set({ halfOpen: true });
 */
export class SeededNetwork implements NetworkView {
  readonly log: NetworkLog;
  readonly #clock: Clock;
  readonly #random: SeededRandom;
  #faults: Faults;
  readonly #nodeFaults = new Map<string, Faults>();
  readonly #linkFaults = new Map<string, Faults>();
  /** What holds on a link, all three levels together; emptied by every change. */
  readonly #effective = new Map<string, Faults>();
  readonly #bound = new Map<string, Binding>();
  readonly #attempts = new Map<string, number>();
  readonly #live = new Set<Live>();
  readonly #partitions = new Set<readonly [ReadonlySet<string>, ReadonlySet<string>]>();

  /** Throws a TypeError or RangeError for a fault that cannot be meant. */
  constructor({ clock, random, faults = {}, logLines = 10_000 }: SeededNetworkOptions) {
    this.#clock = clock;
    this.#random = random;
    this.#faults = checkFaults(faults);
    this.log = new NetworkLog(logLines);
  }

  node(name: string): NetworkNode {
    return this.#node('client', name);
  }

  nodes(...names: string[]): readonly NetworkNode[] {
    return names.map((name) => this.node(name));
  }

  /** The network as a client of that name sees it, for `link` and `partition`. The name is `client` otherwise. */
  from(client: string): NetworkView {
    return {
      node: (name) => this.#node(client, name),
      nodes: (...names) => names.map((name) => this.#node(client, name)),
    };
  }

  link(client: string, node: string): NetworkLink {
    return {
      set: (faults) => this.#change(this.#linkFaults, `${client} > ${node}`, faults),
      reset: () => this.#reset((one) => one.client === client && one.node === node, `${client} > ${node}`),
    };
  }

  /** Faults everywhere; replaces those set before. Throws a TypeError or RangeError. */
  set(faults: Faults): void {
    this.#faults = checkFaults(faults);
    this.#effective.clear();
    this.#note('network', `faults ${JSON.stringify(faults)}`);
  }

  /**
   * Cuts the names on one side off from those on the other; clients and nodes are named alike. What is on
   * the way is lost. Returns what ends this partition; a call that lost a frame stays without an answer.
   */
  partition(some: readonly string[], others: readonly string[]): () => void {
    const cut = [new Set(some), new Set(others)] as const;
    this.#partitions.add(cut);
    this.#note('network', `partition between ${some.join(', ')} and ${others.join(', ')}`);
    return () => {
      if (this.#partitions.delete(cut)) {
        this.#note('network', `no partition between ${some.join(', ')} and ${others.join(', ')}`);
      }
    };
  }

  /** Ends all partitions. */
  heal(): void {
    this.#partitions.clear();
    this.#note('network', 'no partition');
  }

  /** Attempts whose client still waits. */
  get inFlight(): number {
    return this.#live.size;
  }

  #node(client: string, name: string): NetworkNode {
    return {
      address: name,
      listen: (dispatcher) => this.#listen(name, dispatcher),
      connect: (service) => this.#connect(client, name, service),
      set: (faults) => this.#change(this.#nodeFaults, name, faults),
      reset: () => this.#reset((one) => one.node === name, name),
    };
  }

  #listen(name: string, dispatcher: Dispatcher): Listener {
    if (this.#bound.has(name)) throw new Error(`another server listens at ${name}; give each server a node of its own`);
    assertVirtual(dispatcher.clock, `the server at ${name}`, this.#clock, 'createServer({ clock })');
    const bound = bindServer(name, dispatcher, () => {
      if (this.#bound.get(name) === bound) this.#bound.delete(name);
    });
    this.#bound.set(name, bound);
    return bound;
  }

  #connect(client: string, name: string, service: ServiceType): ClientTransport {
    return attemptsOver(service, name, (back, call) => this.#attempt(client, name, back, call));
  }

  #attempt(client: string, name: string, back: ResponsePath, call: Call): RequestPath {
    if (call.deadline !== undefined) {
      assertVirtual(call.deadline.clock, `the client ${client}`, this.#clock, 'createClient(service, node, { clock })');
    }
    const route = `${client} > ${name}`;
    const count = (this.#attempts.get(route) ?? 0) + 1;
    this.#attempts.set(route, count);
    const who = `${route}  #${count} ${call.method.name}`;
    const link: AttemptLink = new AttemptLink({
      clock: this.#clock,
      random: this.#random.fork(`${route} #${count}`),
      node: name,
      faults: () => this.#faultsOf(client, name, route),
      partitioned: () => this.#partitioned(client, name),
      accept: (path) => this.#bound.get(name)?.accept({ address: client }, path),
      back,
      log: (what) => this.#note(who, what),
      onOver: () => this.#live.delete(live),
    });
    const live: Live = { client, node: name, link };
    this.#live.add(live);
    return link;
  }

  #faultsOf(client: string, node: string, route: string): Faults {
    let faults = this.#effective.get(route);
    if (faults === undefined) {
      faults = { ...this.#faults, ...this.#nodeFaults.get(node), ...this.#linkFaults.get(`${client} > ${node}`) };
      this.#effective.set(route, faults);
    }
    return faults;
  }

  #partitioned(client: string, node: string): boolean {
    for (const [some, others] of this.#partitions) {
      if ((some.has(client) && others.has(node)) || (some.has(node) && others.has(client))) return true;
    }
    return false;
  }

  #change(at: Map<string, Faults>, where: string, faults: Faults): void {
    at.set(where, checkFaults(faults));
    this.#effective.clear();
    this.#note(where, `faults ${JSON.stringify(faults)}`);
  }

  #reset(which: (live: Live) => boolean, where: string): void {
    this.#note(where, 'reset');
    for (const live of [...this.#live]) if (which(live)) live.link.reset(where);
  }

  #note(who: string, what: string): void {
    this.log.add(this.#clock.now(), who, what);
  }
}

/** The usual mistake: a clock that was not passed on. A skewed clock of the test's own is welcome. */
function assertVirtual(clock: Clock, who: string, network: Clock, how: string): void {
  if (clock === systemClock && network !== systemClock) {
    throw new TypeError(`${who} keeps real time, but its network does not; pass it the same clock: ${how}`);
  }
}
