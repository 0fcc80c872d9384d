import * as grpc from '@grpc/grpc-js';
import { expect, test } from 'vitest';
import { Status } from '../../../gen/google/rpc/status.js';
import type { Logger } from '../../../src/call/logger.js';
import { type ErrorDetail, RpcError } from '../../../src/call/rpc-error.js';
import { type Note, note } from './note.js';
import { connect, drain, pair, rawClient, rawEcho, rawServer, serve } from './wire.js';

const detail: ErrorDetail = { type: 'google.rpc.DebugInfo', value: Buffer.from([0x12, 1, 0x78]) };

function failing(error: unknown) {
  return {
    echo: async () => {
      throw error;
    },
    // biome-ignore lint/correctness/useYield: fails before its first message
    async *list() {
      throw error;
    },
    collect: async () => {
      throw error;
    },
  };
}

test('code, message, details, reason and disposition of an RpcError arrive, from every kind', async () => {
  const thrown = new RpcError('NOT_FOUND', 'no sale of Fisch \u{1f41f} yet: 100 %', {
    reason: 'NO_SALE',
    metadata: { fish: 'halibut' },
    details: [detail],
  });
  const { client } = await pair(failing(thrown));
  const errors = [
    await client.echo(note()).catch((error: unknown) => error),
    (await drain(client.list(note()))).error,
    await client.collect([note()]).catch((error: unknown) => error),
  ];
  for (const error of errors) {
    expect(error).toBeInstanceOf(RpcError);
    const received = error as RpcError;
    expect(received.code).toBe('NOT_FOUND');
    expect(received.message).toBe(thrown.message);
    expect(received.reason).toBe('NO_SALE');
    expect(received.info?.metadata).toEqual({ fish: 'halibut' });
    expect(received.details.map((one) => one.type)).toEqual(['google.rpc.ErrorInfo', 'google.rpc.DebugInfo']);
    expect(received.disposition).toBe('executed');
  }
});

test('a raw grpc-js client reads the status and its details', async () => {
  const { address } = await serve(failing(new RpcError('ABORTED', 'again', { details: [detail] })));
  const { error } = await rawEcho(rawClient(address), note());
  expect(error?.code).toBe(grpc.status.ABORTED);
  expect(error?.details).toBe('again');
  const status = Status.decode(error?.metadata.get('grpc-status-details-bin')[0] as Buffer);
  expect(status.code).toBe(grpc.status.ABORTED);
  expect(status.details.map((one) => one.typeUrl)).toEqual(['type.googleapis.com/google.rpc.DebugInfo']);
  expect(error?.metadata.get('hawser-disposition')).toEqual(['executed']);
});

test('an undeclared throw is INTERNAL without its message, and is logged', async () => {
  const logged: object[] = [];
  const logger: Logger = { debug() {}, info() {}, warn() {}, error: (fields) => logged.push(fields) };
  const { client } = await pair(failing(new Error('password is hunter2')), { server: { logger } });
  const error = await client.echo(note()).catch((reason: unknown) => reason as RpcError);
  expect(error).toMatchObject({ code: 'INTERNAL', disposition: 'executed' });
  expect((error as RpcError).message).not.toContain('hunter2');
  expect(logged).toHaveLength(1);
});

test('an error that cannot be sent is INTERNAL, and the server lives on', async () => {
  const broken = new RpcError('ABORTED', 'x', { details: [{ type: 'a.B', value: 7 as unknown as Uint8Array }] });
  const unknown = new RpcError('NOPE' as 'ABORTED', 'no such code');
  for (const [thrown, code] of [
    [broken, 'INTERNAL'],
    [unknown, 'UNKNOWN'],
    [new RpcError('OK', 'fine?'), 'UNKNOWN'],
  ] as const) {
    const { client } = await pair(failing(thrown));
    await expect(client.echo(note())).rejects.toMatchObject({ code });
    expect((await drain(client.list(note()))).error).toMatchObject({ code });
    await expect(client.collect([note()])).rejects.toMatchObject({ code });
  }
});

test('a response of the wrong shape is INTERNAL, and the server lives on', async () => {
  const wrong = { text: 5 } as unknown as Note;
  const { client } = await pair({
    echo: () => wrong,
    async *list() {
      yield note('right');
      yield wrong;
    },
    collect: () => wrong,
  });
  await expect(client.echo(note())).rejects.toMatchObject({ code: 'INTERNAL', disposition: 'executed' });
  const { items, error } = await drain(client.list(note()));
  expect(items).toEqual([note('right')]);
  expect(error).toMatchObject({ code: 'INTERNAL', disposition: 'executed' });
  await expect(client.collect([note()])).rejects.toMatchObject({ code: 'INTERNAL' });
});

test('a foreign status without details is taken as it is', async () => {
  const { address } = await rawServer({
    echo: (_call: unknown, callback: grpc.sendUnaryData<Note>) =>
      callback({ code: grpc.status.RESOURCE_EXHAUSTED, details: 'quota' }),
  });
  await expect(connect(address).echo(note())).rejects.toMatchObject({
    code: 'RESOURCE_EXHAUSTED',
    message: 'quota',
    disposition: 'unknown',
  });
});

test('a refused connection says so, and that the call was not executed', async () => {
  const error = await connect('127.0.0.1:1')
    .echo(note())
    .catch((reason: unknown) => reason as RpcError);
  expect(error).toMatchObject({ code: 'UNAVAILABLE', disposition: 'not-executed', reason: 'CONNECT_FAILED' });
  expect((error as RpcError).message).toBe('cannot connect to 127.0.0.1:1: connect ECONNREFUSED 127.0.0.1:1');
});

