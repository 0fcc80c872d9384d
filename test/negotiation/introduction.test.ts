/** Versions over Thrift without headers: said by a call of a reserved method, once a connection, where the client is told to. */
import net, { type AddressInfo } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { unary } from '../../src/contract/method.js';
import { defineService } from '../../src/contract/service.js';
import { createClient, silentLogger } from '../../src/index.js';
import { NpmProcessor, npm } from '../apache-thrift/npm-thrift.js';
import { Sales } from '../apache-thrift/sales-service.js';
import { MarketPlace, plainWires } from '../support/market-served.js';

const ask = { fish: 'cod' };
const thrift = { introduce: true };

const VersionedSales = defineService({
  name: Sales.name,
  version: '1.2.0',
  idl: 'thrift',
  fingerprint: '0'.repeat(64),
  methods: { getSale: unary({ ...Sales.methods.getSale }) },
});

async function listen(server: net.Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return (server.address() as AddressInfo).port;
}

describe.each(plainWires)('versions over %s', (wire) => {
  it('are told once a connection, and hold for all calls on it', async () => {
    const place = new MarketPlace(wire);
    await place.serve(2);
    const client = place.client(3, { thrift });
    expect(client.$has('origin')).toBe(false);
    for (let i = 0; i < 3; i++) expect(await client.last(ask)).toMatchObject({ origin: 'north by 1.2' });
    expect(place.seen.map(({ version, features }) => [version, features])).toEqual(
      Array.from({ length: 3 }, () => ['1.3.0', ['notes', 'origin']]),
    );
    expect(client.$negotiated()).toMatchObject([
      { version: '1.2.0', peerVersion: '1.2.0', features: ['notes', 'origin'], sameSchema: false },
    ]);
    expect([client.$has('origin'), client.$has('grades')]).toEqual([true, false]);
  });

  it('that do not meet end in the same error as with headers', async () => {
    const place = new MarketPlace(wire);
    await place.serve(3, { versions: { min: '1.2' } });
    await expect(place.client(1, { thrift }).last(ask)).rejects.toMatchObject({
      code: 'FAILED_PRECONDITION',
      reason: 'VERSION_UNSUPPORTED',
      disposition: 'not-executed',
      message: 'the client speaks fish.v1.Market 1.0 to 1.1.0 and this server 1.2 to 1.3.0; upgrade the client',
    });
    expect(place.seen).toEqual([]);
  });

  it('are noticed when the server is another one', async () => {
    const place = new MarketPlace(wire);
    await place.serve(1);
    const client = place.client(3, { thrift, methods: { last: { idempotency: 'IDEMPOTENT' } } });
    await client.last(ask);
    await place.serve(3);
    expect(await client.last(ask, { timeout: '10s' })).toMatchObject({ grade: 3 });
    expect(client.$negotiated()).toMatchObject([{ peerVersion: '1.3.0' }]);
    expect(client.$has('grades')).toBe(true);
  });

  it('are not told by a client that was not asked to', async () => {
    const place = new MarketPlace(wire);
    await place.serve(3);
    const client = place.client(3);
    expect(await client.last(ask)).toEqual(ask);
    expect(place.seen[0]).toMatchObject({ version: undefined, features: [] });
    expect(client.$negotiated()).toEqual([]);
  });

  it.each([
    ['that breaks off over a method it does not know', (socket: net.Socket) => socket.destroy()],
    ['that does not answer a method it does not know', () => {}],
  ])('are let be with a server %s', async (_, onHello) => {
    const place = new MarketPlace(wire);
    await place.serve(3);
    const port = Number(/:(\d+)\?/.exec(place.address as string)?.[1]);
    let introductions = 0;
    const rude = await listen(
      net.createServer((socket) => {
        const behind = net.connect(port, '127.0.0.1');
        for (const one of [socket, behind]) one.on('error', () => {});
        socket.on('data', (chunk) => {
          if (!chunk.includes('__hawser__hello_v1')) behind.write(chunk);
          else {
            introductions++;
            onHello(socket);
          }
        });
        behind.pipe(socket);
        socket.on('close', () => behind.destroy());
      }),
    );
    const client = place.client(3, { thrift: { ...thrift, connectTimeout: '300ms' } }, undefined, rude);
    expect(await client.last(ask, { timeout: '10s' })).toEqual(ask);
    expect(await client.last(ask, { timeout: '10s' })).toEqual(ask);
    expect([introductions, client.$negotiated()]).toEqual([1, []]);
  });

  it('are not to be had of a server of the thrift package, which serves as ever', async () => {
    const port = await listen(
      npm.createServer(
        NpmProcessor,
        { getSale: (fish: string) => `a ${fish}`, note: () => {} },
        {
          transport: npm.TFramedTransport,
          protocol: wire === 'binary' ? npm.TBinaryProtocol : npm.TCompactProtocol,
        },
      ),
    );
    const client = createClient(VersionedSales, `thrift://127.0.0.1:${port}?wire=${wire}`, {
      thrift,
      logger: silentLogger,
    });
    onTestFinished(() => client.$close());
    expect(await client.getSale({ fish: 'halibut' })).toBe('a halibut');
    expect(await client.getSale({ fish: 'sole' })).toBe('a sole');
    expect([client.$negotiated(), client.$has('x')]).toEqual([[], false]);
  });
});

describe('an introduction', () => {
  it.each(['rubbish', 'v=1;c=other.Market;fw=1;min=1.0;max=1.0', 'x'.repeat(100_000)])(
    'that is none is answered like any unknown method, and the connection goes on: %.20s',
    async (hello) => {
      const place = new MarketPlace('binary');
      await place.serve(3);
      const odd = defineService({
        name: 'fish.v1.Market',
        idl: 'thrift',
        fingerprint: '',
        methods: { hello: unary({ ...Sales.methods.getSale, name: '__hawser__hello_v1' }) },
      });
      const client = createClient(odd, place.address, { logger: silentLogger });
      onTestFinished(() => client.$close());
      await expect(client.hello({ fish: hello })).rejects.toMatchObject({ code: 'UNIMPLEMENTED' });
      await expect(client.hello({ fish: hello })).rejects.toMatchObject({ code: 'UNIMPLEMENTED' });
    },
  );

  it('is a matter of true and false', () => {
    const place = new MarketPlace('memory');
    expect(() => place.client(3, { thrift: { introduce: 'yes' as unknown as boolean } })).toThrow(
      /thrift\.introduce is "yes"; it is true or false/,
    );
  });
});
