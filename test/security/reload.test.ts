/** Certificates that are exchanged while client and server run, on every wire. */
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { type ClientTls, createClient, createServer, type Logger, type ServerTls, silentLogger } from 'hawser';
import { VirtualClock } from 'hawser/testing';
import { afterAll, expect, it, onTestFinished, vi } from 'vitest';
import * as proto from '../../gen/market/v1/market.rpc.js';
import * as thrift from '../../gen/market.js';
import { memoryStore } from '../../src/stores/memory.js';
import { Certificates } from '../../src/transports/certificates.js';
import type { TlsFiles, TlsMaterial } from '../../src/transports/tls.js';
import { describeWith, hasTool } from '../requires.js';
import { Authority } from '../support/authority.js';

const wires = ['grpc', 'thrift', 'port'] as const;
type Wire = (typeof wires)[number];

describeWith('openssl', hasTool('openssl', ['version']), 'certificates that are reloaded', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-reload-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const old = new Authority('old');
  const next = new Authority('next');
  afterAll(() => {
    old.remove();
    next.remove();
  });
  const first = old.sign('first');
  const second = old.sign('second');

  let files = 0;
  /** Files of its own for a test. */
  function put(material: TlsFiles) {
    const at = `files${++files}`;
    const paths = Object.fromEntries(Object.keys(material).map((name) => [name, join(folder, `${at}.${name}`)]));
    const write = (now: TlsFiles): void => {
      for (const [name, text] of Object.entries(now)) {
        const path = paths[name] as string;
        // Whole at once, as what renews certificates does it.
        writeFileSync(`${path}.new`, text);
        renameSync(`${path}.new`, path);
      }
    };
    write(material);
    return { paths, write };
  }

  async function served(wire: Wire, tls: ServerTls, logger: Logger = silentLogger) {
    const callers: string[] = [];
    const server = createServer({ store: memoryStore({ logger: silentLogger }), logger });
    const placeOrder = ({ orderId }: { orderId: string }, call: { principal: string }) => {
      callers.push(call.principal);
      return { orderId, number: callers.length, total: 1 };
    };
    server.add(proto.Orders, { placeOrder });
    server.add(thrift.Orders, { placeOrder });
    const bound: Record<string, string> = await server.listen({ [wire]: { address: '127.0.0.1:0', tls } });
    onTestFinished(() => server.close({ grace: 0 }));
    return { address: bound[wire] as string, callers };
  }

  let orders = 0;
  function clientOf(wire: Wire, address: string, tls: ClientTls, logger: Logger = silentLogger) {
    const terms = { tls, logger, retry: false, timeout: '5s' } as const;
    const client =
      wire === 'thrift'
        ? createClient(thrift.Orders, `thrifts://${address}?wire=header`, terms)
        : createClient(proto.Orders, `grpcs://${address}`, terms);
    onTestFinished(() => client.$close({ grace: 0 }));
    const call = async () => client.placeOrder({ orderId: `order ${++orders}`, fish: 'cod', pounds: 1 });
    return { call, client };
  }

  /** The name in the certificate that a new connection is shown. */
  function shownAt(address: string): Promise<string> {
    const [host = '', port = ''] = address.split(':');
    return new Promise((resolve, reject) => {
      const socket = connect({ host, port: Number(port), ca: [old.ca, next.ca], ALPNProtocols: ['h2'] }, () => {
        resolve(String(socket.getPeerCertificate().subject.CN));
        socket.destroy();
      });
      socket.on('error', reject);
    });
  }

  it.each(wires)('a server shows the new one to new connections, and keeps those that are open: %s', async (wire) => {
    const { paths, write } = put(first);
    const { address } = await served(wire, { reload: paths, reloadEvery: 20 });
    const { call } = clientOf(wire, address, { ca: old.ca });
    await call();
    expect(await shownAt(address)).toBe('first');
    write(second);
    await vi.waitFor(async () => expect(await shownAt(address)).toBe('second'), { timeout: 10_000 });
    await call();
  });

  it('one that cannot be used is told once, and the old one stays', async () => {
    const { paths, write } = put(first);
    const error = vi.fn();
    const info = vi.fn();
    const { address } = await served('grpc', { reload: paths, reloadEvery: 20 }, { ...silentLogger, error, info });
    // The half of a replacement: the key is still that of the first.
    write({ cert: second.cert });
    await vi.waitFor(() => expect(error).toHaveBeenCalled(), { timeout: 10_000 });
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(error).toHaveBeenCalledTimes(1);
    expect(error.mock.calls[0]?.[0].err.message).toMatch(/tls\.key is not the private key of tls\.cert/);
    expect(await shownAt(address)).toBe('first');
    write({ key: second.key });
    await vi.waitFor(async () => expect(await shownAt(address)).toBe('second'), { timeout: 10_000 });
    expect(info.mock.calls.at(-1)?.[0]).toEqual({ changed: ['cert', 'key'] });
  });

  it.each(wires)('a client shows its new one, and trusts a new authority: %s', async (wire) => {
    const server = put(first);
    const told = vi.fn();
    const terms = { reload: server.paths, reloadEvery: 20, ca: old.ca + next.ca, requireClientCert: true };
    const { address, callers } = await served(wire, terms, { ...silentLogger, info: told });
    const { paths, write } = put({ ...old.sign(`boat-${wire}`), ca: old.ca });
    const tls = { reload: paths, reloadEvery: 20 };
    await clientOf(wire, address, tls).call();
    server.write(next.sign(`renewed-${wire}`));
    const reloaded = { changed: ['cert', 'key'] };
    await vi.waitFor(() => expect(told).toHaveBeenCalledWith(reloaded, expect.anything()), { timeout: 10_000 });
    const info = vi.fn();
    const { call } = clientOf(wire, address, tls, { ...silentLogger, info });
    await expect(call()).rejects.toMatchObject({ reason: 'CONNECT_FAILED' });
    write({ ...next.sign(`ship-${wire}`), ca: next.ca });
    await vi.waitFor(() => expect(info).toHaveBeenCalled(), { timeout: 10_000 });
    await vi.waitFor(call, { timeout: 10_000 });
    expect(callers).toEqual([`spiffe://sea/boat-${wire}`, `spiffe://sea/ship-${wire}`]);
  });

  it('a function is asked on and on, also after it failed, and no longer than anybody uses it', async () => {
    const clock = new VirtualClock();
    const answers: (() => TlsMaterial | Promise<TlsMaterial>)[] = [
      () => Promise.reject(new Error('the vault is shut')),
      () => new Promise(() => {}),
      () => 7 as never,
      () => second,
    ];
    let asked = 0;
    const error = vi.fn();
    const certificates = new Certificates({
      tls: { ...first, reload: () => (answers[asked++] ?? (() => ({})))(), reloadEvery: '1m' },
      make: (material) => material,
      clock,
      logger: { ...silentLogger, error },
    });
    const texts = () => error.mock.calls.map(([fields]) => fields.err.message);
    certificates.use();
    await clock.advance(59_999);
    expect(asked).toBe(0);
    await clock.advance(1);
    expect(texts()).toEqual(['the vault is shut']);
    await clock.advance(5_000 + 30_000);
    expect(texts().at(-1)).toBe('the function tls.reload did not answer within 30000 ms');
    await clock.advance(5_000);
    expect(texts().at(-1)).toBe('tls.reload gave 7; it gives { cert, key, ca }, in PEM');
    expect(certificates.current).toEqual(first);
    await clock.advance(5_000);
    expect(certificates.current).toEqual(second);
    certificates.use();
    certificates.release();
    await clock.advance(60_000);
    expect(asked).toBe(5);
    certificates.release();
    await clock.advance(600_000);
    expect(asked).toBe(5);
  });

  it('refuses what cannot be meant', async () => {
    const { paths } = put(first);
    const server = (tls: object) => served('port', tls as ServerTls);
    await expect(server({ reload: { cert: paths.cert } })).rejects.toThrow(/tls has no key/);
    await expect(server({ ...first, reload: paths })).rejects.toThrow(/tls.cert and tls.reload.cert are both given/);
    await expect(server({ ...first, reload: '/run/tls' })).rejects.toThrow(/tls.reload is "\/run\/tls"; it is a func/);
    await expect(server({ ...first, reload: { crt: 'x' } })).rejects.toThrow(/did you mean cert/);
    await expect(server({ ...first, reloadEvery: '1m' })).rejects.toThrow(/tls.reloadEvery needs tls.reload/);
    await expect(server({ ...first, reload: () => ({}), reloadEvery: 0 })).rejects.toThrow(/tls.reloadEvery is 0 ms/);
    await expect(server({ reload: { ...paths, key: '/nowhere' } })).rejects.toThrow(
      /tls.reload.key cannot be read \(ENOENT/,
    );
    expect(() => clientOf('grpc', '127.0.0.1:1', { reload: { cert: paths.cert as string } })).toThrow(/go together/);
    const node = createServer({ grpc: { engine: 'node' } });
    const listening = node.listen({ grpc: { address: '127.0.0.1:0', tls: { reload: paths } } });
    await expect(listening).rejects.toThrow(/tls.reload needs Hawser's own HTTP\/2/);
  });
});