test('a name that does not resolve says so, and that the call was not executed', async () => {
  const error = await connect('no-such-host.invalid:443')
    .echo(note())
    .catch((reason: unknown) => reason as RpcError);
  expect(error).toMatchObject({ code: 'UNAVAILABLE', disposition: 'not-executed', reason: 'CONNECT_FAILED' });
});

test('a message of any text, however long or broken, reaches the caller', async () => {
  for (const text of ['\ud800 half', 'x'.repeat(100_000), '\u{1f41f}'.repeat(10_000), 'line\nbreak\u0000 \u007f']) {
    const { client } = await pair(failing(new RpcError('ABORTED', text)));
    const error = (await client.echo(note()).catch((reason: unknown) => reason)) as RpcError;
    expect(error.code).toBe('ABORTED');
    expect(error.message.slice(0, 2)).toBe(text.replace('\ud800', '\ufffd').slice(0, 2));
  }
});

test('details too large for any trailers are left out, the ErrorInfo last', async () => {
  const huge: ErrorDetail = { type: 'google.rpc.DebugInfo', value: Buffer.alloc(200_000) };
  const { client, address } = await pair(failing(new RpcError('ABORTED', 'big', { reason: 'BIG', details: [huge] })));
  const error = (await client.echo(note()).catch((reason: unknown) => reason)) as RpcError;
  expect(error).toMatchObject({ code: 'ABORTED', message: 'big', reason: 'BIG' });
  expect(error.details).toHaveLength(1);
  const raw = await rawEcho(rawClient(address), note());
  expect(raw.error?.code).toBe(grpc.status.ABORTED);
});

test('details of 20 KB reach a client of ours', async () => {
  const large: ErrorDetail = { type: 'google.rpc.DebugInfo', value: Buffer.alloc(20_000, 1) };
  const { client } = await pair(failing(new RpcError('ABORTED', 'large', { details: [large] })));
  const error = (await client.echo(note()).catch((reason: unknown) => reason)) as RpcError;
  expect(error.details.map((one) => one.value.byteLength)).toContain(20_000);
});

test.each([1, 50, 500])('%i messages before an error are delivered before it, to a slow reader too', async (count) => {
  const { client } = await pair({
    async *list() {
      for (let i = 0; i < count; i++) yield note('x'.repeat(100), i);
      throw new RpcError('ABORTED', 'enough', { reason: 'ENOUGH' });
    },
  });
  let delivered = 0;
  const read = async (): Promise<void> => {
    for await (const one of client.list(note())) {
      expect(one.number).toBe(delivered);
      delivered += 1;
      if (delivered % 10 === 1) await new Promise((resolve) => setTimeout(resolve, 2));
    }
  };
  await expect(read()).rejects.toMatchObject({ code: 'ABORTED', reason: 'ENOUGH', disposition: 'executed' });
  expect(delivered).toBe(count);
});

test('messages that a raw grpc-js server sent before an error are delivered before it', async () => {
  const { address } = await rawServer({
    list: (call: grpc.ServerWritableStream<Note, Note>) => {
      for (let i = 0; i < 50; i++) call.write(note('x', i));
      call.emit('error', { code: grpc.status.ABORTED, details: 'enough' });
    },
  });
  const stream = connect(address).list(note());
  await stream.headers;
  await new Promise((resolve) => setTimeout(resolve, 50));
  const { items, error } = await drain(stream);
  expect(items).toHaveLength(50);
  expect(error).toMatchObject({ code: 'ABORTED', message: 'enough' });
});

test('a request message that does not decode is refused, in a stream too', async () => {
  const { address } = await serve();
  const client = new grpc.Client(address, grpc.credentials.createInsecure());
  const identity = (bytes: Buffer): Buffer => bytes;
  const unary = await new Promise<grpc.ServiceError | null>((resolve) => {
    client.makeUnaryRequest('/hawser.test.v1.Notes/Echo', identity, identity, Buffer.from([10, 200]), resolve);
  });
  expect(unary?.code).toBe(grpc.status.INVALID_ARGUMENT);
  const collect = await new Promise<grpc.ServiceError | null>((resolve) => {
    const stream = client.makeClientStreamRequest('/hawser.test.v1.Notes/Collect', identity, identity, resolve);
    stream.write(Buffer.from([10, 200]));
    stream.end();
  });
  expect(collect?.code).toBe(grpc.status.INVALID_ARGUMENT);
  client.close();
});

test('a response message that does not decode comes after the ones before it, and cancels the call', async () => {
  let cancelled = 0;
  const server = new grpc.Server();
  const identity = (bytes: Buffer): Buffer => bytes;
  const ended = new Promise<void>((resolve) => {
    server.register(
      '/hawser.test.v1.Notes/List',
      (call: grpc.ServerWritableStream<Buffer, Buffer>) => {
        call.on('cancelled', () => {
          cancelled += 1;
          resolve();
        });
        call.write(Buffer.from([16, 1]));
        call.write(Buffer.from([10, 200]));
      },
      identity,
      identity,
      'serverStream',
    );
  });
  const port = await new Promise<number>((resolve) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (_error, bound) => resolve(bound)),
  );
  const { items, error } = await drain(connect(`127.0.0.1:${port}`).list(note()));
  expect(items.map((one) => one.number)).toEqual([1]);
  expect(error).toMatchObject({ code: 'INTERNAL', reason: 'RESPONSE_MALFORMED' });
  await ended;
  expect(cancelled).toBe(1);
  server.forceShutdown();
});
