/** The ClientTransport of every network in memory: what it sends an attempt over is the network's own. */
import type { Call } from '../../call/call.js';
import { InFlight } from '../../call/in-flight.js';
import { ownError } from '../../call/own-error.js';
import type { RpcError } from '../../call/rpc-error.js';
import type { ClientTransport } from '../../call/transport.js';
import type { ServiceType } from '../../contract/service.js';
import { type Attempt, type AttemptInit, attemptOf } from './client-half.js';
import type { RequestPath, ResponsePath } from './paths.js';

/** `connect` is asked for each attempt's way to the server; it throws an RpcError when there is none. */
export function attemptsOver(
  service: ServiceType,
  address: string,
  connect: (back: ResponsePath, call: Call) => RequestPath,
): ClientTransport {
  const attempts = new InFlight<Attempt>();
  const init: AttemptInit = { peer: Object.freeze({ address }), connect, attempts };
  let closed = false;
  return {
    encoding: service.idl === 'proto' ? 'proto' : 'binary',
    settlesOnAbort: true,
    address,
    bind: () => (call) => {
      if (closed) return Promise.reject(clientClosed());
      try {
        return attemptOf(call, init).start();
      } catch (error) {
        return Promise.reject(error);
      }
    },
    close: async () => {
      closed = true;
      for (const attempt of attempts) attempt.cancel(ownError('CLIENT_CLOSED', 'the client was closed'));
    },
  };
}

function clientClosed(): RpcError {
  return ownError('CLIENT_CLOSED', 'the client is closed', { disposition: 'not-executed' });
}
