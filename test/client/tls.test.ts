/** TLS is what a client was told, in every form of an address and on both wires, and never silently nothing. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type ClientAddress,
  type ClientOptions,
  createClient,
  createServer,
  MemoryNetwork,
  silentLogger,
} from 'hawser';
import { expect, it, onTestFinished } from 'vitest';
import { describeWith, hasTool } from '../requires.js';
import { Echo, EchoOverThrift, note } from '../support/echo.js';
import { hawser } from '../support/program.js';
import { rejection } from '../support/scripted.js';
import { makeCertificates } from '../transports/grpc/certificates.js';

const handlers = {
  say: (request: ReturnType<typeof note>) => request,
  tell() {},
  async *repeat() {},
  collect: () => note(''),
  async *chat() {},
};
const wires = ['grpc', 'thrift'] as const;
type Wire = (typeof wires)[number];

async function served(wire: Wire, address: string, tls?: { cert: string; key: string }): Promise<string> {
  const server = createServer({ logger: silentLogger }).add(wire === 'grpc' ? Echo : EchoOverThrift, handlers as never);
  onTestFinished(() => server.close({ grace: 0 }));
  const bound = await server.listen({ [wire]: { address, ...(tls === undefined ? {} : { tls }) } });
  return (bound as Record<string, string>)[wire] as string;
}

function called(wire: Wire, address: ClientAddress, options: ClientOptions = {}) {
  const client = createClient(wire === 'grpc' ? Echo : EchoOverThrift, address, {
    logger: silentLogger,
    retry: false,
    ...options,
  });
  onTestFinished(() => client.$close());
  return client.say(note('x'), { timeout: '10s' });
}

describeWith('openssl', hasTool('openssl', ['version']), 'TLS of a client', () => {
  const { ca, server: own } = makeCertificates();
  const { ca: otherCa } = makeCertificates();
  const refusal = (wire: Wire, address: ClientAddress, options: ClientOptions = { tls: { ca } }) => {
    const make = () => createClient(wire === 'grpc' ? Echo : EchoOverThrift, address, options);
    expect(make).toThrow(TypeError);
    return expect(make);
  };

  it.each(['node', 'own'] as const)('grpcs:// for a server without TLS is told as that (engine %s)', async (engine) => {
    const plain = await served('grpc', '127.0.0.1:0');
    const error = await rejection(called('grpc', `grpcs://${plain}`, { tls: { ca }, grpc: { engine } }));
    expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'CONNECT_FAILED', disposition: 'not-executed' });
    expect(error.message).toBe(`cannot connect to ${plain}: it does not speak TLS there; the address asks for it`);
  });

  it.each(wires)('%s: every form of an address that has TLS', async (wire) => {
    const folder = mkdtempSync(join(tmpdir(), 'hawser-tls-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const path = await served(wire, `unix:${folder}/s`, own);
    const one = await served(wire, '127.0.0.1:0', own);
    const two = await served(wire, '127.0.0.1:0', own);
    const port = one.split(':')[1];
    const tls = { ca };
    const lookup = async () => [one];
    for (const address of [
      `${wire}s://${one}`,
      `${wire}s://localhost:${port}`,
      `${wire}s://${one},${two}`,
      [`${wire}s://${one}`, `${wire}s://${two}`],
      `${wire}s+${path}`,
      async () => [`${wire}s://${one}`],
    ]) {
      expect(await called(wire, address, { tls })).toEqual(note('x'));
    }
    // The certificate names market.example; the addresses behind the name are held against that.
    const name = `${wire}s+dns:///market.example:${port}`;
    expect(await called(wire, name, { tls, lookup })).toEqual(note('x'));
    expect(await called(wire, async () => [name], { tls, lookup })).toEqual(note('x'));
    const wrong = await rejection(called(wire, `${wire}s+dns:///stall.example:${port}`, { tls, lookup }));
    expect(wrong).toMatchObject({ code: 'UNAVAILABLE', disposition: 'not-executed' });
    expect(wrong.message).toMatch(/stall\.example|altnames/);
    expect(await rejection(called(wire, name, { tls: { ca: otherCa }, lookup }))).toMatchObject({
      code: 'UNAVAILABLE',
    });
  });

  it.each(wires)('%s: tls with an address that has none is refused where the client is made', (wire) => {
    const idlScheme = wire;
    refusal(wire, '127.0.0.1:1').toThrow(
      `tls is given, and 127.0.0.1:1 would be called in plaintext; write ${wire}s://127.0.0.1:1, or leave tls out`,
    );
    refusal(wire, `${idlScheme}://127.0.0.1:1`).toThrow(/plaintext/);
    refusal(wire, 'dns:///localhost:1').toThrow(`write ${wire}s+dns:///localhost:1`);
    refusal(wire, 'unix:/run/x.sock').toThrow(`write ${wire}s+unix:/run/x.sock`);
    refusal(wire, `${idlScheme}://a:1,b:1`).toThrow(/plaintext/);
    refusal(wire, `${idlScheme}s://a:1,${idlScheme}://b:1`).toThrow(/secret by chance/);
    refusal(wire, `${idlScheme}s://a:1,${idlScheme}://b:1`, {}).toThrow(/secret by chance/);
    refusal(wire, '127.0.0.1:1', { tls: {} }).toThrow(/plaintext/);
    refusal(wire, new MemoryNetwork()).toThrow(/places in memory and transports/);
  });

  it.each(wires)('%s: a resolver that gives an address without TLS gets no call out', async (wire) => {
    const open = await served(wire, '127.0.0.1:0');
    const error = await rejection(called(wire, async () => [open], { tls: { ca } }));
    expect(error).toMatchObject({ code: 'UNAVAILABLE', reason: 'UNRESOLVED', disposition: 'not-executed' });
    expect(error.message).toMatch(/would be called in plaintext/);
    const places = await rejection(called(wire, async () => [new MemoryNetwork()], { tls: { ca } }));
    expect(places.message).toMatch(/places in memory/);
  });

  it('says what is wrong with a certificate where the client is made, also for names and resolvers', () => {
    for (const address of ['grpcs://a:1', 'grpcs+dns:///a:1', async () => []]) {
      expect(() => createClient(Echo, address, { tls: { ca: 'no pem', cert: 'x', key: 'y' } })).toThrow(/tls\.c/);
      expect(() => createClient(Echo, address, { tls: { cert: own.cert } })).toThrow(/tls\.cert and tls\.key/);
    }
  });
});

it('hawser call refuses certificates for an address without TLS, with 2', async () => {
  for (const flag of ['--server-name', '--cert']) {
    const file = flag === '--server-name' ? 'market' : 'package.json';
    const { code, stdout, stderr } = await hawser('call', '127.0.0.1:1', flag, file);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(`${flag} is given, and 127.0.0.1:1 would be called in plaintext; write grpcs://127.0.0.1:1`);
  }
});
