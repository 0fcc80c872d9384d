import { connect as connectTcp } from 'node:net';
import * as grpc from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import type { Peer } from '../../../src/call/peer.js';
import { describeWith, hasTool } from '../../requires.js';
import { makeCertificates } from './certificates.js';
import { note } from './note.js';
import { connect, drain, serve } from './wire.js';

describeWith('openssl', hasTool('openssl', ['version']), 'gRPC over TLS', () => {
  const { ca, server, client: own } = makeCertificates();
  const other = makeCertificates();
  const peers: Peer[] = [];
  const handlers = {
    echo: (request: ReturnType<typeof note>, call: { peer: Peer }) => {
      peers.push(call.peer);
      return request;
    },
  };

  test('a client that trusts the authority calls; the peer has no certificate', async () => {
    const { address } = await serve(handlers, { tls: server });
    expect(await connect(address, { tls: { ca } }).echo(note('tls'))).toEqual(note('tls'));
    expect(peers.at(-1)?.certificate).toBeUndefined();
    expect(peers.at(-1)?.address).toMatch(/^127\.0\.0\.1:\d+$/);
  });

  test('a server that nobody vouches for is not called', async () => {
    const { address } = await serve(handlers, { tls: server });
    const error = await connect(address, { tls: { ca: other.ca } })
      .echo(note())
      .catch((reason: unknown) => reason as Error);
    expect(error).toMatchObject({ code: 'UNAVAILABLE', disposition: 'not-executed' });
    expect((error as Error).message).toMatch(/certificate/);
  });

  test('the name in the certificate is checked, and can be given', async () => {
    const { address } = await serve(handlers, { tls: server });
    await expect(connect(address, { tls: { ca, serverName: 'elsewhere.example' } }).echo(note())).rejects.toMatchObject(
      {
        code: 'UNAVAILABLE',
        disposition: 'not-executed',
      },
    );
    expect(await connect(address, { tls: { ca, serverName: 'market.example' } }).echo(note('n'))).toEqual(note('n'));
  });

  test('with mutual TLS the handler sees who calls', async () => {
    const { address } = await serve(handlers, { tls: { ...server, ca, requireClientCert: true } });
    await connect(address, { tls: { ca, ...own } }).echo(note());
    expect(peers.at(-1)?.certificate).toMatchObject({
      subject: 'O=Fishers, CN=boat-7',
      alternativeNames: 'URI:spiffe://sea/boat-7',
    });
    expect(peers.at(-1)?.certificate?.fingerprint).toMatch(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
  });

  test("with mutual TLS a client without a certificate, or with a stranger's, is turned away", async () => {
    const { address } = await serve(handlers, { tls: { ...server, ca, requireClientCert: true } });
    for (const tls of [{ ca }, { ca, ...other.client }]) {
      await expect(connect(address, { tls }).echo(note())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    }
  });

  test('a raw grpc-js client calls over TLS, and streams run', async () => {
    const { address } = await serve({}, { tls: server });
    const raw = new grpc.Client(address, grpc.credentials.createSsl(Buffer.from(ca)));
    const identity = (bytes: Buffer): Buffer => bytes;
    const answer = await new Promise((resolve) =>
      raw.makeUnaryRequest('/hawser.test.v1.Notes/Echo', identity, identity, Buffer.from([16, 5]), (_error, bytes) =>
        resolve(bytes),
      ),
    );
    expect(answer).toEqual(Buffer.from([16, 5]));
    raw.close();
    expect((await drain(connect(address, { tls: { ca } }).list(note('', 500)))).items).toHaveLength(500);
  });

  test('plain text on a TLS port, and TLS on a plain port, fail with a sentence', async () => {
    const secure = await serve({}, { tls: server });
    const plain = await serve();
    await expect(connect(secure.address).echo(note())).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await expect(connect(plain.address, { tls: { ca } }).echo(note())).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      disposition: 'not-executed',
    });
    expect(await connect(secure.address, { tls: { ca } }).echo(note('alive'))).toEqual(note('alive'));
  });

  test('close ends although a handshake was never finished', async () => {
    const listener = await serve({}, { tls: server });
    const socket = connectTcp(Number(listener.address.split(':')[1]), '127.0.0.1');
    await new Promise<void>((resolve) => socket.once('connect', resolve));
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => {});
    await listener.close(0);
    await closed;
  });

  test('half of what TLS needs is refused at once', async () => {
    expect(() => connect('127.0.0.1:1', { tls: { ca, cert: own.cert } })).toThrow(/tls\.cert and tls\.key go together/);
    await expect(serve({}, { tls: { ...server, requireClientCert: true } })).rejects.toThrow(/needs tls\.ca/);
    await expect(serve({}, { tls: { ...server, key: undefined } as never })).rejects.toThrow(/tls has no key/);
    await expect(serve({}, { tls: { cert: 'not a certificate', key: server.key } })).rejects.toThrow(/tls\.cert/);
    expect(() => connect('127.0.0.1:1', { tls: { ca: own.key, cert: 'no', key: 'no' } })).toThrow(/tls/);
  });
});
