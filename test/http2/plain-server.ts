/** An HTTP/2 server that answers every request with a short text: what conformance suites are run against. */
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { createServer as createTlsServer, type TlsOptions } from 'node:tls';
import { Connection } from '../../src/http2/connection.js';
import type { ConnectionLimits } from '../../src/http2/limits.js';
import type { Stream, StreamReceiver } from '../../src/http2/stream.js';
import { nodeHost } from '../../src/transports/pipes/node-host.js';
import { SocketPipe } from '../../src/transports/pipes/socket-pipe.js';

const body = new TextEncoder().encode('Hello.\n');

/** Answers when the request is whole. */
const answering: StreamReceiver = {
  head: () => {},
  data: (stream, _bytes, from, to) => stream.consume(to - from),
  end: (stream) => answer(stream),
  failed: () => {},
  writable: () => {},
};

function answer(stream: Stream): void {
  stream.sendHead(
    100,
    (encoder, bytes, at) =>
      encoder.field(bytes, encoder.field(bytes, at, ':status', '200'), 'content-type', 'text/plain'),
    false,
  );
  stream.send(body);
  stream.finish();
}

export async function plainServer(
  tls?: TlsOptions,
  limits: Partial<ConnectionLimits> = {},
): Promise<{ readonly port: number; close(): void }> {
  const sockets = new Set<Socket>();
  const serve = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
    new Connection({
      role: 'server',
      pipe: new SocketPipe(socket),
      host: nodeHost,
      limits,
      events: {
        accept(stream, _headers, end) {
          if (end) answer(stream);
          return answering;
        },
      },
    });
  };
  const options = { allowHalfOpen: true };
  const server =
    tls === undefined
      ? createServer(options, serve)
      : createTlsServer({ ...tls, ...options, ALPNProtocols: ['h2'] }, serve);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
