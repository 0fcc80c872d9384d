/** Answers of servers that break gRPC or HTTP/2, made by hand: what the caller is told. */
import { createServer as createHttp2, type ServerHttp2Stream } from 'node:http2';
import { type AddressInfo, createServer } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Flag, FrameType, preface } from '../../../src/http2/frame.js';
import { frame, joined } from '../../http2/talk.js';
import { type Note, note, noteCodec } from './note.js';
import { connect, drain } from './wire.js';

const framed = (text: string): Buffer => {
  const bytes = noteCodec.encode(note(text), 'proto');
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(bytes.length, 1);
  return Buffer.concat([prefix, bytes]);
};
const head = { ':status': 200, 'content-type': 'application/grpc' };

/** A server that answers as `respond` says, below gRPC. */
async function answering(respond: (stream: ServerHttp2Stream) => void): Promise<ReturnType<typeof connect>> {
  const server = createHttp2();
  server.on('stream', (stream) => {
    stream.on('error', () => {});
    respond(stream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return connect(`127.0.0.1:${(server.address() as AddressInfo).port}`, { engine: 'own' });
}

function ending(messages: readonly string[], trailers: Record<string, string>): (stream: ServerHttp2Stream) => void {
  return (stream) => {
    stream.respond(head, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
    for (const text of messages) stream.write(framed(text));
    stream.end();
  };
}

/** A server that answers every call with a head, a message and RST_STREAM. */
async function resetting(code: number): Promise<ReturnType<typeof connect>> {
  const type = Buffer.from('application/grpc');
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.write(joined(frame(FrameType.SETTINGS, 0, 0), frame(FrameType.SETTINGS, Flag.ACK, 0)));
    let bytes = Buffer.alloc(0);
    let at = preface.length;
    socket.on('data', (chunk) => {
      bytes = Buffer.concat([bytes, chunk]);
      for (let length = 0; at + 9 <= bytes.byteLength; at += 9 + length) {
        length = bytes.readUIntBE(at, 3);
        if (bytes[at + 3] !== FrameType.HEADERS) continue;
        const id = bytes.readUInt32BE(at + 5);
        socket.write(
          joined(
            frame(FrameType.HEADERS, Flag.END_HEADERS, id, [0x88, 0x0f, 0x10, type.byteLength, ...type]),
            frame(FrameType.DATA, 0, id, framed('a')),
            frame(FrameType.RST_STREAM, 0, id, [0, 0, 0, code]),
          ),
        );
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return connect(`127.0.0.1:${(server.address() as AddressInfo).port}`, { engine: 'own' });
}

const failure = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'answered',
    ({ code, reason }: { code: string; reason?: string }) => ({ code, reason }),
  );
async function* one(): AsyncIterable<Note> {
  yield note('a');
}

describe('an answer to a call with one response', () => {
  test.each<[string, readonly string[]]>([
    ['no message', []],
    ['two messages', ['a', 'b']],
  ])('that has %s and the status OK is UNIMPLEMENTED, as the status code table says', async (_name, messages) => {
    const client = await answering(ending(messages, { 'grpc-status': '0' }));
    const expected = { code: 'UNIMPLEMENTED', reason: 'RESPONSE_MALFORMED' };
    expect(await failure(client.echo(note()))).toEqual(expected);
    expect(await failure(client.collect(one()))).toEqual(expected);
  });

  test('that has a message and then an error is the error', async () => {
    const client = await answering(ending(['a'], { 'grpc-status': '5' }));
    expect(await failure(client.echo(note()))).toEqual({ code: 'NOT_FOUND', reason: 'NOT_FOUND' });
  });
});

describe('a stream that ends without a status', () => {
  test.each<[string, number, string]>([
    ['NO_ERROR', 0, 'INTERNAL'],
    ['PROTOCOL_ERROR', 1, 'INTERNAL'],
    ['INTERNAL_ERROR', 2, 'INTERNAL'],
    ['FLOW_CONTROL_ERROR', 3, 'INTERNAL'],
    ['SETTINGS_TIMEOUT', 4, 'INTERNAL'],
    ['FRAME_SIZE_ERROR', 6, 'INTERNAL'],
    ['REFUSED_STREAM', 7, 'UNAVAILABLE'],
    ['CANCEL', 8, 'CANCELLED'],
    ['COMPRESSION_ERROR', 9, 'INTERNAL'],
    ['CONNECT_ERROR', 10, 'INTERNAL'],
    ['ENHANCE_YOUR_CALM', 11, 'RESOURCE_EXHAUSTED'],
    ['INADEQUATE_SECURITY', 12, 'PERMISSION_DENIED'],
    ['a code that there is not', 77, 'INTERNAL'],
  ])('by RST_STREAM with %s has the code of the specification', async (_name, code, expected) => {
    const client = await resetting(code);
    expect(await failure(client.echo(note()))).toMatchObject({ code: expected });
    const { error } = await drain(client.list(note()));
    expect(error).toMatchObject({ code: expected });
  });

  test('by END_STREAM is UNKNOWN, and the message says what is missing', async () => {
    const client = await answering((stream) => {
      stream.respond(head);
      stream.end(framed('a'));
    });
    await expect(client.echo(note())).rejects.toMatchObject({
      code: 'UNKNOWN',
      reason: 'NO_STATUS',
      message: expect.stringContaining('without a gRPC status'),
    });
  });
});

describe('a status', () => {
  test('OK with a message and padded details is OK', async () => {
    const client = await answering(
      ending(['a'], { 'grpc-status': '0', 'grpc-message': 'OK', 'grpc-status-details-bin': 'AA==' }),
    );
    expect((await client.echo(note())).text).toBe('a');
  });

  test.each([
    ['padded', 'CAUSA25vZQ=='],
    ['unpadded', 'CAUSA25vZQ'],
  ])('with %s details is read', async (_name, details) => {
    const client = await answering(
      ending([], { 'grpc-status': '5', 'grpc-message': 'none', 'grpc-status-details-bin': details }),
    );
    await expect(client.echo(note())).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('none'),
    });
  });

  test.each(['00', '+1', '1.0', '0x1', 'OK', '17', '4294967296'])('%j, which is none, is UNKNOWN', async (status) => {
    const client = await answering(ending(['a'], { 'grpc-status': status }));
    expect(await failure(client.echo(note()))).toMatchObject({ code: 'UNKNOWN' });
  });
});
