/** Balancers in front: whom a connection is from by the PROXY protocol, on every listener, and from whom that is believed. */
import { connect, type Socket } from 'node:net';
import { createClient, createServer, type ListenOptions, type Logger, silentLogger } from 'hawser';
import { seededRandom } from 'hawser/testing';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { Balancers, readProxyHeader } from '../../../src/transports/sockets/proxy-header.js';
import { hasTool } from '../../requires.js';
import { Echo, EchoOverThrift, type Note, note } from '../../support/echo.js';
import { forwarder } from '../../support/forwarder.js';
import { makeCertificates } from '../grpc/certificates.js';

const certificates = hasTool('openssl', ['version']) ? makeCertificates() : undefined;
const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');

function binary(command: number, family: number, rest: Buffer): Buffer {
  const head = Buffer.from([command, family, 0, 0]);
  head.writeUInt16BE(rest.length, 2);
  return Buffer.concat([signature, head, rest]);
}
const four = Buffer.from([203, 0, 113, 7, 10, 0, 0, 1, 0x1f, 0x90, 0, 80]);
const six = Buffer.concat([
  Buffer.from('20010db8000000000000000000000007', 'hex'),
  Buffer.alloc(16),
  Buffer.from([0x1f, 0x90, 0, 80]),
]);
const tlv = Buffer.from([0x04, 0, 3, 1, 2, 3]);

const headers: Readonly<Record<string, [Buffer, string | undefined]>> = {
  'version 1, IPv4': [Buffer.from('PROXY TCP4 203.0.113.7 10.0.0.1 8080 80\r\n'), '203.0.113.7:8080'],
  'version 1, IPv6': [Buffer.from('PROXY TCP6 2001:db8::7 ::1 8080 80\r\n'), '[2001:db8::7]:8080'],
  'version 1, unknown': [Buffer.from('PROXY UNKNOWN\r\n'), undefined],
  'version 1, unknown with words': [Buffer.from('PROXY UNKNOWN a b c d\r\n'), undefined],
  'version 2, IPv4': [binary(0x21, 0x11, four), '203.0.113.7:8080'],
  'version 2, IPv4 and more': [binary(0x21, 0x11, Buffer.concat([four, tlv])), '203.0.113.7:8080'],
  'version 2, IPv6': [binary(0x21, 0x21, six), '[2001:db8::7]:8080'],
  'version 2, of the balancer itself': [binary(0x20, 0x00, Buffer.alloc(0)), undefined],
  'version 2, of no address': [binary(0x21, 0x00, tlv), undefined],
};

const malformed: Readonly<Record<string, Buffer>> = {
  'another protocol': Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  'another word': Buffer.from('PROTO TCP4 1.2.3.4 5.6.7.8 1 2\r\n'),
  'no end': Buffer.from(`PROXY UNKNOWN ${'x'.repeat(200)}`),
  'a name for an address': Buffer.from('PROXY TCP4 localhost 10.0.0.1 1 2\r\n'),
  'an address of another family': Buffer.from('PROXY TCP4 ::1 ::1 1 2\r\n'),
  'a port too high': Buffer.from('PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n'),
  'a port with a sign': Buffer.from('PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n'),
  'too few words': Buffer.from('PROXY TCP4 1.2.3.4 5.6.7.8 1\r\n'),
  'another version': binary(0x31, 0x11, four),
  'another command': binary(0x22, 0x11, four),
  'too short for its addresses': binary(0x21, 0x11, four.subarray(0, 8)),
  'too much': binary(0x21, 0x11, Buffer.alloc(4_097)),
};

describe('a header', () => {
  it.each(Object.entries(headers))('%s, is read whatever the cuts, and nothing after it', (_, [header, source]) => {
    for (let end = 0; end < header.length; end++) expect(readProxyHeader(header.subarray(0, end))).toBeUndefined();
    const seen = readProxyHeader(Buffer.concat([header, Buffer.from('PRI * HTTP')]));
    expect(seen).toEqual({ value: { source }, used: header.length });
  });

  it.each(Object.entries(malformed))('is refused: %s', (_, bytes) => {
    expect(readProxyHeader(bytes)?.value).toHaveProperty('malformed');
  });

  it('of any bytes ends in a verdict within its bound, and never throws', () => {
    const random = seededRandom('proxy headers');
    for (let i = 0; i < 20_000; i++) {
      const [from] = Object.values(headers)[Math.floor(random.next() * Object.keys(headers).length)] as [
        Buffer,
        unknown,
      ];
      const bytes = Buffer.concat([from, Buffer.alloc(5_000)]);
      for (let n = 0; n < 3; n++) bytes[Math.floor(random.next() * from.length)] = Math.floor(random.next() * 256);
      const seen = readProxyHeader(bytes);
      expect(seen).toBeDefined();
      expect(seen?.used).toBeLessThanOrEqual(4_112);
    }
  });
});

it('is believed of the addresses that are named, and of no others', () => {
  const balancers = new Balancers({ from: ['10.0.0.7', '192.168.0.0/16', 'fd00::/8'] });
  const trusted = ['10.0.0.7', '::ffff:10.0.0.7', '192.168.9.9', 'fd12::1', undefined];
  expect(trusted.map((one) => balancers.trusts(one))).toEqual(trusted.map(() => true));
  const others = ['10.0.0.8', '::ffff:10.0.0.8', '::1', 'fe80::1'];
  expect(others.map((one) => balancers.trusts(one))).toEqual(others.map(() => false));
});

