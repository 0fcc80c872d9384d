/** Several addresses as one transport: each call goes to the next in turn. */
import { RpcError } from '../call/rpc-error.js';
import type { ClientTransport } from '../call/transport.js';

export function endpoints(transports: readonly ClientTransport[]): ClientTransport {
  const [first] = transports;
  if (first === undefined) throw new TypeError('a client needs at least one address');
  if (transports.length === 1) return first;
  let turn = 0;
  return {
    encoding: first.encoding,
    address: transports.map((one) => one.address).join(','),
    bind: (method) => {
      const handlers = transports.map((one) => one.bind(method));
      return (call) => {
        const handler = handlers[turn++ % handlers.length];
        return handler === undefined
          ? Promise.reject(new RpcError('INTERNAL', 'no endpoint', { disposition: 'not-executed' }))
          : handler(call);
      };
    },
    close: async (graceMs) => {
      await Promise.all(transports.map((one) => one.close(graceMs)));
    },
  };
}
