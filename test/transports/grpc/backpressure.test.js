/** A slow end holds the other back: counted in messages that are on their way. */
import * as grpc from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { deferred } from '../../support/served.js';
import { note } from './note.js';
import { connect, pair, rawClient, rawServer, serve } from './wire.js';

const block = Buffer.alloc(16 * 1024);
/** Two 64 KB windows, the read-ahead of both ends and grpc-js's own queues: far below the thousands that are on offer. */
const most = 64;
/** Waits until `count` has stood still for a while. */
async function standsStill(count) {
  for (let last = -1; ; ) {
    await new Promise((resolve) => setTimeout(resolve, 150));
    if (count() === last) return last;
    last = count();
  }
}
function endless(counter, stop = 5_000) {
  return async function* () {
    while (counter.sent < stop) {
      counter.sent += 1;
      yield note('', counter.sent, block);
    }
  };
}
test('a server stream that nobody reads stops after what the window and the read-ahead take', async () => {
  const counter = { sent: 0 };
  const { client } = await pair({ list: endless(counter) });
  const stream = client.list(note());
  await stream.headers;
  expect(await standsStill(() => counter.sent)).toBeLessThan(most);
  let received = 0;
  for await (const one of stream) {
    expect(one.number).toBe(++received);
    if (received === 500) break;
  }
  expect(counter.sent - received).toBeLessThan(most);
});
test('a server stream of a raw grpc-js server is held back before the first read too', async () => {
  let sent = 0;
  const { address } = await rawServer({
    list: (call) => {
      const write = () => {
        while (sent < 5_000) {
          sent += 1;
          if (!call.write(note('', sent, block))) {
            call.once('drain', write);
            return;
          }
        }
      };
      write();
    },
  });
  const stream = connect(address).list(note());
  await stream.headers;
  expect(await standsStill(() => sent)).toBeLessThan(most);
  await stream.return?.();
});
test('a raw grpc-js client that stops reading stops the handler', async () => {
  const counter = { sent: 0 };
  const { address } = await serve({ list: endless(counter) });
  const stream = rawClient(address).list(note());
  stream.on('error', () => {});
  await new Promise((resolve) => stream.once('readable', resolve));
  expect(await standsStill(() => counter.sent)).toBeLessThan(2 * most);
  stream.cancel();
});
test.each(['collect', 'chat'])('requests of %s are pulled only as the handler takes them', async (kind) => {
  const counter = { sent: 0 };
  const go = deferred();
  let taken = 0;
  const take = async (requests) => {
    for await (const one of requests) {
      expect(one.number).toBe(++taken);
      if (taken === 1) await go.promise;
      if (taken === 300) return;
    }
  };
  const { client } = await pair({
    collect: async (requests) => {
      await take(requests);
      return note('', taken);
    },
    async *chat(requests) {
      await take(requests);
      yield note('', taken);
    },
  });
  const source = endless(counter)();
  const answer = kind === 'collect' ? client.collect(source) : (async () => (await client.chat(source).next()).value)();
  expect(await standsStill(() => counter.sent)).toBeLessThan(most);
  go.resolve();
  expect((await answer).number).toBe(300);
  expect(counter.sent - 300).toBeLessThan(most);
});
test('requests to a raw grpc-js server that does not read are held back', async () => {
  const counter = { sent: 0 };
  const { address } = await rawServer({ chat: () => {} });
  const stream = connect(address).chat(endless(counter)());
  stream.headers.catch(() => {});
  expect(await standsStill(() => counter.sent)).toBeLessThan(most);
  await stream.return?.();
});
test('a stream that is not read delays no other call of its connection', async () => {
  const counter = { sent: 0 };
  const { client } = await pair({ list: endless(counter) });
  const stream = client.list(note());
  await stream.headers;
  await standsStill(() => counter.sent);
  expect(await client.echo(note('past it'))).toEqual(note('past it'));
  await stream.return?.();
});
