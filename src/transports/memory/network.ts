/**
 * The same call path without sockets: a client and a server in one process that share a network
 * object. Messages are bytes here too, so what works here is encoded, decoded and copied as on a
 * wire. Used by fast tests; `hawser/testing` has a network that fails like a real one.
 */
import { ownError } from '../../call/own-error.js';
import type { Peer } from '../../call/peer.js';
import type { ClientTransport, Dispatcher, Listener } from '../../call/transport.js';
import type { ServiceType } from '../../contract/service.js';
import { attemptsOver } from './attempts.js';
import { type Binding, bindServer } from './server-half.js';
import { checkMemoryOptions, limited, type MemoryNetworkOptions } from './size-limits.js';

/** A place in memory where one server listens and clients connect. */
export interface MemoryNode {
  /** For messages to people, and for balancing. */
  readonly address: string;
  /** For `server.listen({ memory })`. Throws an Error when another server listens here. */
  listen(dispatcher: Dispatcher): Listener;
  /** For `createClient`. */
  connect(service: ServiceType): ClientTransport;
}

/**
 * @example
 * const network = new MemoryNetwork();
 * await server.listen({ memory: network });
 * const client = createClient(TradeHistory, network);
 */
export class MemoryNetwork implements MemoryNode {
  readonly address = 'memory';
  readonly #options: MemoryNetworkOptions;
  #bound: Binding | undefined;

  /** Throws a TypeError or RangeError for an option that cannot be meant. */
  constructor(options: MemoryNetworkOptions = {}) {
    checkMemoryOptions(options, 'MemoryNetwork', '');
    this.#options = options;
  }

  listen(dispatcher: Dispatcher): Listener {
    if (this.#bound !== undefined) {
      throw new Error('another server listens on this memory network; make a network of its own for each server');
    }
    const bound = bindServer(this.address, dispatcher, () => {
      if (this.#bound === bound) this.#bound = undefined;
    });
    this.#bound = bound;
    return bound;
  }

  connect(service: ServiceType): ClientTransport {
    const here: Peer = Object.freeze({ address: this.address });
    return attemptsOver(service, this.address, (back) => {
      const bound = this.#bound;
      if (bound !== undefined) return limited(this.#options, back, (gated) => bound.accept(here, gated));
      throw ownError('CONNECT_FAILED', 'no server listens on this memory network', { disposition: 'not-executed' });
    });
  }
}
