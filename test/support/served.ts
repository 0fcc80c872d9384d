/** A server and a client that share a memory network, closed by the test's end. */
import { onTestFinished } from 'vitest';
import { silentLogger } from '../../src/call/logger.js';
import { type ClientOptions, createClient } from '../../src/client/create-client.js';
import type { Client } from '../../src/client/types.js';
import type { ServiceType } from '../../src/contract/service.js';
import { createServer } from '../../src/server/create-server.js';
import type { Handlers } from '../../src/server/handlers.js';
import type { Server, ServerOptions } from '../../src/server/types.js';
import { MemoryNetwork } from '../../src/transports/memory/network.js';

export async function served<S extends ServiceType>(
  service: S,
  handlers: Handlers<S>,
  options: { server?: ServerOptions; client?: ClientOptions; configure?: (server: Server) => void } = {},
): Promise<{ client: Client<S>; server: Server; network: MemoryNetwork }> {
  const network = new MemoryNetwork();
  const server = createServer({ logger: silentLogger, ...options.server });
  server.add(service, handlers);
  options.configure?.(server);
  await server.listen({ memory: network });
  const client = createClient(service, network, options.client);
  onTestFinished(async () => {
    await client.$close();
    await server.close({ grace: 0 });
  });
  return { client, server, network };
}

/** A promise and its ends. */
export function deferred<T = void>() {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((res, rej) => {
    resolve = res;
    reject = rej;
  });
  return { promise, resolve, reject };
}

/** Lets everything that is ready to run, run. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}
