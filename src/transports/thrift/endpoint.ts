/** `host:port`, `[ipv6]:port` or `unix:/path`, both ways. */
import type { AddressInfo } from 'node:net';

export type Endpoint = { readonly host: string; readonly port: number } | { readonly path: string };

/** Throws a TypeError for another notation. A server may leave the host out, and gets an empty one. */
export function parseEndpoint(address: string, { everyInterface = false } = {}): Endpoint {
  if (address.startsWith('unix:')) {
    const path = address.slice('unix:'.length).replace(/^\/\/(?=\/)/, '');
    if (path !== '') return { path };
  }
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^\s:/[\]]*)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || port > 65_535 || (host === '' && !everyInterface)) {
    throw new TypeError(`the address ${JSON.stringify(address)} is not understood; write host:port or unix:/path`);
  }
  return { host, port };
}

/** The address that a server is bound to. */
export function formatBound(bound: AddressInfo | string | null): string {
  if (bound === null) return '';
  return typeof bound === 'string' ? `unix:${bound}` : formatHostPort(bound.address, bound.port);
}

export function formatHostPort(address: string | undefined, port: number | undefined): string {
  if (address === undefined || port === undefined) return '';
  const plain = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`;
}
