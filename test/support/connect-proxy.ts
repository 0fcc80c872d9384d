/** An HTTP proxy that makes tunnels, as far as clients see one. */
import { createServer, type IncomingMessage } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Asked {
  readonly target: string;
  readonly authorization: string | undefined;
}

/** `answer`: what it says in the place of a tunnel. */
export async function connectProxy(answer?: (asked: Asked, socket: Socket) => boolean) {
  const asked: Asked[] = [];
  const sockets = new Set<Socket>();
  const server = createServer();
  server.on('connection', (socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
  });
  server.on('connect', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    const one = { target: String(request.url), authorization: request.headers['proxy-authorization'] };
    asked.push(one);
    if (answer?.(one, socket) === true) return;
    const { hostname, port } = new URL(`http://${one.target}`);
    const upstream = connect(Number(port), hostname.replace(/^\[|\]$/g, ''), () => {
      socket.write('HTTP/1.1 200 Connection established\r\nVia: test\r\n\r\n');
      upstream.write(head);
      upstream.pipe(socket).pipe(upstream);
    });
    sockets.add(upstream);
    upstream.on('error', () => socket.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { asked, address: `127.0.0.1:${(server.address() as AddressInfo).port}` };
}
