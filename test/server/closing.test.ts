import { connect } from 'node:net';
import { createClient, createServer, MemoryNetwork, silentLogger } from 'hawser';
import { VirtualClock } from 'hawser/testing';
import { expect, it } from 'vitest';
import type { Dispatcher } from '../../src/call/transport.js';
import { Echo, note } from '../support/echo.js';

it('a server that is closed while it begins to listen, listens nowhere', async () => {
  const server = createServer({ logger: silentLogger }).add(Echo, {
    say: (request) => request,
    tell: () => {},
    async *repeat() {},
    collect: () => note('none'),
    async *chat() {},
  });
  let closed = 0;
  const memory = {
    address: 'memory',
    connect: () => {
      throw new Error('nobody connects');
    },
    listen: (_dispatcher: Dispatcher) => ({ address: 'memory', close: async () => void closed++ }),
  };
  const port = await freePort();
  const listening = server.listen({ memory, grpc: `127.0.0.1:${port}` });
  listening.catch(() => {});
  await server.close({ grace: 0 });
  await expect(listening).rejects.toThrow('the server was closed meanwhile');
  expect(closed).toBe(1);
  await expect(reached(port)).resolves.toBe(false);
});

it('a server that is closed waits for a call that ends, and no longer', async () => {
  const network = new MemoryNetwork();
  const clock = new VirtualClock();
  const server = createServer({ logger: silentLogger, clock }).add(Echo, {
    async say(request) {
      await new Promise<void>((resolve) => clock.setTimer(resolve, 20));
      return request;
    },
    tell: () => {},
    async *repeat() {},
    collect: () => note('none'),
    async *chat() {},
  });
  await server.listen({ memory: network });
  const call = createClient(Echo, network, { clock }).say(note('x'));
  const started = clock.now();
  const [answer] = await clock.runUntil(Promise.all([call, server.close({ grace: 3_000 })]));
  expect(answer).toEqual(note('x'));
  expect(clock.now() - started).toBe(20);
});

async function freePort(): Promise<number> {
  const server = createServer({ logger: silentLogger });
  const { grpc } = await server.listen({ grpc: '127.0.0.1:0' });
  await server.close({ grace: 0 });
  return Number(grpc.split(':').at(-1));
}

function reached(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
