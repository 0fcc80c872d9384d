import { connect as connectHttp2 } from 'node:http2';
import * as grpc from '@grpc/grpc-js';
import { expect, onTestFinished, test } from 'vitest';
import { mountGrpc } from '../../../src/transports/grpc/mount.js';
import { type Note, Notes, note } from './note.js';
import {
  attempt,
  connect,
  dispatcher,
  drain,
  echoing,
  pair,
  RawNotes,
  rawClient,
  rawEcho,
  rawServer,
  serve,
  transport,
} from './wire.js';

const day = 86_400_000;

/** Status trailers of a call with just these headers. */
async function callWith(address: string, headers: Record<string, string>): Promise<Record<string, unknown>> {
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
  const seen: (number | undefined)[] = [];
  const echo = (request: Note, call: { deadline: { remaining(): number } | undefined }): Note => {
    seen.push(call.deadline?.remaining());
    return request;
  };
  return { seen, handlers: { echo } };
}

test('the handler sees what is left of the caller deadline', async () => {
  const { seen, handlers } = counting();
  const { client, address } = await pair(handlers);
  await client.echo(note(), { timeout: 50_000 });
  await rawEcho(rawClient(address), note(), new grpc.Metadata(), { deadline: Date.now() + 50_000 });
  for (const left of seen) {
    expect(left).toBeGreaterThan(25_000);
    expect(left).toBeLessThanOrEqual(50_000);
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

test.each(['-5m', '5', 'm', '123456789m', '5x', '1m, 2m', '1.5S', '', '5 m', '\u00e95m', '+5m', '5mm'])(
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
  const seen: (number | undefined)[] = [];
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

test.each([25 * day, 30 * day, 60 * day])('a deadline of %d ms of a raw grpc-js client is a long one', async (ms) => {
  const seen: (number | undefined)[] = [];
  const { address } = await serve({
    async *list(request, call) {
      seen.push(call.deadline?.remaining());
      yield request;
    },
  });
  const stream = rawClient(address).list(note('a'), new grpc.Metadata(), { deadline: Date.now() + ms });
  for await (const _one of stream);
  expect(seen[0]).toBeGreaterThan(ms - 60_000);
  expect(seen[0]).toBeLessThanOrEqual(ms);
});

test('a raw grpc-js server takes the right deadline of 30 days for one that has passed; it is sent all the same', async () => {
  let left: number | undefined;
  const { address } = await rawServer({
    list: (call: grpc.ServerWritableStream<Note, Note>) => {
      left = Number(call.getDeadline()) - Date.now();
      call.end();
    },
  });
  const handler = transport(address).bind(Notes.methods.list);
  const call = attempt(Notes.methods.list, Buffer.alloc(0), { timeout: 30 * day });
  await drain((await handler(call)) as AsyncIterable<unknown>);
  // Its arithmetic wraps at 2^31 ms. When this fails, grpc-js was mended, and the docs can say less.
  expect(left).toBeLessThan(0);
});

test('each attempt sends what is left at its own start', async () => {
  const left: number[] = [];
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
  expect(left[0]! - left[1]!).toBeGreaterThan(50);
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
  const port = await new Promise<number>((resolve) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (_error, bound) => resolve(bound)),
  );
  onTestFinished(() => server.forceShutdown());
  const trailers = await callWith(`127.0.0.1:${port}`, { 'grpc-timeout': '1n' });
  expect(trailers['grpc-status']).toBe('4');
  expect(seen).toEqual([]);
  expect(await connect(`127.0.0.1:${port}`).echo(note('a'), { timeout: 50_000 })).toEqual(note('a'));
  expect(seen[0]).toBeGreaterThan(25_000);
});

async function mounted(handlers: Parameters<typeof serve>[0]): Promise<string> {
  const server = new grpc.Server();
  server.addService({ raw: { ...RawNotes.echo, path: '/raw.Raw/Echo' } }, { raw: rawHandler });
  mountGrpc(server, dispatcher([[Notes, { ...echoing, ...handlers }]]));
  const port = await new Promise<number>((resolve) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (_error, bound) => resolve(bound)),
  );
  onTestFinished(() => server.forceShutdown());
  return `127.0.0.1:${port}`;
}

let rawLeft = 0;
function rawHandler(call: grpc.ServerUnaryCall<Note, Note>, callback: grpc.sendUnaryData<Note>): void {
  rawLeft = Number(call.getDeadline()) - Date.now();
  callback(null, call.request);
}

test('a service that is mounted has a deadline of 30 days, refuses a malformed one, and leaves the others theirs', async () => {
  const seen: (number | undefined)[] = [];
  const address = await mounted({
    async *list(request, call) {
      seen.push(call.deadline?.remaining());
      yield request;
    },
  });
  const path = { ':path': '/hawser.test.v1.Notes/List' };
  expect((await callWith(address, { ...path, 'grpc-timeout': '720H' }))['grpc-status']).toBe('0');
  expect(seen[0]).toBeGreaterThan(30 * day - 60_000);
  expect((await callWith(address, { ...path, 'grpc-timeout': '-5m' }))['grpc-status']).toBe('13');
  expect((await callWith(address, { ':path': '/raw.Raw/Echo', 'grpc-timeout': '50S' }))['grpc-status']).toBe('0');
  expect(rawLeft).toBeGreaterThan(25_000);
  expect(rawLeft).toBeLessThanOrEqual(50_000);
  expect((await callWith(address, { ':path': '/raw.Raw/None' }))['grpc-status']).toBe('12');
});
