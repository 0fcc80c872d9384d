/** Clients behind HTTP proxies: which one they go through, and what they are told when it does not let them. */
import { createClient, createServer, silentLogger } from 'hawser';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import type { GrpcClientOptions } from '../../../src/transports/grpc/client-options.js';
import { parseProxy, proxyFor } from '../../../src/transports/proxy.js';
import { hasTool } from '../../requires.js';
import { connectProxy } from '../../support/connect-proxy.js';
import { Echo, note } from '../../support/echo.js';
import { rejection } from '../../support/scripted.js';
import { makeCertificates } from './certificates.js';

const certificates = hasTool('openssl', ['version']) ? makeCertificates() : undefined;

async function served(tls: boolean) {
  const server = createServer({ logger: silentLogger });
  const peers: string[] = [];
  server.add(Echo, {
    say: (one: unknown, call: { peer: { address: string } }) => {
      peers.push(call.peer.address);
      return one;
    },
    tell() {},
    async *repeat(one: unknown) {
      for (let i = 0; i < 3; i++) yield one;
    },
    collect: () => note('all'),
    async *chat() {},
  } as never);
  const place = { address: '127.0.0.1:0', ...(tls ? { tls: certificates?.server as never } : {}) };
  const { grpc } = await server.listen({ grpc: place });
  onTestFinished(() => server.close({ grace: 0 }));
  return { address: grpc, peers };
}

function clientOf(address: string, grpc: GrpcClientOptions = {}, tls = false) {
  const secure = tls ? { tls: { ca: certificates?.ca as string } } : {};
  const client = createClient(Echo, `${tls ? 'grpcs' : 'grpc'}://${address}`, {
    logger: silentLogger,
    retry: false,
    // Node's HTTP/2 goes through none.
    grpc: { engine: 'own', ...grpc },
    ...secure,
  });
  onTestFinished(() => client.$close({ grace: 0 }));
  return client;
}

describe.each(certificates === undefined ? [false] : [false, true])('with TLS: %s', (tls) => {
  it('calls go through the proxy of the option, with credentials, and streams too', async () => {
    const { address } = await served(tls);
    const proxy = await connectProxy();
    const client = clientOf(address, { proxy: `http://ada:p%40ss@${proxy.address}` }, tls);
    expect(await client.say(note('x'))).toEqual(note('x'));
    let got = 0;
    for await (const _ of client.repeat(note('y'))) got += 1;
    expect(got).toBe(3);
    expect(proxy.asked).toEqual([
      { target: address, authorization: `Basic ${Buffer.from('ada:p@ss').toString('base64')}` },
    ]);
  });

  it('a call that the proxy refuses fails with what it said, not executed', async () => {
    const { address, peers } = await served(tls);
    const answers: Record<string, string> = {
      'HTTP/1.1 407 Proxy Authentication Required\r\n\r\n': 'wants credentials (407)',
      'HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n': `refuses a tunnel to ${address} (502)`,
      'SSH-2.0-OpenSSH_9.2\r\n\r\n': 'does not answer as an HTTP proxy does',
      [`HTTP/1.1 200 OK\r\nX: ${'x'.repeat(20_000)}`]: 'does not answer as an HTTP proxy does',
      '': 'closed the connection before it answered',
    };
    for (const [answer, said] of Object.entries(answers)) {
      const proxy = await connectProxy((_, socket) => {
        socket.end(answer);
        return true;
      });
      const error = await rejection(clientOf(address, { proxy: proxy.address }, tls).say(note('x')));
      expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'CONNECT_FAILED', disposition: 'not-executed' });
      expect(error.message).toContain(`the proxy ${proxy.address} ${said}`);
    }
    expect(peers).toEqual([]);
  });

  it('credentials that are not taken are never shown', async () => {
    const { address } = await served(tls);
    const proxy = await connectProxy((_, socket) => {
      socket.end('HTTP/1.1 407 No\r\n\r\n');
      return true;
    });
    const error = await rejection(
      clientOf(address, { proxy: `http://ada:secret@${proxy.address}` }, tls).say(note('x')),
    );
    expect(error.message).toContain('does not take the credentials in its address (407)');
    expect(JSON.stringify(error) + error.stack + String(error.cause)).not.toMatch(/secret|YWRh/);
  });

  it('a proxy that is silent is waited for as long as for a server', async () => {
    const { address } = await served(tls);
    const proxy = await connectProxy(() => true);
    const client = clientOf(address, { proxy: proxy.address, connectTimeout: 200 }, tls);
    expect((await rejection(client.say(note('x')))).message).toContain('did not answer within the connect timeout');
  });
});

