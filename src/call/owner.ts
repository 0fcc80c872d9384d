/**
 * Whose share of a bound a caller takes: its principal's, or that of its address where nothing establishes who it is, whatever
 * the port and however many connections. So no caller gets a second share by connecting again. IPv6 gives a single site 2^64
 * addresses, so there it is the share of the network.
 */
import { anonymous } from './peer.js';

/** Names an owner; a principal is never taken for an address. */
export type Owner = string;

export function ownerOf(principal: string, address: string): Owner {
  return principal === anonymous || principal === ''
    ? `address ${network(address.slice(0, portAt(address)))}`
    : `principal ${principal}`;
}

/** Names the connection of a peer; undefined where its address does not tell it from others: on a unix socket, and in memory. */
export function connectionOf(address: string): string | undefined {
  return portAt(address) < address.length ? address : undefined;
}

/** `[2001:db8::1]` is of `[2001:db8:0:0::/64]`; any other host stays as it is. */
function network(host: string): string {
  if (!host.startsWith('[') || !host.endsWith(']')) return host;
  const [first = '', last] = host.slice(1, -1).split('::');
  const groups = first === '' ? [] : first.split(':');
  // A `::` stands for as many zeros as are missing.
  if (last !== undefined) {
    const after = last === '' ? [] : last.split(':');
    while (groups.length + after.length < 8) groups.push('0');
    groups.push(...after);
  }
  return `[${groups.slice(0, 4).join(':')}::/64]`;
}

/** Where the port begins, with its colon; the end where there is none. */
function portAt(address: string): number {
  const colon = address.lastIndexOf(':');
  return colon > 0 && /^\d+$/.test(address.slice(colon + 1)) ? colon : address.length;
}
