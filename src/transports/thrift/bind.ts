/** Takes an address to serve on, or says in a full sentence why it cannot be had. */
import { unlink } from 'node:fs/promises';
import { connect, type ListenOptions, type Server } from 'node:net';
import type { Endpoint } from './endpoint.js';

/** `address` is how the user wrote `endpoint`. Rejects with an Error. */
export async function bind(server: Server, endpoint: Endpoint, address: string): Promise<void> {
  try {
    await listening(server, endpoint);
  } catch (error) {
    if (!('path' in endpoint) || codeOf(error) !== 'EADDRINUSE' || !(await isStale(endpoint.path))) {
      throw failure(error, address);
    }
    // The file of a server that ended without removing it.
    await unlink(endpoint.path);
    await listening(server, endpoint).catch((again: unknown) => {
      throw failure(again, address);
    });
  }
}

function listening(server: Server, endpoint: Endpoint): Promise<void> {
  // Without a host a server listens on every interface.
  const options: ListenOptions = 'host' in endpoint && endpoint.host === '' ? { port: endpoint.port } : endpoint;
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(options, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Whether nobody listens behind a socket's file. */
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

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there; stop it, or choose another address (port 0 takes any free port)',
  EACCES: 'this user may not; choose a port above 1023, or a path that can be written',
  EADDRNOTAVAIL: 'this machine has no such address; 0.0.0.0 or [::] stand for all it has',
  ENOTFOUND: 'the host name does not resolve',
  ENOENT: 'the folder of that path does not exist',
};

function failure(error: unknown, address: string): Error {
  const reason = reasons[codeOf(error)] ?? (error instanceof Error ? error.message : String(error));
  return new Error(`cannot listen for Thrift on ${address}: ${reason}`, { cause: error });
}
