/**
 * What other Thrift libraries for Node were seen to do wrong at the level of connections, frames and
 * headers, and we do not. Each name says what happens here instead. (Numbers, map keys and the rest of the
 * values: test/contract/thrift.)
 */
import { createClient } from 'hawser';
import { ApplicationFault, decodeApplicationException, TMessageType, writeMessage } from 'hawser/thrift';
import { afterEach, describe, expect, it } from 'vitest';
import { HeaderMap } from '../../../src/call/headers.js';
import { FrameReader } from '../../../src/transports/thrift/frame-reader.js';
import { defaultLimits } from '../../../src/transports/thrift/limits.js';
import { decodeHeaderFrame, encodeHeaderFrame } from '../../../src/transports/thrift/theader.js';
import { checkServerTls } from '../../../src/transports/tls.js';
import { serverTlsOptions } from '../../../src/transports/tls-context.js';
import { makeCertificates } from '../grpc/certificates.js';
import {
  closeAll,
  closing,
  echoMessage,
  framed,
  RawPeer,
  rawServer,
  readAnswer,
  replyMessage,
  serveParley,
  stillServes,
} from './harness.js';
import { Parley } from './parley.js';

afterEach(closeAll);

const opening = { limits: defaultLimits, zlib: false };

function clientOf(port: number, query = 'wire=binary') {
  const client = createClient(Parley, `thrift://127.0.0.1:${port}?${query}`, { logger: silent });
  closing({ close: () => client.$close() });
  return client;
}

const silent = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

