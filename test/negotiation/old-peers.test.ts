/**
 * Peers of before, or of later, as bytes on a socket: one that says a word for what became of a call that this version does not know,
 * and one that knows none of the words and reads all the same what a server says.
 */
import { connect as connectHttp2 } from 'node:http2';
import net, { type AddressInfo, type Socket } from 'node:net';
import { createClient, createServer, type Disposition, RpcError, silentLogger } from 'hawser';
import { describe, expect, it, onTestFinished } from 'vitest';
import { unary } from '../../src/contract/method.js';
import { defineService } from '../../src/contract/service.js';
import { sqliteStore } from '../../src/stores/sqlite/sqlite-store.js';
import { type Note, note, noteCodec } from '../support/echo.js';
import { scratchFolder } from '../support/scratch.js';

const messages = { request: noteCodec, response: noteCodec };
const spec = {
  name: 'test.Till',
  fingerprint: '',
  methods: {
    say: unary<Note, Note>({ name: 'Say', ...messages }),
    sell: unary<Note, Note>({ name: 'Sell', ...messages, policy: { idempotency: 'KEYED' } }),
  },
} as const;
const services = { grpc: defineService({ ...spec, idl: 'proto' }), thrift: defineService({ ...spec, idl: 'thrift' }) };

const wires = ['grpc', 'binary', 'compact', 'header'] as const;
type Wire = (typeof wires)[number];

/** A server whose every handler has run, and throws: `sell` within a transaction that is rolled back. */
async function serve(wire: Wire) {
  const idl = wire === 'grpc' ? 'grpc' : 'thrift';
  const runs: string[] = [];
  const fail = (name: string) => () => {
    runs.push(name);
    throw new RpcError('UNAVAILABLE', 'not now');
  };
  const folder = scratchFolder('old-peers');
  const server = createServer({ logger: silentLogger, store: sqliteStore(`${folder.path}/keys.db`) });
  server.add(services[idl], { say: fail('say'), sell: fail('sell') } as never);
  const bound = (await server.listen({ [idl]: '127.0.0.1:0' })) as Record<typeof idl, string>;
  onTestFinished(async () => {
    await server.close({ grace: 0 });
    folder.remove();
  });
  return { address: bound[idl], service: services[idl], runs };
}

/** Stands before a server, and writes `to` wherever that wrote `from`; of one length, so that no frame is another size. */
async function rewriting(
  target: string,
  from: string,
  to: string,
): Promise<{ address: string; written: () => number }> {
  expect(Buffer.byteLength(to)).toBe(Buffer.byteLength(from));
  const sockets = new Set<Socket>();
  let written = 0;
  const proxy = net.createServer((client) => {
    const server = net.connect(Number(target.split(':').pop()), '127.0.0.1');
    for (const socket of [client, server]) {
      sockets.add(socket);
      socket.on('error', () => {});
    }
    client.pipe(server);
    server.on('data', (chunk: Buffer) => {
      for (let at = chunk.indexOf(from); at >= 0; at = chunk.indexOf(from, at + 1)) {
        chunk.write(to, at, 'latin1');
        written += 1;
      }
      client.write(chunk);
    });
    server.on('close', () => client.destroy());
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    proxy.close();
    for (const socket of sockets) socket.destroy();
  });
  return { address: `127.0.0.1:${(proxy.address() as AddressInfo).port}`, written: () => written };
}

const uri = (wire: Wire, address: string): string =>
  wire === 'grpc' ? `grpc://${address}` : `thrift://${address}?wire=${wire}`;

async function rejection(promise: Promise<unknown>): Promise<RpcError> {
  const error = await promise.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  expect(error).toBeInstanceOf(RpcError);
  return error as RpcError;
}

