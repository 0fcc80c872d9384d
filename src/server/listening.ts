/** Where a server is told to listen: checked by name, and as the listeners take it. */
import { type Duration, timerDuration } from '../contract/duration.js';
import { having, text } from '../contract/option-kinds.js';
import { knownOptions } from '../contract/option-names.js';
import { checkProxyProtocol } from '../transports/sockets/proxy-header.js';
import type { SocketAddress } from '../transports/sockets/socket-listener.js';
import { checkServerTls, type ServerTls } from '../transports/tls.js';
import type { ListenAddress, ListenOptions } from './types.js';

type Place = Exclude<ListenAddress, string>;

/** Throws a TypeError or RangeError that names the option. */
export const checkPlace = knownOptions<Place>({
  address: text,
  tls: (tls) => checkServerTls(tls as ServerTls),
  openingTimeout: (ms, name) => timerDuration(ms as Duration, name),
  proxyProtocol: checkProxyProtocol,
});

function place(value: unknown, name: string): void {
  // Other text is refused where addresses are read.
  if (typeof value === 'object' && value !== null) checkPlace(value, name);
}

const checkNames = knownOptions<ListenOptions>({
  port: place,
  grpc: place,
  thrift: place,
  memory: having('listen', 'connect'),
});

/** Throws a TypeError or RangeError that names the option. */
export function checkListenOptions(options: ListenOptions): void {
  checkNames(options, 'listen', '');
}

/** What JavaScript passes besides, a bare port above all, is refused by name where the address is read. */
export function placeOf(given: ListenAddress): SocketAddress {
  if (typeof given !== 'object' || given === null) return { address: given };
  const { openingTimeout, ...address } = given;
  return {
    ...address,
    ...(openingTimeout === undefined ? {} : { openingTimeout: timerDuration(openingTimeout, 'openingTimeout') }),
  };
}
