/** The connections to one address, and the exchanges on them, on either HTTP/2: our engine's or Node's. */
import { sensitiveHeaders } from 'node:http2';
import type { Clock } from '../../call/clock.js';
import { correlationHeader } from '../../call/correlation-id.js';
import { timeoutHeader } from '../../call/deadline.js';
import type { GrpcClientTerms } from './client-options.js';
import type { ConnectionTarget } from './client-socket.js';
import { EngineConnection } from './engine/client-connection.js';
import { EngineExchange, type EngineExchangeTerms } from './engine/client-exchange.js';
import type { OpenExchange } from './exchange.js';
import { Link } from './link.js';
import { NodeConnection } from './node-connection.js';
import { NodeExchange, type NodeExchangeTerms } from './node-exchange.js';

/** What all requests of a client have, but for the path. */
export type CommonHeaders = Readonly<Record<string, string>>;

export interface ClientWire {
  bind(path: string): OpenExchange;
  /** `fn` is told when a connection that stood is gone, or is going away. */
  onLeft(fn: () => void): void;
  /** Ends the connections when the calls on them are over. */
  close(): void;
}

export interface ClientWireInit {
  readonly target: ConnectionTarget;
  readonly headers: CommonHeaders;
  readonly terms: GrpcClientTerms;
  readonly clock: Clock;
}

export function clientWire(init: ClientWireInit): ClientWire {
  return init.terms.engine === 'own' ? engineWire(init) : nodeWire(init);
}

function engineWire({ target, headers: common, terms, clock }: ClientWireInit): ClientWire {
  const link = new Link<EngineConnection>(
    target.address,
    (own, watcher) => new EngineConnection(target, own, watcher),
    terms,
    clock,
  );
  return {
    bind(path) {
      const headers = Object.entries({ ':path': path, ...common });
      // RFC 9113, section 8.3: pseudo-headers come first.
      headers.sort(([a], [b]) => Number(b.startsWith(':')) - Number(a.startsWith(':')));
      const { maxReceiveBytes } = terms;
      const exchange: EngineExchangeTerms = { link, headers: headers.flat(), maxReceiveBytes };
      return (call, receiver) => new EngineExchange(call, exchange, receiver);
    },
    onLeft: (fn) => link.onLeft(fn),
    close: () => link.close(),
  };
}

/** Values differ per call, so keep them out of the HPACK table (RFC 7541, section 4). */
const ofOneCall = [timeoutHeader, correlationHeader];

function nodeWire({ target, headers: common, terms, clock }: ClientWireInit): ClientWire {
  const link = new Link<NodeConnection>(
    target.address,
    (own, watcher) => new NodeConnection(target, own, watcher),
    terms,
    clock,
  );
  return {
    bind(path) {
      // Nothing in it is undefined: Node leaves such a header out, Bun refuses the request.
      const headers = Object.assign({ ...common, ':path': path }, { [sensitiveHeaders]: ofOneCall });
      const exchange: NodeExchangeTerms = { link, headers, maxReceiveBytes: terms.maxReceiveBytes };
      return (call, receiver) => new NodeExchange(call, exchange, receiver);
    },
    onLeft: (fn) => link.onLeft(fn),
    close: () => link.close(),
  };
}
