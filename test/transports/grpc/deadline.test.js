import { connect as connectHttp2 } from 'node:http2';
import * as grpc from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { mountGrpc } from '../../../src/transports/grpc/mount.js';
import { Notes, note } from './note.js';
import {
  attempt,
  connect,
  dispatcher,
  echoing,
  pair,
  rawClient,
  rawEcho,
  rawServer,
  serve,
  transport,
} from './wire.js';

const day = 86_400_000;
/** Status trailers of a call with just these headers. */
async function callWith(address, headers) {
  const session = connectHttp2(`http://${address}`);
  onTestFinished(() => session.destroy());
  const stream = session.request({
    ':method': 'POST',
    ':path': '/hawser.test.v1.Notes/Echo',
    'content-type': 'application/grpc',
    te: 'trailers',
    ...headers,
  });
  stream.end(Buffer.from([0, 0, 0, 0, 0]));
  return new Promise((resolve, reject) => {
    stream.on('error', reject);
    stream.on('response', (received) => {
      if (received['grpc-status'] !== undefined) resolve(received);
    });
    stream.on('trailers', resolve);
    stream.resume();
  });
}
function counting() {
  const seen = [];
  const echo = (request, call) => {
    seen.push(call.deadline?.remaining());
    return request;
  };
  return { seen, handlers: { echo } };
}
test('the handler sees what is left of the caller deadline', async () => {
  const { seen, handlers } = counting();
  const { client, address } = await pair(handlers);
  await client.echo(note(), { timeout: 5_000 });
  await rawEcho(rawClient(address), note(), new grpc.Metadata(), { deadline: Date.now() + 5_000 });
  for (const left of seen) {
    expect(left).toBeGreaterThan(3_000);
    expect(left).toBeLessThanOrEqual(5_000);
  }
  expect(seen).toHaveLength(2);
});
test.each(['0m', '0n', '0S'])('a call that arrives with %s left is refused and not run', async (timeout) => {
  const { seen, handlers } = counting();
  const { address } = await serve(handlers);
  const trailers = await callWith(address, { 'grpc-timeout': timeout });
  expect(trailers['grpc-status']).toBe('4');
  expect(trailers['hawser-disposition']).toBe('not-executed');
  expect(seen).toEqual([]);
});
test.each(['-5m', '5', 'm', '123456789m', '5x', '1m, 2m', '1.5S'])(
  'the malformed grpc-timeout %s is refused',
  async (timeout) => {
    const { seen, handlers } = counting();
    const { address } = await serve(handlers);
    const trailers = await callWith(address, { 'grpc-timeout': timeout });
    expect(trailers['grpc-status']).toBe('13');
    expect(seen).toEqual([]);
  },
);
test.each([
  ['600H', 25 * day],
  ['720H', 30 * day],
  ['99999999S', 99_999_999_000],
  ['99999999H', 99_999_999 * 3_600_000],
])('a deadline of %s is a long one, not one that has passed', async (timeout, ms) => {
  const seen = [];
  // Of a stream: a unary call is clamped by the server's own longest deadline.
  const { address } = await serve({
    async *list(request, call) {
      seen.push(call.deadline?.remaining());
      yield request;
    },
  });
  const trailers = await callWith(address, { ':path': '/hawser.test.v1.Notes/List', 'grpc-timeout': timeout });
  expect(trailers['grpc-status']).toBe('0');
  expect(seen[0]).toBeGreaterThan(ms - 60_000);
});
test('nobody can pass for our own HTTP/2 layer', async () => {
  const { seen, handlers } = counting();
  const { address } = await serve(handlers);
  const trailers = await callWith(address, { 'hawser-wire': '-0m' });
  expect(trailers['grpc-status']).toBe('0');
  expect(seen).toHaveLength(1);
});
test('a deadline of 30 days reaches a raw grpc-js server as a long one', async () => {
  let deadline;
  const { address } = await rawServer({
    list: (call) => {
      deadline = Number(call.getDeadline()) - Date.now();
      call.end();
    },
  });
  const handler = transport(address).bind(Notes.methods.list);
  const call = attempt(Notes.methods.list, Buffer.alloc(0), { timeout: 30 * day });
  for await (const _one of await handler(call));
  expect(deadline).toBeGreaterThan(24 * day);
});
test('each attempt sends what is left at its own start', async () => {
  const left = [];
  const { address } = await serve({
    echo: (request, call) => {
      left.push(call.deadline?.remaining() ?? Number.NaN);
      return request;
    },
  });
  const handler = transport(address).bind(Notes.methods.echo);
  const call = attempt(Notes.methods.echo, Buffer.alloc(0), { timeout: 5_000 });
  await handler(call);
  await new Promise((resolve) => setTimeout(resolve, 100));
  await handler(call);
  expect(left[0] - left[1]).toBeGreaterThan(50);
});
test('the server answers at the deadline while the handler still thinks, and says that it ran', async () => {
  const { address } = await serve({ echo: () => new Promise(() => {}) });
  const trailers = await callWith(address, { 'grpc-timeout': '50m' });
  expect(trailers['grpc-status']).toBe('4');
  expect(trailers['hawser-disposition']).toBe('executed');
});
test('a service that is mounted does not run a call whose deadline has passed', async () => {
  const { seen, handlers } = counting();
  const server = new grpc.Server();
  mountGrpc(server, dispatcher([[Notes, { ...echoing, ...handlers }]]));
  const port = await new Promise((resolve) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (_error, bound) => resolve(bound)),
  );
  onTestFinished(() => server.forceShutdown());
  const trailers = await callWith(`127.0.0.1:${port}`, { 'grpc-timeout': '1n' });
  expect(trailers['grpc-status']).toBe('4');
  expect(seen).toEqual([]);
  expect(await connect(`127.0.0.1:${port}`).echo(note('a'), { timeout: 5_000 })).toEqual(note('a'));
  expect(seen[0]).toBeGreaterThan(3_000);
});
