import { createServer } from 'node:net';

/** Below the range that the system takes ports from: one that is free now is not given to a connection or a `listen(0)` in a moment. */
const first = 12_000;
const last = 31_999;

/** A loopback port that nobody uses now, for a foreign server that cannot choose one itself. */
export async function freePort(): Promise<number> {
  for (let left = 100; left > 0; left--) {
    const port = first + Math.floor(Math.random() * (last - first + 1));
    if (await isFree(port)) return port;
  }
  throw new Error(`no port from ${first} to ${last} is free on 127.0.0.1`);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
