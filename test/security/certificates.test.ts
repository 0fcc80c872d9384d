/** The principal of a caller with a certificate: the same over both wires, never shared by two that differ, never empty. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, createServer, type ServerOptions, silentLogger } from 'hawser';
import { afterAll, expect, it, onTestFinished } from 'vitest';
import * as proto from '../../gen/market/v1/market.rpc.js';
import * as thrift from '../../gen/market.js';
import { certificatePrincipal } from '../../src/call/certificate-name.js';
import { memoryStore } from '../../src/stores/memory.js';
import { describeWith, hasTool } from '../requires.js';
import { rejection } from '../support/scripted.js';

interface Identity {
  readonly cert: string;
  readonly key: string;
}

describeWith('openssl', hasTool('openssl', ['version']), 'the principal of a certificate', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-names-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const openssl = (...args: string[]): void => void execFileSync('openssl', args, { cwd: folder, stdio: 'ignore' });
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...curve, ...'-keyout ca.key -out ca.crt -days 2 -subj /CN=authority'.split(' '));
  let made = 0;

  function sign(subject: string, names?: string): Identity {
    const name = `c${++made}`;
    writeFileSync(join(folder, `${name}.ext`), names === undefined ? '' : `subjectAltName=${names}\n`);
    openssl('req', ...curve, '-multivalue-rdn', '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', subject);
    openssl(
      ...['x509', '-req', '-in', `${name}.csr`, '-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial'],
      ...['-out', `${name}.crt`, '-days', '2', '-extfile', `${name}.ext`],
    );
    return { cert: read(`${name}.crt`), key: read(`${name}.key`) };
  }

  const ca = read('ca.crt');
  const own = sign('/CN=market', 'DNS:localhost,IP:127.0.0.1');

  async function served(options: ServerOptions = {}) {
    const principals: string[] = [];
    let orders = 0;
    const server = createServer({ store: memoryStore({ logger: silentLogger }), logger: silentLogger, ...options });
    const placeOrder = ({ orderId }: { orderId: string }, call: { principal: string }) => {
      principals.push(call.principal);
      return { orderId, number: ++orders, total: 1 };
    };
    server.add(proto.Orders, { placeOrder });
    server.add(thrift.Orders, { placeOrder });
    const tls = { ...own, ca, requireClientCert: true };
    const bound = await server.listen({
      grpc: { address: '127.0.0.1:0', tls },
      thrift: { address: '127.0.0.1:0', tls },
    });
    onTestFinished(() => server.close({ grace: 0 }));
    const order = { orderId: '', fish: 'cod', pounds: 1 };
    const call = async (wire: 'grpc' | 'thrift', identity: Identity, orderId: string) => {
      const terms = { retry: false, tls: { ca, ...identity } } as const;
      const client =
        wire === 'grpc'
          ? createClient(proto.Orders, `grpcs://${bound.grpc}`, terms)
          : createClient(thrift.Orders, `thrifts://${bound.thrift}?wire=header`, terms);
      try {
        return await client.placeOrder({ ...order, orderId });
      } finally {
        await client.$close({ grace: 0 });
      }
    };
    return { principals, call };
  }

  const cases: [string, Identity, string][] = [
    [
      'a URI goes before all',
      sign('/CN=ada', 'email:ada@sea.example,DNS:a.example,URI:spiffe://sea/a'),
      'spiffe://sea/a',
    ],
    ['a DNS name goes before an address', sign('/CN=ada', 'email:ada@sea.example,DNS:a.example'), 'a.example'],
    ['an email address goes before the subject', sign('/CN=ada', 'email:ada@sea.example'), 'ada@sea.example'],
    ['an IP address is no name', sign('/O=Sea/CN=ada', 'IP:127.0.0.1'), 'O=Sea, CN=ada'],
    ['the subject is all of it', sign('/O=Sea/OU=North+CN=ada'), 'O=Sea, CN=ada + OU=North'],
    ['an organisation cannot spell a common name', sign('/O=Sea, CN=admin'), 'O=Sea\\, CN=admin'],
    ['nor can a line break', sign('/O=Sea\nCN=admin'), 'O=Sea\\0ACN=admin'],
    [
      'a URI cannot spell another name',
      sign('/', '@names\n[names]\nURI.1=spiffe://sea/a, URI:spiffe://sea/admin'),
      'spiffe://sea/a, URI:spiffe://sea/admin',
    ],
  ];

  it.each(cases)('%s, over both wires', async (_, identity, principal) => {
    const { principals, call } = await served();
    await call('grpc', identity, 'one');
    await call('thrift', identity, 'two');
    expect(principals).toEqual([principal, principal]);
  });

  it('callers without a subject do not get the answers of each other', async () => {
    const { principals, call } = await served();
    const [ada, ben] = [sign('/', 'critical,URI:spiffe://sea/ada'), sign('/', 'critical,URI:spiffe://sea/ben')];
    for (const wire of ['grpc', 'thrift'] as const) {
      const first = await call(wire, ada, `order of ${wire}`);
      const other = await call(wire, ben, `order of ${wire}`);
      expect(other.number).not.toBe(first.number);
    }
    expect(new Set(principals)).toEqual(new Set(['spiffe://sea/ada', 'spiffe://sea/ben']));
  });

  it('a certificate that names nobody is refused, unless authenticate names its caller', async () => {
    const unnamed = sign('/', 'IP:127.0.0.1');
    const { principals, call } = await served();
    for (const wire of ['grpc', 'thrift'] as const) {
      expect(await rejection(call(wire, unnamed, 'one'))).toMatchObject({
        code: 'UNAUTHENTICATED',
        reason: 'CERTIFICATE_UNNAMED',
        disposition: 'not-executed',
      });
    }
    expect(principals).toEqual([]);
    const known = await served({
      authenticate: (_headers, peer) => `key ${peer.certificate?.fingerprint.slice(0, 2)}`,
    });
    await known.call('grpc', unnamed, 'one');
    await known.call('thrift', unnamed, 'two');
    expect(known.principals[0]).toMatch(/^key [0-9A-F]{2}$/);
    expect(known.principals[1]).toBe(known.principals[0]);
  });

  it('reads alternative names as Node writes them', () => {
    const of = (alternativeNames: string) => certificatePrincipal({ alternativeNames, subject: '', fingerprint: 'x' });
    expect(of('DNS:a.example, URI:"a,\\"b", URI:c')).toBe('a,"b');
    expect(of('email:"x, URI:evil"')).toBe('x, URI:evil');
    expect(of('othername:<unsupported>, IP Address:127.0.0.1')).toBeUndefined();
    expect(of('')).toBeUndefined();
  });
});
