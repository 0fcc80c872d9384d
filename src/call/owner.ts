/**
 * Whose share of a bound a caller takes: its principal's, or that of its address where nothing establishes who it is, whatever
 * the port and however many connections. So no caller gets a second share by connecting again.
 */
import { anonymous } from './peer.js';

/** Names an owner; a principal is never taken for an address. */
export type Owner = string;

export function ownerOf(principal: string, address: string): Owner {
  return principal === anonymous || principal === ''
    ? `address ${address.slice(0, portAt(address))}`
    : `principal ${principal}`;
}

/** Names the connection of a peer; undefined where its address does not tell it from others: on a unix socket, and in memory. */
export function connectionOf(address: string): string | undefined {
  return portAt(address) < address.length ? address : undefined;
}

/** Where the port begins, with its colon; the end where there is none. */
function portAt(address: string): number {
  const colon = address.lastIndexOf(':');
  return colon > 0 && /^\d+$/.test(address.slice(colon + 1)) ? colon : address.length;
}
