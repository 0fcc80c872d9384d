import { EventEmitter, once } from 'node:events';
import net, { type AddressInfo, type Server, type Socket } from 'node:net';
import { createClient, RpcError, silentLogger } from 'hawser';
import { type ApacheConnection, fromApacheConnection, toApacheProcessor } from 'hawser/apache-thrift';
import { writeMessage } from 'hawser/thrift';
import { afterEach, describe, expect, it } from 'vitest';
import { NpmBadFish, NpmClient, NpmProcessor, npm } from './npm-thrift.js';
import { BadFish, Sales } from './sales-service.js';

const open: (() => void)[] = [];
afterEach(() => {
  for (const close of open.splice(0)) close();
});

async function listen(server: Server): Promise<number> {
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => sockets.add(socket));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  open.push(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

// biome-ignore lint/suspicious/noExplicitAny: the package is untyped
function connect(port: number, options: object): any {
  const connection = npm.createConnection('127.0.0.1', port, options);
  open.push(() => connection.destroy());
  return connection;
}

const notes = new EventEmitter();

const processor = () =>
  toApacheProcessor(
    Sales,
    {
      getSale: async ({ fish }) => {
        if (fish === 'boot') throw new BadFish(fish);
        if (fish === 'secret') throw new Error('the password is swordfish');
        if (fish === 'none') throw new RpcError('NOT_FOUND', 'no such fish', { reason: 'NO_FISH' });
        return `a ${fish}`;
      },
      weigh: async ({ delicate }) => delicate,
      note: async ({ text }) => {
        notes.emit('note', text);
      },
    },
    { logger: silentLogger },
  );

const delicate = {
  zero: -0,
  big: 9_007_199_254_740_993n,
  keys: new Map([
    [true, 1n],
    [false, -(2n ** 63n)],
  ]),
};

for (const protocolName of ['TBinaryProtocol', 'TCompactProtocol'] as const) {
  for (const transportName of ['TFramedTransport', 'TBufferedTransport'] as const) {
    const options = { protocol: npm[protocolName], transport: npm[transportName] };

    describe(`${protocolName} over ${transportName}`, () => {
      it('a client of the package calls a Hawser service on a server of the package', async () => {
        const port = await listen(npm.createServer(processor(), undefined, options));
        const client = npm.createClient(NpmClient, connect(port, options));
        expect(await client.getSale('halibut')).toBe('a halibut');
        const noted = once(notes, 'note');
        client.note('low tide');
        expect(await noted).toEqual(['low tide']);
        await expect(client.getSale('boot')).rejects.toMatchObject({ fish: 'boot' });
      });

      it('a client of the package learns nothing of an undeclared failure', async () => {
        const port = await listen(npm.createMultiplexServer(processor(), options));
        const client = npm.createClient(NpmClient, connect(port, options));
        const failed = await client.getSale('secret').catch((error: unknown) => error);
        expect(failed).toMatchObject({ type: 6 });
        expect(String(failed.message)).not.toContain('swordfish');
        await expect(client.getSale('x', 'unknown')).rejects.toMatchObject({ type: 1 });
        await expect(client.getSale('x', 'getSale', 2)).rejects.toMatchObject({ type: 2 });
        expect(await client.getSale('cod')).toBe('a cod');
      });

      it('a Hawser client calls a processor of the package over a connection of the package', async () => {
        const heard: string[] = [];
        const theirs = new NpmProcessor({
          getSale: (fish) => {
            if (fish === 'boot') throw Object.assign(new NpmBadFish(), { fish });
            return `a ${fish}`;
          },
          note: (text) => heard.push(text),
        });
        const port = await listen(npm.createMultiplexServer(theirs, options));
        const client = createClient(Sales, fromApacheConnection(connect(port, options)));
        await client.note({ text: 'high tide' });
        expect(await client.getSale({ fish: 'halibut' })).toBe('a halibut');
        expect(heard).toEqual(['high tide']);
        const bad = await client.getSale({ fish: 'boot' }).catch((error: unknown) => error);
        expect(bad).toBeInstanceOf(BadFish);
        expect(bad).toMatchObject({ fish: 'boot' });
        await expect(client.weigh({ delicate })).rejects.toMatchObject({ message: 'Unknown function weigh' });
      });

      it('carries what the package would corrupt: -0, large i64, bool keys', async () => {
        const port = await listen(npm.createServer(processor(), undefined, options));
        const client = createClient(Sales, fromApacheConnection(connect(port, options)));
        expect(await client.weigh({ delicate })).toEqual(delicate);
      });

      it('shows a Hawser client the whole RpcError of a Hawser service', async () => {
        const port = await listen(npm.createServer(processor(), undefined, options));
        const client = createClient(Sales, fromApacheConnection(connect(port, options)));
        const error = await client.getSale({ fish: 'none' }).catch((e: unknown) => e);
        expect(error).toMatchObject({ code: 'NOT_FOUND', reason: 'NO_FISH', disposition: 'executed' });
      });

      it('serves both stubs on one connection at once', async () => {
        const port = await listen(npm.createServer(processor(), undefined, options));
        const connection = connect(port, options);
        const old = npm.createClient(NpmClient, connection);
        const client = createClient(Sales, fromApacheConnection(connection));
        const answers = [];
        for (let i = 0; i < 20; i++) answers.push(old.getSale(`old ${i}`), client.getSale({ fish: `new ${i}` }));
        expect(await Promise.all(answers)).toEqual(
          Array.from({ length: 20 }, (_, i) => [`a old ${i}`, `a new ${i}`]).flat(),
        );
      });

      it('calls through a MultiplexedProcessor', async () => {
        const multiplexed = new npm.MultiplexedProcessor();
        multiplexed.registerProcessor('Sales', processor());
        const port = await listen(npm.createMultiplexServer(multiplexed, options));
        const connection = connect(port, options);
        const old = new npm.Multiplexer().createClient('Sales', NpmClient, connection);
        const client = createClient(Sales, fromApacheConnection(connection, { multiplexed: true }));
        expect(await Promise.all([old.getSale('cod'), client.getSale({ fish: 'ling' }), old.getSale('hake')])).toEqual([
          'a cod',
          'a ling',
          'a hake',
        ]);
      });

      it('ends the calls in flight when the connection dies', async () => {
        const port = await listen(net.createServer((socket) => socket.once('data', () => socket.destroy())));
        const client = createClient(Sales, fromApacheConnection(connect(port, options)));
        await expect(client.getSale({ fish: 'cod' })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      });

      it('ends a call at its deadline and takes no other answer for its own', async () => {
        const late: (() => void)[] = [];
        const echo = toApacheProcessor(
          Sales,
          {
            getSale: ({ fish }) =>
              fish === 'slow' ? new Promise((resolve) => late.push(() => resolve('late'))) : fish,
            weigh: ({ delicate: same }) => same,
            note: () => {},
          },
          { logger: silentLogger },
        );
        const port = await listen(npm.createServer(echo, undefined, options));
        const client = createClient(Sales, fromApacheConnection(connect(port, options)));
        await expect(client.getSale({ fish: 'slow' }, { timeout: 30 })).rejects.toMatchObject({
          code: 'DEADLINE_EXCEEDED',
        });
        for (const release of late) release();
        expect(await client.getSale({ fish: 'quick' })).toBe('quick');
      });
    });
  }
}

describe('the adapter', () => {
  it('answers a frame that ends within its args, where the package would wait for ever', async () => {
    const options = { transport: npm.TFramedTransport };
    const port = await listen(npm.createServer(processor(), undefined, options));
    const socket = net.connect(port, '127.0.0.1');
    open.push(() => socket.destroy());
    const message = writeMessage('binary', 'getSale', 1, 7, Buffer.from('0b000100000064', 'hex'));
    const frame = Buffer.alloc(4);
    frame.writeInt32BE(message.length);
    socket.write(Buffer.concat([frame, message]));
    const [reply] = (await once(socket, 'data')) as [Buffer];
    expect(reply.subarray(4, 8).toString('hex')).toBe('80010003');
  });

  it('answers a call once that was aborted while its handler ran', async () => {
    const options = { transport: npm.TFramedTransport };
    const aborting = toApacheProcessor(
      Sales,
      { getSale: ({ fish }) => fish, weigh: ({ delicate: same }) => same, note: () => {} },
      {
        logger: silentLogger,
        interceptors: [
          (_method, next) => (call) => {
            call.abort(new RpcError('CANCELLED', 'enough'));
            return next(call);
          },
        ],
      },
    );
    const port = await listen(npm.createServer(aborting, undefined, options));
    const socket = net.connect(port, '127.0.0.1');
    open.push(() => socket.destroy());
    const frames = [1, 2].map((seqid) => {
      const message = writeMessage('binary', 'getSale', 1, seqid, Buffer.from('0b00010000000163' + '00', 'hex'));
      const frame = Buffer.alloc(4);
      frame.writeInt32BE(message.length);
      return Buffer.concat([frame, message]);
    });
    const received: Buffer[] = [];
    const seqids = (): number[] => {
      const all = Buffer.concat(received);
      const found = [];
      for (let at = 0; at + 4 < all.length; at += 4 + all.readInt32BE(at)) {
        found.push(all.readInt32BE(at + 12 + all.readInt32BE(at + 8)));
      }
      return found;
    };
    socket.on('data', (data: Buffer) => received.push(data));
    for (const frame of frames) {
      socket.write(frame);
      await once(socket, 'data');
    }
    expect(seqids()).toEqual([1, 2]);
  });

  it('waits for a connection that is not there yet, and fails when it does not come', async () => {
    const server = net.createServer();
    const port = await listen(server);
    server.close();
    await once(server, 'close');
    const client = createClient(Sales, fromApacheConnection(connect(port, {})));
    await expect(client.getSale({ fish: 'cod' })).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      disposition: 'not-executed',
    });
  });

  it('refuses a protocol that it does not speak', () => {
    const connection = { protocol: npm.TJSONProtocol } as ApacheConnection;
    expect(() => fromApacheConnection(connection)).toThrow(/TBinaryProtocol and TCompactProtocol, not TJSONProtocol/);
  });

  it.each([undefined, null, 5, {}, npm.createHttpConnection('127.0.0.1', 1, {})])(
    'refuses what is no connection over a socket: %s',
    (given) => {
      expect(() => fromApacheConnection(given as never)).toThrow(
        /^fromApacheConnection was given .* it takes what thrift\.createConnection or createSSLConnection returns/,
      );
    },
  );

  it('leaves the connection to its owner when the client is closed', async () => {
    const port = await listen(npm.createServer(processor(), undefined, {}));
    const connection = connect(port, {});
    const client = createClient(Sales, fromApacheConnection(connection));
    expect(await client.getSale({ fish: 'cod' })).toBe('a cod');
    await client.$close();
    await expect(client.getSale({ fish: 'cod' })).rejects.toMatchObject({ code: 'CANCELLED', reason: 'CLIENT_CLOSED' });
    expect(connection.connection.destroyed).toBe(false);
  });
});