describe('defects that are not ours', () => {
  it('a call whose connection dies is settled, not pending for ever', async () => {
    const { port } = await rawServer(async (peer) => {
      await peer.frame();
      peer.socket.destroy();
    });
    await expect(clientOf(port).echo({ text: '' })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
  });

  it('a call that times out is settled, and the connection still works', async () => {
    const { port } = await rawServer(async (peer) => {
      await peer.frame();
      // The first is never answered.
      const { seqid } = readAnswer(await peer.frame());
      peer.send(framed(replyMessage('late', { seqid: seqid - 1 })), framed(replyMessage('good', { seqid })));
    });
    const client = createClient(Parley, `thrift://127.0.0.1:${port}`, { thrift: { maxConnections: 1 } });
    closing({ close: () => client.$close() });
    const slow = client.echo({ text: 'slow' }, { timeout: 1_000 });
    const behind = client.echo({ text: 'behind' });
    await expect(client.echo({ text: 'quick' }, { timeout: 1 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(await slow).toBe('late');
    expect(await behind).toBe('good');
  });

  it('a struct that is cut short inside a complete frame is answered, not waited for', async () => {
    const served = await serveParley();
    const peer = await RawPeer.connect(served.port);
    peer.send(framed(writeMessage('binary', 'echo', TMessageType.CALL, 1, Buffer.from('0b0001000000ff61', 'hex'))));
    const { type, body } = readAnswer(await peer.frame());
    expect(type).toBe(TMessageType.EXCEPTION);
    expect(decodeApplicationException(body, 'binary').type).toBe(ApplicationFault.PROTOCOL_ERROR);
  });

  it("a reply that is cut short inside a complete frame fails the client's call", async () => {
    const { port } = await rawServer(async (peer) => {
      const { seqid } = readAnswer(await peer.frame());
      peer.send(
        framed(writeMessage('binary', 'echo', TMessageType.REPLY, seqid, Buffer.from('0b0000000000ff61', 'hex'))),
      );
    });
    await expect(clientOf(port).echo({ text: '' })).rejects.toMatchObject({
      code: 'INTERNAL',
      reason: 'RESPONSE_MALFORMED',
    });
  });

  it('an exception has its type on the wire, in field 2', async () => {
    const served = await serveParley();
    const peer = await RawPeer.connect(served.port);
    peer.send(framed(echoMessage('', { name: 'nosuch' })));
    expect(readAnswer(await peer.frame()).body.toString('hex')).toContain('08000200000001');
  });

  it("a handler's own message does not reach the peer; it is logged", async () => {
    const served = await serveParley();
    const error = await clientOf(served.port)
      .fail({ message: 'the password is hunter2' })
      .then(
        () => undefined,
        (reason: Error) => reason,
      );
    expect(error?.message).not.toContain('hunter2');
    expect(served.log.filter((line) => line.level === 'error')).toHaveLength(1);
  });

  it('a handler may take any number of parameters: nothing is guessed from its length', async () => {
    const variadic = async (...args: unknown[]) => (args[0] as { text: string }).text;
    const served = await serveParley({}, { handlers: { echo: variadic as never } });
    expect(await clientOf(served.port).echo({ text: 'wrapped' })).toBe('wrapped');
  });

  it('a result that cannot be encoded is one whole exception, and the next call works', async () => {
    const served = await serveParley({}, { handlers: { add: async () => 2 ** 40 } });
    const client = clientOf(served.port);
    await expect(client.add({ a: 1, b: 2 })).rejects.toMatchObject({ code: 'INTERNAL' });
    expect(await client.echo({ text: 'next' })).toBe('next');
  });

  it('a oneway handler that rejects does not end the process', async () => {
    const rejections: unknown[] = [];
    const listener = (reason: unknown) => rejections.push(reason);
    process.on('unhandledRejection', listener);
    const served = await serveParley();
    const client = clientOf(served.port);
    await client.note({ text: 'fail' });
    await client.note({ text: 'heard' });
    await client.ping({});
    await new Promise((resolve) => setImmediate(resolve));
    process.off('unhandledRejection', listener);
    expect(rejections).toEqual([]);
    expect(served.notes).toEqual(['heard']);
  });

  it('a reply without a result is an RpcError that says so, not a string', async () => {
    const { port } = await rawServer(async (peer) => {
      const { seqid } = readAnswer(await peer.frame());
      peer.send(framed(writeMessage('binary', 'echo', TMessageType.REPLY, seqid, Buffer.of(0))));
    });
    await expect(clientOf(port).echo({ text: '' })).rejects.toThrow(
      /the reply holds neither a result \(string\) nor an error/,
    );
  });

  it("one request's headers never show in the next, however they are pipelined and cut", async () => {
    const served = await serveParley();
    const peer = await RawPeer.connect(served.port);
    const requests = Array.from({ length: 40 }, (_, i) =>
      encodeHeaderFrame(
        {
          protocol: 'binary',
          sequenceId: i,
          zlib: false,
          headers: i % 2 === 0 ? new HeaderMap({ 'idempotency-key': `key ${i}` }) : undefined,
        },
        writeMessage(
          'binary',
          'header',
          TMessageType.CALL,
          i,
          Parley.methods.header.request.encode({ name: 'idempotency-key' }, 'binary'),
        ),
        defaultLimits,
      ),
    );
    const stream = Buffer.concat(requests);
    for (let at = 0; at < stream.length; at += 37) peer.send(stream.subarray(at, at + 37));
    for (let i = 0; i < 40; i++) {
      const { payload } = decodeHeaderFrame(await peer.frame(), opening);
      expect(Parley.methods.header.response.decode(readAnswer(payload).body, 'binary')).toBe(
        i % 2 === 0 ? `key ${i}` : '',
      );
    }
  });

  it('an asynchronous handler is answered in THeader, with headers, in one frame', async () => {
    const served = await serveParley();
    const peer = await RawPeer.connect(served.port);
    const ask = writeMessage(
      'binary',
      'header',
      TMessageType.CALL,
      3,
      Parley.methods.header.request.encode({ name: 'a' }, 'binary'),
    );
    peer.send(
      encodeHeaderFrame({ protocol: 'binary', sequenceId: 3, zlib: false, headers: undefined }, ask, defaultLimits),
    );
    const length = (await peer.bytes(4)).readInt32BE(0);
    const frame = await peer.bytes(length);
    // Directly behind the length, not behind a second one.
    expect(frame.readUInt16BE(0)).toBe(0x0fff);
    expect(decodeHeaderFrame(frame, opening).headers?.get('x-answer')).toBe('to a');
    expect(peer.received.length).toBe(0);
  });

  it('unframed messages are scanned once, not from the start with each chunk', () => {
    const reader = new FrameReader(defaultLimits, 'either');
    const message = echoMessage('x'.repeat(3_000_000));
    let found: Buffer | undefined;
    // In pieces of 16 bytes: from the start each time, this would be 10^11 steps and run into the timeout.
    for (let at = 0; at < message.length; at += 16) {
      reader.push(message.subarray(at, at + 16));
      found ??= reader.next();
    }
    expect(found?.equals(message)).toBe(true);
  });

  it('a client bounds what a server may send', async () => {
    const { port } = await rawServer(async (peer) => {
      await peer.frame();
      peer.send([0x3f, 0xff, 0xff, 0xff]);
    });
    await expect(clientOf(port).echo({ text: '' })).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
  });

  it('nothing is sent again after a reconnect', async () => {
    const seen: string[] = [];
    const { port } = await rawServer(async (peer, index) => {
      for (;;) {
        const message = await peer.frame().catch(() => undefined);
        if (message === undefined) return;
        const { seqid, body } = readAnswer(message);
        seen.push((Parley.methods.echo.request.decode(body, 'binary') as { text: string }).text);
        if (index === 0) peer.socket.destroy();
        else peer.send(framed(replyMessage('ok', { seqid })));
      }
    });
    const client = clientOf(port);
    await expect(client.echo({ text: 'lost' })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    await client.echo({ text: 'second' });
    expect(seen).toEqual(['lost', 'second']);
  });

  it('an unknown service of a multiplexed call is answered, whatever its name', async () => {
    const served = await serveParley();
    const peer = await RawPeer.connect(served.port);
    for (const name of ['Nobody:echo', 'constructor:x', '__proto__:echo', 'hasOwnProperty:x']) {
      peer.send(framed(echoMessage('', { name })));
      const { type, body } = readAnswer(await peer.frame());
      expect(type).toBe(TMessageType.EXCEPTION);
      expect(decodeApplicationException(body, 'binary').type).toBe(ApplicationFault.UNKNOWN_METHOD);
    }
    await stillServes(served.port);
  });

  it('TLS starts at 1.2', () => {
    const { cert, key } = makeCertificates().server;
    expect(() => checkServerTls({ cert, key, requireClientCert: true })).toThrow(/requireClientCert needs tls.ca/);
    expect(serverTlsOptions({ cert, key }).minVersion).toBe('TLSv1.2');
  });
});
