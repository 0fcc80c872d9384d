/** Node's own HTTP/2 as a foreign peer, both ways, over real sockets. */
import { once } from 'node:events';
import { type ClientHttp2Session, connect, createServer } from 'node:http2';
import { type AddressInfo, connect as connectTcp } from 'node:net';
import { expect, it } from 'vitest';
import { Connection } from '../../src/http2/connection.js';
import type { Stream } from '../../src/http2/stream.js';
import { nodeHost } from '../../src/transports/pipes/node-host.js';
import { SocketPipe } from '../../src/transports/pipes/socket-pipe.js';
import { plainServer } from './plain-server.js';
import { Answer, requestFields, sendHead } from './talk.js';

function get(session: ClientHttp2Session, headers: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':path': '/', ...headers });
    let text = '';
    let status: unknown;
    stream.on('response', (head) => {
      status = head[':status'];
    });
    stream.on('data', (chunk) => {
      text += String(chunk);
    });
    stream.on('end', () => resolve(`${String(status)} ${text}`));
    stream.on('error', reject);
    stream.end();
  });
}

it('a client of Node is answered, 500 requests at once with headers that differ', async () => {
  const server = await plainServer();
  const session = connect(`http://127.0.0.1:${server.port}`);
  try {
    const all = Array.from({ length: 500 }, (_, i) =>
      get(session, { 'x-number': String(i), 'x-same': 'a'.repeat(300) }),
    );
    expect(new Set(await Promise.all(all))).toEqual(new Set(['200 Hello.\n']));
  } finally {
    session.destroy();
    server.close();
  }
});

it('a server of Node echoes 200 bodies of up to 300 KB, with trailers', async () => {
  const server = createServer();
  server.on('stream', (stream, headers) => {
    stream.respond({ ':status': 200, 'x-number': String(headers['x-number']) }, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers({ 'x-end': 'well' }));
    stream.pipe(stream);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connectTcp((server.address() as AddressInfo).port, '127.0.0.1');
  await once(socket, 'connect');
  try {
    await new Promise<void>((resolve, reject) => {
      let left = 200;
      const ask = (i: number): void => {
        const body = new Uint8Array((i * 1_543) % 300_000).fill(i);
        const answer = new Answer();
        answer.end = (_stream: Stream, trailers) => {
          const good = trailers?.get('x-end') === 'well' && Buffer.concat(answer.chunks).equals(body);
          if (!good) reject(new Error(`answer ${i} differs`));
          else if (--left === 0) resolve();
        };
        answer.failed = (_stream, failure) => reject(new Error(failure.message));
        const stream = connection.open(answer);
        if (stream === undefined) throw new Error('no room');
        sendHead(stream, [...requestFields, ['x-number', String(i)]]);
        stream.send(body);
        stream.finish();
      };
      let next = 0;
      const room = (): void => {
        while (next < 200 && connection.available > 0 && connection.size < 50) ask(next++);
      };
      const connection: Connection = new Connection({
        role: 'client',
        pipe: new SocketPipe(socket),
        host: nodeHost,
        events: { ready: room, room, closed: () => reject(new Error('closed')) },
      });
    });
  } finally {
    socket.destroy();
    server.close();
  }
});
