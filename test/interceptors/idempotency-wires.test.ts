/** Keyed calls of generated stubs over every wire, and what a key is worth where one cannot carry it. */
import { createClient, createServer, type HeaderMap, MemoryNetwork, silentLogger } from 'hawser';
import { faultProxy } from 'hawser/testing';
import { describe, expect, it, onTestFinished } from 'vitest';
import * as proto from '../../gen/market/v1/market.rpc.js';
import * as thrift from '../../gen/market.js';
import { memoryStore } from '../../src/stores/memory.js';
import { rejection } from '../support/scripted.js';

async function market() {
  const store = memoryStore({ logger: silentLogger });
  const server = createServer({ store, logger: silentLogger });
  let orders = 0;
  const place = (orderId: string, pounds: number) => ({ orderId, number: ++orders, total: pounds * 8.75 });
  server.add(proto.Orders, {
    placeOrder({ orderId, fish, pounds }) {
      if (fish === 'unicorn') throw new proto.BadFish({ fish, errorCode: ++orders });
      return place(orderId, pounds);
    },
  });
  server.add(thrift.Orders, {
    placeOrder({ orderId, fish, pounds }) {
      if (fish === 'unicorn') throw new thrift.BadFish({ fish, errorCode: ++orders });
      return place(orderId, pounds);
    },
  });
  const memory = new MemoryNetwork();
  const bound = await server.listen({ grpc: '127.0.0.1:0', thrift: '127.0.0.1:0', memory });
  const clients: { $close(): Promise<void> }[] = [];
  onTestFinished(async () => {
    for (const client of clients) await client.$close();
    await server.close({ grace: 0 });
  });
  const keep = <C extends { $close(): Promise<void> }>(client: C): C => {
    clients.push(client);
    return client;
  };
  return {
    ...bound,
    orders: () => orders,
    overGrpc: (address = bound.grpc) => keep(createClient(proto.Orders, `grpc://${address}`)),
    overMemory: () => keep(createClient(proto.Orders, memory)),
    overThrift: (wire: string, address = bound.thrift) =>
      keep(createClient(thrift.Orders, `thrift://${address}?wire=${wire}`)),
  };
}

const order = { orderId: 'order 1', fish: 'halibut', pounds: 10 };

async function answer(call: PromiseLike<unknown> & { headers: Promise<HeaderMap> }) {
  const response = await call;
  return { response, replayed: (await call.headers).get('idempotent-replayed') };
}

describe.each(['gRPC', 'memory', 'header', 'binary', 'compact'])('over %s', (wire) => {
  const clientOf = (made: Awaited<ReturnType<typeof market>>) =>
    wire === 'gRPC' ? made.overGrpc() : wire === 'memory' ? made.overMemory() : made.overThrift(wire);
  const headers = wire !== 'binary' && wire !== 'compact';

  it('an order is placed once, and both calls get its receipt', async () => {
    const made = await market();
    const client = clientOf(made);
    const receipt = { orderId: 'order 1', number: 1, total: 87.5 };
    expect(await answer(client.placeOrder(order))).toMatchObject({ response: receipt, replayed: undefined });
    const again = await answer(client.placeOrder(order));
    expect(again).toMatchObject({ response: receipt, replayed: headers ? 'true' : undefined });
    expect(made.orders()).toBe(1);
  });

  it('a declared error is the answer of its key', async () => {
    const made = await market();
    const client = clientOf(made);
    for (let n = 0; n < 2; n++) {
      const call = client.placeOrder({ ...order, fish: 'unicorn' });
      expect(await rejection(call)).toMatchObject({ name: 'BadFish', fish: 'unicorn', errorCode: 1 });
      expect((await call.headers).get('idempotent-replayed')).toBe(n === 1 && headers ? 'true' : undefined);
    }
  });

  it('another order of the same key is refused', async () => {
    const made = await market();
    const client = clientOf(made);
    await client.placeOrder(order);
    const error = await rejection(client.placeOrder({ ...order, pounds: 11 }));
    expect(error.code).toBe('INVALID_ARGUMENT');
    if (headers) expect(error).toMatchObject({ reason: 'IDEMPOTENCY_KEY_REUSED', disposition: 'not-executed' });
    expect(made.orders()).toBe(1);
  });
});

describe('a key', () => {
  it('is one for both encodings of Thrift: an answer is written anew in that of the caller', async () => {
    const made = await market();
    const answers = [];
    for (const wire of ['binary', 'compact', 'header', 'compact', 'binary']) {
      answers.push(await made.overThrift(wire).placeOrder(order));
    }
    expect(answers).toEqual(answers.map(() => ({ orderId: 'order 1', number: 1, total: 87.5 })));
    const bad = { ...order, orderId: 'order 2', fish: 'unicorn' };
    for (const wire of ['compact', 'binary']) {
      expect(await rejection(made.overThrift(wire).placeOrder(bad))).toMatchObject({ name: 'BadFish', errorCode: 2 });
    }
    expect(made.orders()).toBe(2);
  });

  it('is one for both IDLs: it has no second effect over the other, which cannot tell its answer', async () => {
    const made = await market();
    await made.overGrpc().placeOrder(order);
    expect(await rejection(made.overThrift('header').placeOrder(order))).toMatchObject({
      code: 'FAILED_PRECONDITION',
      reason: 'IDEMPOTENCY_KEY_OF_OTHER_IDL',
    });
    expect(made.orders()).toBe(1);
  });

  it('is in the field that the IDL names also when the header says it, and the caller keeps its request', async () => {
    const made = await market();
    const request = Object.freeze({ ...order, orderId: '' });
    const receipt = await made.overGrpc().placeOrder(request, { idempotencyKey: 'order 3' });
    expect(receipt.orderId).toBe('order 3');
    expect(request.orderId).toBe('');
  });
});

describe('an answer that is lost', () => {
  it.each(['grpc', 'header', 'binary'] as const)('is got by the retry, over %s', async (wire) => {
    const made = await market();
    const proxy = await faultProxy({ target: wire === 'grpc' ? made.grpc : made.thrift });
    onTestFinished(() => proxy.close());
    const client = wire === 'grpc' ? made.overGrpc(proxy.address) : made.overThrift(wire, proxy.address);
    await client.placeOrder({ ...order, orderId: 'first' });
    await proxy.set({ stall: 'toClient' });
    const call = client.placeOrder(order);
    await expect.poll(made.orders).toBe(2);
    proxy.reset();
    await proxy.set({});
    expect(await call).toMatchObject({ orderId: 'order 1', number: 2 });
    expect(call.attempts).toBe(2);
    expect(made.orders()).toBe(2);
  });
});
