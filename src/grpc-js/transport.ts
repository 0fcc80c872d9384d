/**
 * Hawser's stubs over a channel that a program has: its credentials, its load balancing, its xDS. Everything above the wire is
 * Hawser's: deadlines, retries, keys, errors.
 */
import { type Channel, Client, credentials } from '@grpc/grpc-js';
import type { ClientTransport } from '../call/transport.js';
import { knownOptions } from '../contract/option-names.js';
import { GrpcTransport } from '../transports/grpc/client.js';
import { grpcClientTerms } from '../transports/grpc/client-options.js';
import { ChannelExchange } from './exchange.js';

export interface GrpcJsOptions {
  /** Bytes of one response message; 4 MiB by default. The channel has a limit of its own. */
  readonly maxReceiveBytes?: number;
  /** Bytes of one request message; unlimited by default. */
  readonly maxSendBytes?: number;
}

const checkNames = knownOptions<GrpcJsOptions>({ maxReceiveBytes: true, maxSendBytes: true });

/**
 * A transport for `createClient`, in the place of an address. The channel stays its owner's: closing the client ends its calls and
 * leaves the channel open. Throws a TypeError for what is no channel, a RangeError for a limit out of range.
 *
 * @example const client = createClient(TradeHistory, grpcJsTransport(new Channel('xds:///market', credentials, {})));
 */
export function grpcJsTransport(channel: Channel, options: GrpcJsOptions = {}): ClientTransport {
  if (typeof channel?.createCall !== 'function' || typeof channel.getTarget !== 'function') {
    throw new TypeError('grpcJsTransport takes a Channel of @grpc/grpc-js: new Channel(target, credentials, options)');
  }
  checkNames(options, 'grpcJsTransport');
  const address = channel.getTarget();
  // Its own credentials are not looked at where a channel is given.
  const client = new Client(address, credentials.createInsecure(), { channelOverride: channel });
  const terms = grpcClientTerms(options);
  return new GrpcTransport({
    address,
    terms,
    wire: {
      bind: (path) => (call, receiver) => new ChannelExchange(client, path, terms.maxReceiveBytes, call, receiver),
      onLeft: () => {},
      close: () => {},
    },
  });
}