it('the environment names the proxy of addresses with TLS, and of no others', async () => {
  const proxy = await connectProxy();
  vi.stubEnv('HTTPS_PROXY', `http://${proxy.address}`);
  vi.stubEnv('NO_PROXY', '');
  onTestFinished(() => void vi.unstubAllEnvs());
  expect(proxyFor({ host: 'market.example', port: 443 }, true, undefined)?.shown).toBe(proxy.address);
  expect(proxyFor({ host: 'market.example', port: 443 }, false, undefined)).toBeUndefined();
  expect(proxyFor({ host: 'market.example', port: 443 }, true, false)).toBeUndefined();
  expect(proxyFor({ path: '/run/market.sock' }, true, `http://${proxy.address}`)).toBeUndefined();
});

it.each([
  ['', 'market.example', false],
  ['*', 'market.example', true],
  ['market.example', 'market.example', true],
  ['market.example', 'MARKET.example.', true],
  ['market.example', 'fish.market.example', true],
  ['market.example', 'supermarket.example', false],
  ['.market.example', 'fish.market.example', true],
  ['.market.example', 'market.example', false],
  ['*.market.example', 'fish.market.example', true],
  ['other, market.example:443', 'market.example', true],
  ['market.example:8443', 'market.example', false],
  ['10.1.2.3', '10.1.2.3', true],
  ['10.1.2.3', '10.1.2.4', false],
  ['10.0.0.0/8 192.168.0.0/16', '10.9.9.9', true],
  ['10.0.0.0/8', '11.0.0.1', false],
  ['10.0.0.0/99', '10.0.0.1', false],
  ['[fd00::1]:443', 'fd00::1', true],
  ['fd00::/8', 'fd12::7', true],
  ['fd00::/8', '10.0.0.1', false],
  ['', 'localhost', true],
  ['', '127.8.8.8', true],
  ['', '::1', true],
])('NO_PROXY=%s spares %s: %s', (list, host, spared) => {
  const environment = { https_proxy: 'proxy.example:3128', no_proxy: list };
  const proxy = proxyFor({ host, port: 443 }, true, undefined, environment);
  expect(proxy === undefined).toBe(spared);
});

it('refuses what is no proxy, and shows no password', () => {
  for (const text of [
    'socks5://h:1',
    'https://h:1',
    'http://',
    'http://h:1/path',
    'http://u:secret@h:x',
    'http://u:%zz@h',
  ]) {
    const error = (() => {
      try {
        parseProxy(text, 'grpc.proxy');
      } catch (caught) {
        return caught as Error;
      }
    })();
    expect(error).toBeInstanceOf(TypeError);
    expect(error?.message).toContain('grpc.proxy');
    expect(error?.message).not.toContain('secret');
  }
  expect(parseProxy('http://[fd00::1]', 'proxy')).toMatchObject({ host: 'fd00::1', port: 80, shown: '[fd00::1]:80' });
  const node = () => clientOf('127.0.0.1:1', { engine: 'node', proxy: 'http://h:1' });
  expect(node).toThrow(/grpc.proxy needs Hawser's own HTTP\/2/);
  expect(() => clientOf('127.0.0.1:1', { proxy: 7 as never })).toThrow(/grpc.proxy is 7/);
});
