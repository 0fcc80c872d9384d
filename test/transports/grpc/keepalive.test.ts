import { connect as connectTcp, createServer, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
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

interface Forgetful {
  readonly address: string;
  /** Connections that were made through it. */
  count(): number;
  /** Nothing comes through those that there are any more, and nothing closes them; new ones work. */
  forget(): void;
}

/** A NAT, or a load balancer. */
async function forgetful(to: string): Promise<Forgetful> {
  const pairs: (readonly [Socket, Socket])[] = [];
  const proxy = createServer((socket) => {
    const upstream = connectTcp(Number(to.split(':')[1]), '127.0.0.1');
    pairs.push([socket, upstream]);
    for (const one of [socket, upstream]) one.on('error', () => {});
    socket.pipe(upstream).pipe(socket);
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of pairs.flat()) socket.destroy();
    proxy.close();
  });
  return {
    address: `127.0.0.1:${(proxy.address() as { port: number }).port}`,
    count: () => pairs.length,
    forget() {
      for (const [socket, upstream] of pairs) {
        for (const one of [socket, upstream]) one.unpipe();
        // What comes is read, and goes nowhere.
        for (const one of [socket, upstream]) one.resume();
      }
    },
  };
}

describe.each(['node', 'own'] as const)('a client on the engine %s', (engine) => {
  test('finds out that a silent connection is dead, and ends its stream', async () => {
    const { address } = await serve({
      async *list(_request, call) {
        yield note('first');
        await new Promise<void>((resolve) => call.signal.addEventListener('abort', () => resolve()));
      },
    });
    const proxy = await forgetful(address);
    const client = connect(proxy.address, { engine, keepalive: { time: 300, timeout: 300 } });
    const items: Note[] = [];
    const reading = (async () => {
      for await (const one of client.list(note())) {
        items.push(one);
        proxy.forget();
      }
    })();
    await expect(reading).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      reason: 'CONNECTION_LOST',
      disposition: 'unknown',
    });
    expect(items).toHaveLength(1);
  });

  test('finds it out though no call is open for as long as that takes', async () => {
    const { address } = await serve();
    const proxy = await forgetful(address);
    const client = connect(proxy.address, { engine, keepalive: { time: 400, timeout: 200 } });
    await client.echo(note());
    proxy.forget();
    let answered = false;
    while (!answered) {
      // Given up by its caller, not late: only pings can tell that nothing comes.
      const stop = AbortSignal.timeout(60);
      answered = await client.echo(note(), { signal: stop }).then(
        () => true,
        () => false,
      );
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    expect(proxy.count()).toBe(2);
  });

  test('takes another connection once calls have timed out twice on a silent one', async () => {
    const { address } = await serve();
    const proxy = await forgetful(address);
    const client = connect(proxy.address, { engine });
    await client.echo(note());
    proxy.forget();
    const late = { code: 'DEADLINE_EXCEEDED' };
    // Calls that are late together are late once.
    const together = [1, 2, 3].map(() => client.echo(note(), { timeout: 50 }));
    for (const call of together) await expect(call).rejects.toMatchObject(late);
    await expect(client.collect([note()], { timeout: 50 })).rejects.toMatchObject(late);
    expect((await client.echo(note('there'))).text).toBe('there');
    expect(proxy.count()).toBe(2);
  });

  test('keeps a connection on which calls time out while others are answered', async () => {
    const { address } = await serve({
      echo: (request) => (request.text === 'never' ? new Promise<Note>(() => {}) : request),
    });
    const proxy = await forgetful(address);
    const client = connect(proxy.address, { engine });
    for (let i = 0; i < 5; i++) {
      await client.echo(note());
      await expect(client.echo(note('never'), { timeout: 20 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    }
    expect(proxy.count()).toBe(1);
  });
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