describe.each(wires)('over %s, a server', (wire) => {
  it.each<['say' | 'sell', string, Disposition, string]>([
    ['say', 'executed', 'executed', 'undone!!'],
    ['sell', 'rolled-back', 'rolled-back', 'half-undone'],
    ['sell', 'rolled-back', 'rolled-back', 'ROLLED-BACK'],
  ])('that says of %s another word than %s is read as one that says nothing', async (method, word, known, other) => {
    const { address, service } = await serve(wire);
    const plain = createClient(service, uri(wire, address), { logger: silentLogger, retry: false });
    onTestFinished(() => plain.$close());
    expect(await rejection(plain[method](note('x')))).toMatchObject({ code: 'UNAVAILABLE', disposition: known });

    const between = await rewriting(address, word, other);
    const client = createClient(service, uri(wire, between.address), { logger: silentLogger, retry: false });
    onTestFinished(() => client.$close());
    expect(await rejection(client[method](note('x')))).toMatchObject({
      code: 'UNAVAILABLE',
      message: 'not now',
      disposition: 'unknown',
    });
    expect(between.written()).toBeGreaterThan(0);
  });

  it('whose word nobody knows is no reason to run a call twice', async () => {
    const { address, service, runs } = await serve(wire);
    const between = await rewriting(address, 'executed', 'undone!!');
    const client = createClient(service, uri(wire, between.address), { logger: silentLogger });
    onTestFinished(() => client.$close());
    expect(await rejection(client.say(note('x')))).toMatchObject({ code: 'UNAVAILABLE', disposition: 'unknown' });
    expect(runs).toEqual(['say']);
  });
});

it('a gRPC client that knows no word of ours reads the status of what was rolled back', async () => {
  const { address } = await serve('grpc');
  const session = connectHttp2(`http://${address}`);
  onTestFinished(() => session.destroy());
  const stream = session.request({
    ':method': 'POST',
    ':path': '/test.Till/Sell',
    'content-type': 'application/grpc',
    te: 'trailers',
    'idempotency-key': 'a-key-of-an-old-client',
  });
  const body = noteCodec.encode(note('x'), 'proto');
  const frame = Buffer.alloc(5 + body.byteLength);
  frame.writeUInt32BE(body.byteLength, 1);
  frame.set(body, 5);
  stream.end(frame);
  const fields = await new Promise<Record<string, unknown>>((resolve) => {
    let all: Record<string, unknown> = {};
    stream.on('response', (headers) => {
      all = { ...all, ...headers };
    });
    stream.on('trailers', (trailers) => {
      all = { ...all, ...trailers };
    });
    stream.on('close', () => resolve(all));
    stream.resume();
  });
  expect(fields).toMatchObject({
    ':status': 200,
    'grpc-status': '14',
    'grpc-message': 'not now',
    'hawser-disposition': 'rolled-back',
  });
});

it('a Thrift client that knows no field of ours reads the message and the type of what failed', async () => {
  const { address } = await serve('thrift' as Wire);
  const socket = net.connect(Number(address.split(':').pop()), '127.0.0.1');
  onTestFinished(() => void socket.destroy());
  // A strict binary CALL of `Say`, number 7; its argument is the message as this service's codec has it.
  const name = Buffer.from('Say');
  const message = Buffer.concat([
    Buffer.from([0x80, 0x01, 0x00, 0x01, 0, 0, 0, name.length]),
    name,
    Buffer.from([0, 0, 0, 7]),
    noteCodec.encode(note('x'), 'binary'),
  ]);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(message.length);
  const chunks: Buffer[] = [];
  const reply = new Promise<Buffer>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      const all = Buffer.concat(chunks);
      if (all.length >= 4 && all.length >= 4 + all.readUInt32BE(0)) resolve(all.subarray(4));
    });
  });
  socket.write(Buffer.concat([size, message]));
  const { kind, sequence, text, type } = readException(await reply);
  expect({ kind, sequence, text }).toEqual({ kind: 3, sequence: 7, text: 'not now' });
  expect(type).toBe(6); // INTERNAL_ERROR
});

/** As Apache's libraries read it: fields 1 and 2 are known, every other one is skipped by its type. */
function readException(bytes: Buffer) {
  const kind = bytes.readUInt8(3);
  let at = 8 + bytes.readUInt32BE(4);
  const sequence = bytes.readUInt32BE(at);
  at += 4;
  const fields = new Map<number, string | number>();
  while (bytes.readUInt8(at) !== 0) {
    const type = bytes.readUInt8(at);
    const id = bytes.readInt16BE(at + 1);
    at += 3;
    if (type === 8) {
      fields.set(id, bytes.readInt32BE(at));
      at += 4;
    } else if (type === 11) {
      const length = bytes.readUInt32BE(at);
      fields.set(id, bytes.toString('utf8', at + 4, at + 4 + length));
      at += 4 + length;
    } else throw new Error(`the field ${id} is of the type ${type}, which this reader skips in a way of its own`);
  }
  expect(at).toBe(bytes.length - 1);
  return { kind, sequence, text: fields.get(1), type: fields.get(2) };
}
