/**
 * Whose share of a bound a caller takes: its principal's, or that of its address where nothing establishes who it is, whatever
 * the port and however many connections. So no caller gets a second share by connecting again.
 */
import { anonymous } from './peer.js';

/** Names an owner; a principal is never taken for an address. */
export type Owner = string;

export function ownerOf(principal: string, address: string): Owner {
  return principal === anonymous || principal === '' ? `address ${hostOf(address)}` : `principal ${principal}`;
}

/** Without the port, where there is one. */
function hostOf(address: string): string {
  const colon = address.lastIndexOf(':');
  return colon > 0 && /^\d+$/.test(address.slice(colon + 1)) ? address.slice(0, colon) : address;
}
