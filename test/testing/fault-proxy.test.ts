import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, createServer as createRpcServer, silentLogger } from 'hawser';
import { type FaultProxy, faultProxy, type ProxyFaults } from 'hawser/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Echo, note } from '../support/echo.js';
import { serveParley } from '../transports/thrift/harness.js';
import { Parley } from '../transports/thrift/parley.js';

/** A server that sends back what it gets, a proxy before it, and what it saw. */
async function echo(faults: ProxyFaults = {}) {
  const server = createServer({ allowHalfOpen: true, noDelay: true });
  const sockets: Socket[] = [];
  const errors: unknown[] = [];
  server.on('connection', (socket) => {
    sockets.push(socket);
    socket.on('error', (error) => errors.push(error));
    socket.pipe(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const proxy = await faultProxy({ target: `127.0.0.1:${(server.address() as AddressInfo).port}`, faults });
  onTestFinished(async () => {
    await proxy.close();
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return { server, proxy, sockets, errors };
}

/** A connection to the proxy that keeps what comes and how it ends. */
function dial(proxy: FaultProxy) {
  const [host, port] = proxy.address.split(':');
  const socket = connect({ host: host!, port: Number(port), noDelay: true });
  const chunks: Buffer[] = [];
  let size = 0;
  let error: NodeJS.ErrnoException | undefined;
  let wake = (): void => {};
  socket.on('data', (chunk) => {
    chunks.push(chunk);
    size += chunk.byteLength;
    wake();
  });
  socket.on('error', (reason) => {
    error = reason;
  });
  socket.on('close', () => wake());
  onTestFinished(() => void socket.destroy());
  const until = async (done: () => boolean): Promise<void> => {
    while (!done()) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  const received = () => Buffer.concat(chunks);
  return {
    socket,
    received,
    get error() {
      return error;
    },
    closed: () => until(() => socket.closed),
    got: async (bytes: number) => {
      await until(() => size >= bytes || socket.closed);
      return received();
    },
  };
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const period = Buffer.from(Array.from({ length: 251 }, (_, i) => i));
const bytes = (n: number) => Buffer.alloc(n, period);

describe('a proxy without faults', () => {
  it('hands everything on, and each end', async () => {
    const { proxy } = await echo();
    const client = dial(proxy);
    const sent = bytes(3_000_000);
    client.socket.end(sent);
    await client.closed();
    expect(client.received().equals(sent)).toBe(true);
    expect(client.error).toBeUndefined();
    expect(proxy.carried).toEqual({ toTarget: 3_000_000, toClient: 3_000_000 });
    while (proxy.connections > 0) await wait(1);
  });

  it('resets the client when the target does not answer', async () => {
    const { proxy, server } = await echo();
    server.close();
    await once(server, 'close');
    const client = dial(proxy);
    await client.closed();
    expect(client.error?.code).toBe('ECONNRESET');
  });

  it('passes a reset of the target on', async () => {
    const { proxy, sockets } = await echo();
    const client = dial(proxy);
    client.socket.write('x');
    await client.got(1);
    sockets[0]!.resetAndDestroy();
    await client.closed();
    expect(client.error?.code).toBe('ECONNRESET');
  });

  it('frees its port when it is closed, and resets what is open', async () => {
    const { proxy } = await echo();
    const client = dial(proxy);
    client.socket.write('x');
    await client.got(1);
    await proxy.close();
    await client.closed();
    expect(client.error?.code).toBe('ECONNRESET');
    const late = dial(proxy);
    await late.closed();
    expect(late.error?.code).toBe('ECONNREFUSED');
    expect(() => proxy.set({})).toThrow('the fault proxy is closed');
  });
});

describe('slow lines', () => {
  it('delay each way by the latency, in order', async () => {
    const { proxy } = await echo({ latency: { uniform: [20, 40] } });
    const client = dial(proxy);
    const start = performance.now();
    for (let i = 0; i < 50; i++) client.socket.write(Buffer.from([i]));
    expect([...(await client.got(50))]).toEqual([...Array(50).keys()]);
    expect(performance.now() - start).toBeGreaterThan(39);
  });

  it('carry no more than the bandwidth', async () => {
    const { proxy } = await echo({ bandwidth: 100_000 });
    const client = dial(proxy);
    const start = performance.now();
    client.socket.write(bytes(20_000));
    expect((await client.got(20_000)).equals(bytes(20_000))).toBe(true);
    expect(performance.now() - start).toBeGreaterThan(170);
  });

  it('dribble so many bytes at a time', async () => {
    const { proxy, sockets } = await echo({ dribble: { bytes: 3, every: 1 } });
    const client = dial(proxy);
    const sizes: number[] = [];
    await once(client.socket, 'connect');
    while (sockets.length === 0) await wait(1);
    sockets[0]!.on('data', (chunk) => sizes.push(chunk.byteLength));
    client.socket.write(bytes(30));
    expect((await client.got(30)).equals(bytes(30))).toBe(true);
    expect(sizes.reduce((a, b) => a + b)).toBe(30);
    expect(sizes.length).toBeGreaterThan(5);
    await proxy.set({ dribble: 1 });
    client.socket.write(bytes(10));
    expect((await client.got(40)).subarray(30).equals(bytes(10))).toBe(true);
  });

  it('stall one way or both, hold the sender back, and go on where they stood', async () => {
    const { proxy } = await echo({ stall: 'toTarget' });
    const client = dial(proxy);
    const sent = bytes(40_000_000);
    const written = client.socket.write(sent);
    expect(written).toBe(false);
    await wait(50);
    expect(proxy.carried.toTarget).toBe(0);
    expect(client.socket.writableLength).toBeGreaterThan(10_000_000);
    await proxy.set({ stall: 'toClient' });
    while (proxy.carried.toTarget === 0) await wait(1);
    await wait(20);
    expect(proxy.carried.toClient).toBe(0);
    await proxy.set({});
    expect((await client.got(sent.byteLength)).equals(sent)).toBe(true);
  });
});

it('holds no more than 256 KiB for a slow line, and then the sender back', async () => {
  const { proxy } = await echo({ latency: 60_000 });
  const client = dial(proxy);
  await once(client.socket, 'connect');
  let sent = 0;
  const send = (): void => {
    while (sent < 100_000_000) {
      sent += 64 * 1024;
      if (client.socket.write(bytes(64 * 1024))) continue;
      client.socket.once('drain', send);
      return;
    }
  };
  send();
  await wait(200);
  expect(sent).toBeLessThan(30_000_000); // 256 KiB and what the system's own buffers take
});

describe('broken lines', () => {
  it('swallow what comes while they are half-open, and its end', async () => {
    const { proxy, sockets } = await echo();
    const client = dial(proxy);
    client.socket.write('ab');
    await client.got(2);
    await proxy.set({ halfOpen: 'toClient' });
    client.socket.write('cd');
    while (proxy.carried.toTarget < 4) await wait(1);
    await proxy.set({});
    client.socket.write('ef');
    while (proxy.carried.toTarget < 6) await wait(1);
    sockets[0]!.resetAndDestroy();
    await wait(20);
    expect(client.received().toString()).toBe('ab');
    expect(client.socket.closed).toBe(false);
    const other = dial(proxy);
    other.socket.write('new');
    expect((await other.got(3)).toString()).toBe('new');
  });

  it('accept and never answer when they are half-open from the start', async () => {
    const { proxy, sockets } = await echo({ halfOpen: 'both' });
    const client = dial(proxy);
    client.socket.write('x');
    client.socket.end();
    await wait(20);
    expect(client.received().byteLength).toBe(0);
    expect(client.socket.readableEnded).toBe(false);
    expect(sockets.every((socket) => socket.bytesRead === 0)).toBe(true);
  });

  it.each([0, 1, 10, 1_500])('are reset after %i bytes', async (resetAfter) => {
    const { proxy, errors } = await echo({ resetAfter });
    const client = dial(proxy);
    client.socket.write(bytes(1_000));
    await client.closed();
    expect(client.error?.code).toBe('ECONNRESET');
    expect(proxy.carried.toTarget + proxy.carried.toClient).toBe(resetAfter);
    expect(client.received().byteLength).toBeLessThanOrEqual(Math.max(0, resetAfter - 1_000));
    if (resetAfter > 0) while (errors.length === 0) await wait(1); // the target's side is reset too
    expect(proxy.connections).toBe(0);
  });

  it('are reset now, all of them', async () => {
    const { proxy } = await echo();
    const clients = [dial(proxy), dial(proxy)];
    for (const client of clients) {
      client.socket.write('x');
      await client.got(1);
    }
    proxy.reset();
    for (const client of clients) {
      await client.closed();
      expect(client.error?.code).toBe('ECONNRESET');
    }
    const next = dial(proxy);
    next.socket.write('x');
    await next.got(1);
  });

  it('refuse new connections, keep the old, and listen at the same port again', async () => {
    const { proxy } = await echo();
    const { address } = proxy;
    const old = dial(proxy);
    old.socket.write('a');
    await old.got(1);
    await proxy.set({ refuse: true });
    const refused = dial(proxy);
    await refused.closed();
    expect(refused.error?.code).toBe('ECONNREFUSED');
    old.socket.write('b');
    await old.got(2);
    await proxy.set({});
    expect(proxy.address).toBe(address);
    const again = dial(proxy);
    again.socket.write('c');
    await again.got(1);
  });
});

describe('an RPC through the proxy', () => {
  async function served() {
    const server = createRpcServer({ logger: silentLogger }).add(Echo, {
      say: (request) => request,
      tell: () => {},
      async *repeat(request) {
        for (let i = 0; i < request.count; i++) yield note(request.text, i);
      },
      collect: () => note('x'),
      async *chat() {},
    });
    const { grpc } = await server.listen({ grpc: '127.0.0.1:0' });
    const proxy = await faultProxy({ target: grpc });
    const client = createClient(Echo, proxy.address, { retry: false });
    onTestFinished(async () => {
      await client.$close();
      await proxy.close();
      await server.close({ grace: 0 });
    });
    return { client, proxy };
  }

  it('works, byte by byte too', async () => {
    const { client, proxy } = await served();
    expect(await client.say(note('x'))).toEqual(note('x'));
    await proxy.set({ dribble: 1 });
    expect(await client.say(note('y'.repeat(200)))).toEqual(note('y'.repeat(200)));
  });

  it('ends in UNAVAILABLE, unknown whether executed, when its connection is reset', async () => {
    const { client, proxy } = await served();
    await client.say(note('x'));
    await proxy.set({ stall: 'toClient' });
    const call = client.say(note('y'));
    const { toTarget } = proxy.carried;
    while (proxy.carried.toTarget === toTarget) await wait(1);
    proxy.reset();
    await expect(call).rejects.toMatchObject({ code: 'UNAVAILABLE', disposition: 'unknown' });
  });

  it('waits for its deadline, no longer, when the line is half-open', async () => {
    const { client, proxy } = await served();
    await client.say(note('x'));
    await proxy.set({ halfOpen: 'both' });
    await expect(client.say(note('y'), { timeout: 60 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  it('serves Thrift as well', async () => {
    const { address, server } = await serveParley();
    const proxy = await faultProxy({ target: address, faults: { dribble: 2, latency: 1 } });
    const client = createClient(Parley, `thrift://${proxy.address}`, { retry: false });
    onTestFinished(async () => {
      await client.$close();
      await proxy.close();
      await server.close({ grace: 0 });
    });
    expect(await client.echo({ text: 'halibut' })).toBe('halibut');
    await proxy.set({ stall: 'toClient' });
    const call = client.echo({ text: 'lost' });
    const { toTarget } = proxy.carried;
    while (proxy.carried.toTarget === toTarget) await wait(1);
    proxy.reset();
    await expect(call).rejects.toMatchObject({ code: 'UNAVAILABLE', disposition: 'unknown' });
  });

  it('ends in UNAVAILABLE, not executed, when it is refused', async () => {
    const { client, proxy } = await served();
    await proxy.set({ refuse: true });
    await expect(client.say(note('x'))).rejects.toMatchObject({ code: 'UNAVAILABLE', disposition: 'not-executed' });
  });
});

describe('misuse', () => {
  it.each<[object, string]>([
    [{ bandwidth: 0 }, 'bandwidth is a number of bytes a second, more than 0, not 0; to stop all use stall'],
    [{ dribble: 0.5 }, 'dribble is a whole number of bytes'],
    [{ stall: 'up' }, `stall is 'toTarget', 'toClient' or 'both', not "up"`],
    [{ resetAfter: -1 }, 'resetAfter is a whole number of bytes, 0 or more, not -1'],
    [{ latency: -1 }, 'latency is -1'],
    [{ drop: 1 }, 'there is no fault "drop"; the faults are latency, bandwidth'],
  ])('refuses %o', async (faults, message) => {
    await expect(faultProxy({ target: '127.0.0.1:1', faults })).rejects.toThrow(message);
  });

  it.each(['', 'host', '127.0.0.1:0', '127.0.0.1:70000'])('refuses the target %j', async (target) => {
    await expect(faultProxy({ target })).rejects.toThrow(`the target ${JSON.stringify(target)}`);
  });

  it('says when it cannot listen', async () => {
    const { proxy } = await echo();
    await expect(faultProxy({ target: '127.0.0.1:1', listen: proxy.address })).rejects.toThrow('EADDRINUSE');
  });
});

it.skipIf(process.platform === 'win32')('breaks connections to a server on a Unix socket too', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
  const path = join(folder, 'echo.sock');
  const server = createServer((socket) => socket.on('error', () => {}).pipe(socket));
  server.listen(path);
  await once(server, 'listening');
  const proxy = await faultProxy({ target: `unix:${path}` });
  onTestFinished(async () => {
    await proxy.close();
    server.close();
    rmSync(folder, { recursive: true, force: true });
  });
  const [host, port] = proxy.address.split(':');
  const socket = connect({ host: host!, port: Number(port) });
  socket.write('x');
  await once(socket, 'data');
  proxy.reset();
  const [error] = await once(socket, 'error');
  expect(error).toMatchObject({ code: 'ECONNRESET' });
});
