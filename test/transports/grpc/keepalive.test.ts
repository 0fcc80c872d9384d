import { connect as connectTcp, createServer, type Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { type Note, note } from './note.js';
import { connect, serve } from './wire.js';

test('a server drops a connection that does not answer its pings', async () => {
  const { address } = await serve({}, { keepalive: { time: 20, timeout: 20 } });
  const socket = connectTcp(Number(address.split(':')[1]), '127.0.0.1');
  socket.on('error', () => {});
  // The preface and empty settings; then not a word more.
  socket.write(
    Buffer.concat([Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0])]),
  );
  socket.resume();
  await new Promise<void>((resolve) => socket.once('close', () => resolve()));
});

test('a client finds out that a silent connection is dead, and ends its stream', async () => {
  const { address } = await serve({
    async *list(_request, call) {
      yield note('first');
      await new Promise<void>((resolve) => call.signal.addEventListener('abort', () => resolve()));
    },
  });
  const sockets: Socket[] = [];
  const proxy = createServer((socket) => {
    const upstream = connectTcp(Number(address.split(':')[1]), '127.0.0.1');
    sockets.push(socket, upstream);
    for (const one of [socket, upstream]) one.on('error', () => {});
    socket.pipe(upstream).pipe(socket);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  });
  const port = (proxy.address() as { port: number }).port;
  const client = connect(`127.0.0.1:${port}`, { keepalive: { time: 300, timeout: 300 } });
  const items: Note[] = [];
  const reading = (async () => {
    for await (const one of client.list(note())) {
      items.push(one);
      // The network goes silent: nothing is closed, nothing arrives.
      for (const socket of sockets) {
        socket.unpipe();
        socket.pause();
      }
    }
  })();
  await expect(reading).rejects.toMatchObject({
    code: 'UNAVAILABLE',
    reason: 'CONNECTION_LOST',
    disposition: 'unknown',
  });
  expect(items).toHaveLength(1);
});

test('a connection past its age is replaced, and calls go on', async () => {
  const peers = new Set<string>();
  const { address } = await serve(
    {
      echo: (request, call) => {
        peers.add(call.peer.address);
        return request;
      },
    },
    { maxConnectionAge: { time: 50, grace: 1_000 } },
  );
  const client = connect(address);
  while (peers.size < 3) {
    await client.echo(note('a'));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
});
