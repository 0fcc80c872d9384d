/** What a call over gRPC costs in things that can be counted: readings of the clock, promises. */
import { createHook } from 'node:async_hooks';
import { type Clock, createClient, createServer, silentLogger, systemClock } from 'hawser';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { currentCall } from '../../src/call/current.js';
import { serverStream, unary } from '../../src/contract/method.js';
import { defineService } from '../../src/contract/service.js';
import { note, noteCodec } from '../support/echo.js';

const messages = { request: noteCodec, response: noteCodec };
const Plain = defineService({
  name: 'test.Plain',
  fingerprint: '',
  idl: 'proto',
  methods: {
    say: unary({ name: 'Say', ...messages }),
    repeat: serverStream({ name: 'Repeat', ...messages }),
  },
});

let readings = 0;
const clock: Clock = {
  ...systemClock,
  now: () => {
    readings += 1;
    return systemClock.now();
  },
};
const count = 1_000;
const contexts = new Set<unknown>();
const server = createServer({ clock, logger: silentLogger });

async function connect() {
  const { grpc } = await server.listen({ grpc: '127.0.0.1:0' });
  return createClient(Plain, `grpc://${grpc}`, { clock, logger: silentLogger });
}
let client: Awaited<ReturnType<typeof connect>>;

beforeAll(async () => {
  server.add(Plain, {
    say: (request) => request,
    async *repeat() {
      for (let i = 0; i < count; i++) {
        contexts.add(currentCall());
        yield note(String(i));
      }
    },
  });
  client = await connect();
});
afterAll(async () => {
  await client.$close();
  await server.close({ grace: 0 });
});

it('reads the clock eight times at most for both ends of a unary call', async () => {
  for (let i = 0; i < 100; i++) await client.say(note('warm'));
  // Each alone, so that no reading serves two; timers that look at the loop may add one now and then.
  const each: number[] = [];
  for (let i = 0; i < 101; i++) {
    const before = readings;
    await client.say(note('one'));
    each.push(readings - before);
  }
  expect(each.sort((a, b) => a - b)[50]).toBeLessThanOrEqual(8);
});

it('makes six promises at most for both ends of a streamed message, and its handler sees its call', async () => {
  let promises = 0;
  const hook = createHook({
    init(_id, type) {
      if (type === 'PROMISE') promises += 1;
    },
  });
  for await (const _ of client.repeat(note('warm')));
  contexts.clear();
  hook.enable();
  let came = 0;
  let inOrder = true;
  for await (const { text } of client.repeat(note('one'))) inOrder &&= text === String(came++);
  hook.disable();
  expect(inOrder).toBe(true);
  expect(came).toBe(count);
  expect(promises / count).toBeLessThan(6.5);
  expect([...contexts].map((call) => (call as { method: { localName: string } }).method.localName)).toEqual(['repeat']);
});