const wires = ['grpc', 'thrift', 'port'] as const;

async function served(wire: (typeof wires)[number], tls: boolean, from = ['127.0.0.1'], logger: Logger = silentLogger) {
  const server = createServer({ logger });
  const peers: string[] = [];
  const handlers = {
    say: (one: Note, call: { peer: { address: string } }) => {
      peers.push(call.peer.address);
      return one;
    },
    tell() {},
    async *repeat() {},
    collect: () => note(''),
    async *chat() {},
  };
  server.add(Echo, handlers as never).add(EchoOverThrift, handlers as never);
  const place = {
    address: '127.0.0.1:0',
    proxyProtocol: { from },
    ...(tls ? { tls: certificates?.server as { cert: string; key: string } } : {}),
  };
  const bound = await server.listen({ [wire]: place } as ListenOptions);
  onTestFinished(() => server.close({ grace: 0 }));
  return { address: (bound as Record<string, string>)[wire] as string, peers };
}

describe.each(wires)('at listen({ %s })', (wire) => {
  it.each(
    Object.entries(headers).flatMap(([name, one]) =>
      (certificates === undefined ? [false] : [false, true]).map((tls) => [name, tls, one] as const),
    ),
  )('%s, with TLS %s: handlers see whom the balancer names', async (_, tls, [header, source]) => {
    const { address, peers } = await served(wire, tls);
    const balancer = await forwarder(address, header);
    const terms = {
      logger: silentLogger,
      retry: false as const,
      ...(tls ? { tls: { ca: certificates?.ca as string } } : {}),
    };
    const client =
      wire === 'thrift'
        ? createClient(EchoOverThrift, `thrift${tls ? 's' : ''}://${balancer.address}?wire=header`, terms)
        : createClient(Echo, `grpc${tls ? 's' : ''}://${balancer.address}`, terms);
    onTestFinished(() => client.$close({ grace: 0 }));
    expect(await client.say(note('x'))).toEqual(note('x'));
    expect(peers).toEqual([source ?? expect.stringMatching(/^127\.0\.0\.1:\d+$/)]);
  });

  it.each([
    ['no header', Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'), ['127.0.0.1'], /does not begin with a PROXY header/],
    ['a malformed one', malformed['a port too high'] as Buffer, ['127.0.0.1'], /PROXY header is malformed/],
    ['a sender that is not named', headers['version 2, IPv4']?.[0] as Buffer, ['10.0.0.0/8'], /from no balancer/],
  ])('%s closes the connection, with a line in the log', async (_, bytes, from, said) => {
    const warn = vi.fn();
    const { address } = await served(wire, false, from, { ...silentLogger, warn });
    const socket: Socket = connect({ host: '127.0.0.1', port: Number(address.split(':')[1]) });
    socket.on('error', () => {});
    socket.write(bytes);
    await new Promise((resolve) => socket.on('close', resolve));
    await expect
      .poll(() => warn.mock.calls.map(([fields, text]) => [fields.reason, text]))
      .toEqual([['OPENING_UNKNOWN', expect.stringMatching(said)]]);
  });
});

it('a header that does not come is waited for no longer than openingTimeout', async () => {
  const warn = vi.fn();
  const server = createServer({ logger: { ...silentLogger, warn } });
  const place = { address: '127.0.0.1:0', proxyProtocol: { from: ['127.0.0.1'] }, openingTimeout: 50 };
  const { port } = await server.listen({ port: place });
  onTestFinished(() => server.close({ grace: 0 }));
  const socket = connect({ host: '127.0.0.1', port: Number(port.split(':')[1]) });
  socket.write('PROXY TCP4 ');
  await new Promise((resolve) => socket.on('close', resolve));
  expect(warn.mock.calls[0]?.[0].reason).toBe('OPENING_TIMEOUT');
  expect(warn.mock.calls[0]?.[1]).toContain('its PROXY header did not come within 50 ms');
});

it('options that cannot be meant are refused by name', async () => {
  const listen = (proxyProtocol: object) =>
    createServer().listen({ grpc: { address: '127.0.0.1:0', proxyProtocol } as never });
  await expect(listen({ from: [] })).rejects.toThrow(
    /proxyProtocol.from is a list; name the addresses of the balancers/,
  );
  await expect(listen({})).rejects.toThrow(/proxyProtocol.from is undefined/);
  for (const one of ['balancer.example', '10.0.0.0/33', '10.0.0.0/', '10/8', 'fd00::/129']) {
    await expect(listen({ from: [one] })).rejects.toThrow(`proxyProtocol.from has "${one}"`);
  }
  const node = createServer({ grpc: { engine: 'node' } });
  const listening = node.listen({ grpc: { address: '127.0.0.1:0', proxyProtocol: { from: ['127.0.0.1'] } } });
  await expect(listening).rejects.toThrow(/proxyProtocol needs Hawser's own HTTP\/2/);
});
