/** Where a server listens: `host:port`, `:port` for every interface, `[::1]:port`, `unix:/path`. */

import { unlink } from 'node:fs/promises';
import { connect, type ListenOptions, type Server } from 'node:net';

/** What an address is to serve, for messages. */
export type Wire = 'gRPC' | 'Thrift' | 'gRPC and Thrift';

/** Throws a TypeError for text that is no address. */
export function parseListenAddress(text: string, wire: Wire): ListenOptions {
  const unix = /^unix:(?:\/\/)?(\/.+|[^/].*)$/.exec(text);
  if (unix !== null) return { path: unix[1] as string };
  const match = /^(?:\[([0-9a-fA-F:.%]+)\]|([^\s:/?#[\]]*)):(\d{1,5})$/.exec(text);
  if (match === null) {
    throw new TypeError(
      `cannot serve ${wire} on ${JSON.stringify(text)}: write host:port (port 0 for any free one), [ipv6]:port or unix:/path`,
    );
  }
  const port = Number(match[3]);
  if (port > 65_535) throw new TypeError(`cannot serve ${wire} on ${text}: a port is 0 to 65535`);
  const host = match[1] ?? match[2] ?? '';
  return host === '' ? { port } : { host, port };
}

/** Binds, and answers with the bound address. Rejects with an Error whose message is one full sentence. */
export async function bind(server: Server, text: string, wire: Wire): Promise<string> {
  const options = parseListenAddress(text, wire);
  try {
    await listening(server, options);
  } catch (error) {
    const { path } = options;
    if (path === undefined || codeOf(error) !== 'EADDRINUSE' || !(await isStale(path)))
      throw refused(text, wire, error);
    // The file of a server that ended without cleaning up.
    await unlink(path);
    await listening(server, options).catch((again: unknown) => {
      throw refused(text, wire, again);
    });
  }
  return boundAddress(server);
}

function listening(server: Server, options: ListenOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

function boundAddress(server: Server): string {
  const bound = server.address();
  if (bound === null) return '';
  if (typeof bound === 'string') return `unix:${bound}`;
  return bound.family === 'IPv6' ? `[${bound.address}]:${bound.port}` : `${bound.address}:${bound.port}`;
}

/** Whether nobody listens behind a socket file. */
function isStale(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve(false);
    });
    socket.once('error', (error) => resolve(codeOf(error) === 'ECONNREFUSED'));
  });
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another server listens there already; stop it, or use another address (port 0 finds a free port)',
  EACCES: 'this user may not; use a port above 1023, or a path that can be written',
  EADDRNOTAVAIL: 'this machine has no such address; 0.0.0.0 or [::] stand for all it has',
  ENOTFOUND: 'the host name does not resolve',
  ENOENT: 'the folder of that path does not exist',
};

function refused(text: string, wire: Wire, error: unknown): Error {
  const code = codeOf(error) ?? '';
  const reason = reasons[code] ?? (error instanceof Error ? error.message : String(error));
  return new Error(`cannot serve ${wire} on ${text}: ${reason}${code === '' ? '' : ` (${code})`}`, { cause: error });
}
