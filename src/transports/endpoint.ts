/** Where a client connects to: `host:port`, `[ipv6]:port` or `unix:/path`; and how an address is shown. */
export type Endpoint = { readonly host: string; readonly port: number } | { readonly path: string };

/** Throws a TypeError for another notation. */
export function parseEndpoint(address: string): Endpoint {
  if (address.startsWith('unix:')) {
    const path = address.slice('unix:'.length).replace(/^\/\/(?=\/)/, '');
    if (path !== '') return { path };
  }
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^\s:/[\]]*)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  const host = match?.[1] ?? match?.[2];
  if (host === undefined || port > 65_535 || host === '') {
    throw new TypeError(`the address ${JSON.stringify(address)} is not understood; write host:port or unix:/path`);
  }
  return { host, port };
}

export function formatHostPort(address: string | undefined, port: number | undefined): string {
  if (address === undefined || port === undefined) return '';
  const plain = address.startsWith('::ffff:') ? address.slice('::ffff:'.length) : address;
  return plain.includes(':') ? `[${plain}]:${port}` : `${plain}:${port}`;
}
