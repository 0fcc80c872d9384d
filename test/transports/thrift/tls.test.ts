import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { createClient } from 'hawser';
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { Peer } from '../../../src/call/peer.js';
import { describeWith, hasTool } from '../../requires.js';
import { closeAll, closing, RawPeer, recordingLogger, serveParley } from './harness.js';
import { Parley } from './parley.js';

afterEach(closeAll);

describeWith('openssl', hasTool('openssl', ['version']), 'Thrift over TLS', () => {
  let folder = '';
  const pem = (name: string): string => readFileSync(join(folder, `${name}.pem`), 'utf8');
  const openssl = (...args: string[]): unknown =>
    execFileSync('openssl', args, { cwd: folder, stdio: 'ignore', timeout: 20_000 });

  function sign(name: string, subject: string, names: string): void {
    writeFileSync(join(folder, `${name}.ext`), `subjectAltName=${names}\n`);
    openssl(
      'req',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-subj',
      subject,
      '-keyout',
      `${name}.key.pem`,
      '-out',
      `${name}.csr`,
    );
    openssl(
      'x509',
      '-req',
      '-in',
      `${name}.csr`,
      '-CA',
      'ca.pem',
      '-CAkey',
      'ca.key.pem',
      '-CAcreateserial',
      '-days',
      '30',
      '-extfile',
      `${name}.ext`,
      '-out',
      `${name}.pem`,
    );
  }

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'hawser-tls-'));
    openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-days',
      '30',
      '-subj',
      '/CN=test authority',
      '-keyout',
      'ca.key.pem',
      '-out',
      'ca.pem',
    );
    sign('server', '/CN=harbour', 'DNS:localhost,IP:127.0.0.1');
    sign('client', '/O=Fishers/CN=ada', 'URI:spiffe://market/ada,DNS:ada.example');
  });

  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const serverTls = () => ({ cert: pem('server'), key: pem('server.key') });

  async function served(tls: object) {
    const peers: Peer[] = [];
    const result = await serveParley(
      {},
      {
        listen: { address: '127.0.0.1:0', tls: { ...serverTls(), ...tls } },
        handlers: {
          ping: async (_request, call) => {
            peers.push(call.peer);
          },
        },
      },
    );
    return { ...result, peers };
  }

  function clientOf(port: number, tls: object, host = '127.0.0.1') {
    const client = createClient(Parley, `thrifts://${host}:${port}?wire=header`, { tls, logger: recordingLogger([]) });
    closing({ close: () => client.$close() });
    return client;
  }

  it('carries calls when the client trusts the server', async () => {
    const { port, peers } = await served({});
    const client = clientOf(port, { ca: pem('ca') });
    const call = client.ping({});
    await call;
    expect(peers[0]?.address).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(peers[0]?.certificate).toBeUndefined();
    expect(call.peer.certificate?.subject).toBe('CN=harbour');
    const text = 'x'.repeat(2_000_000);
    expect(await client.echo({ text })).toBe(text);
  });

  it('shows the certificate of a client that has one', async () => {
    const { port, peers } = await served({ ca: pem('ca'), requireClientCert: true });
    await clientOf(port, { ca: pem('ca'), cert: pem('client'), key: pem('client.key') }).ping({});
    expect(peers[0]?.certificate).toEqual({
      subject: 'O=Fishers, CN=ada',
      alternativeNames: 'URI:spiffe://market/ada, DNS:ada.example',
      fingerprint: expect.stringMatching(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/),
    });
  });

  it('turns away a client without a certificate where one is required', async () => {
    const { port } = await served({ ca: pem('ca'), requireClientCert: true });
    await expect(clientOf(port, { ca: pem('ca') }).ping({})).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('is refused by a client that does not trust the server, or expects another name', async () => {
    const { port } = await served({});
    await expect(clientOf(port, {}).ping({})).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      disposition: 'not-executed',
    });
    await expect(clientOf(port, { ca: pem('ca'), serverName: 'elsewhere.example' }).ping({})).rejects.toThrow(
      /elsewhere\.example/,
    );
    await clientOf(port, { ca: pem('ca'), serverName: 'localhost' }).ping({});
  });

  it('logs a plain client on a TLS port, and a TLS client on a plain one', async () => {
    const secure = await served({});
    const plain = await RawPeer.connect(secure.port);
    plain.send(Buffer.from('00000010800100010000000465636f6800000001', 'hex'));
    await plain.gone();
    expect(secure.log.map((line) => line.message).join()).toMatch(/its TLS handshake failed/);

    const open = await serveParley();
    const socket = connectTls({ port: open.port, host: '127.0.0.1', rejectUnauthorized: false });
    await new Promise((resolve) => socket.once('error', resolve));
    expect(open.log.map((line) => line.message).join()).toMatch(/the peer speaks TLS/);
  });

  it('closes with a handshake that never ends', async () => {
    const { port, server } = await served({});
    const peer = await RawPeer.connect(port);
    await new Promise((resolve) => setImmediate(resolve));
    await server.close({ grace: 20 });
    await peer.gone();
  });

  it('does not wait with close for a handshake, nor for a peer that left in the middle of one', async () => {
    const { port, server } = await served({});
    const silent = await RawPeer.connect(port);
    await expect(clientOf(port, {}).ping({})).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    // Far longer than the test may take.
    await server.close({ grace: '10m' });
    await silent.gone();
  });

  it('refuses a certificate without its key, and a key without its certificate, on either side', async () => {
    const only = { cert: pem('client') };
    expect(() => createClient(Parley, 'thrifts://127.0.0.1:1', { tls: only })).toThrow(/tls.cert and tls.key/);
    await expect(served({ key: undefined })).rejects.toThrow(/tls has no key/);
    await expect(served({ cert: undefined })).rejects.toThrow(/tls has no cert/);
  });
});
