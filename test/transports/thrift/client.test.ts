import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { createClient } from 'hawser';
import { ApplicationFault, encodeApplicationException, TMessageType, writeMessage } from 'hawser/thrift';
import { afterEach, describe, expect, it } from 'vitest';
import { Call } from '../../../src/call/call.js';
import { systemClock } from '../../../src/call/clock.js';
import { HeaderMap } from '../../../src/call/headers.js';
import { RpcError } from '../../../src/call/rpc-error.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { type ThriftTransportOptions, thriftTransport } from '../../../src/transports/thrift/client.js';
import { defaultLimits } from '../../../src/transports/thrift/limits.js';
import { decodeHeaderFrame, encodeHeaderFrame } from '../../../src/transports/thrift/theader.js';
import { runs } from '../../support/soak.js';
import {
  closeAll,
  closing,
  framed,
  type RawPeer,
  rawServer,
  readAnswer,
  replyMessage,
  serveParley,
} from './harness.js';
import { Parley } from './parley.js';

afterEach(closeAll);

function transportTo(port: number, options: Partial<ThriftTransportOptions> = {}) {
  const transport = thriftTransport({ address: `127.0.0.1:${port}`, wire: 'binary', clock: systemClock, ...options });
  closing({ close: () => transport.close(0) });
  return transport;
}

/** One attempt of a call, without a pipeline around it. */
function attempt(
  transport: ReturnType<typeof transportTo>,
  name: keyof typeof Parley.methods,
  args: Record<string, unknown>,
  headers?: HeaderMap,
) {
  const method = Parley.methods[name];
  const call = new Call({
    method,
    side: 'client',
    encoding: transport.encoding,
    request: method.request.encode(args, transport.encoding),
    ...(headers === undefined ? {} : { headers }),
  });
  const response = transport.bind(method)(call) as Promise<Uint8Array>;
  response.catch(() => {});
  const text = response.then((bytes) => method.response.decode(bytes, transport.encoding));
  text.catch(() => {});
  return { call, response, text };
}

/** Answers each echo by `reply`, from the message and its place. */
async function echoServer(reply: (peer: RawPeer, message: Buffer, seqid: number, index: number) => void) {
  let index = 0;
  return rawServer(async (peer) => {
    try {
      for (;;) {
        const message = await peer.frame();
        reply(peer, message, readAnswer(message).seqid, index++);
      }
    } catch {
      // the client is gone
    }
  });
}

async function turn(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setImmediate(resolve));
}

describe('the Thrift client', () => {
  it('settles every pending call when the server hangs up', async () => {
    const { port } = await echoServer((peer, _message, _seqid, index) => {
      if (index === 1) peer.socket.destroy();
    });
    const transport = transportTo(port, { maxConnections: 1 });
    const calls = [attempt(transport, 'echo', { text: 'a' }), attempt(transport, 'echo', { text: 'b' })];
    for (const { response } of calls) {
      await expect(response).rejects.toMatchObject({
        code: 'UNAVAILABLE',
        disposition: 'unknown',
        reason: 'CONNECTION_LOST',
      });
    }
  });

  it('settles them when the server closes only its side', async () => {
    const { port } = await echoServer((peer) => peer.socket.end());
    await expect(attempt(transportTo(port), 'echo', { text: 'a' }).response).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
  });

  it('connects again for the next call', async () => {
    const { port } = await echoServer((peer, _message, seqid, index) => {
      if (index === 0) peer.socket.destroy();
      else peer.send(framed(replyMessage('back', { seqid })));
    });
    const transport = transportTo(port);
    await expect(attempt(transport, 'echo', { text: 'a' }).response).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await attempt(transport, 'echo', { text: 'b' }).text).toBe('back');
  });

  it('says not-executed where nothing was sent: nobody listens', async () => {
    const { port, server } = await rawServer(() => {});
    await new Promise((resolve) => server.close(resolve));
    const clock = new VirtualClock();
    const transport = transportTo(port, { clock, random: { next: () => 0.5 } });
    const first = attempt(transport, 'echo', { text: 'a' }).response;
    await expect(first).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      disposition: 'not-executed',
      reason: 'CONNECT_FAILED',
    });
    await expect(attempt(transport, 'echo', { text: 'b' }).response).rejects.toThrow(
      /ECONNREFUSED.*the next try is in 50 ms/,
    );
    await clock.advance(50);
    await expect(attempt(transport, 'echo', { text: 'c' }).response).rejects.not.toThrow(/next try/);
    await expect(attempt(transport, 'echo', { text: 'd' }).response).rejects.toThrow(/the next try is in 100 ms/);
  });

  it('gives up on a connection that does not open', async () => {
    const clock = new VirtualClock();
    // TLS to a server that never says hello.
    const { port } = await rawServer(() => {});
    const transport = transportTo(port, { clock, tls: {}, connectTimeout: '3s' });
    const { response } = attempt(transport, 'echo', { text: 'a' });
    await turn();
    await clock.advance(3_000);
    await expect(response).rejects.toThrow(
      /cannot connect to 127.0.0.1:\d+: no connection within 3000 ms \(connectTimeout\)/,
    );
    await expect(response).rejects.toMatchObject({ code: 'UNAVAILABLE', disposition: 'not-executed' });
  });

  it('settles an aborted call at once, and drops its answer when it comes', async () => {
    const held: (() => void)[] = [];
    const { port } = await echoServer((peer, _message, seqid, index) => {
      const answer = () => peer.send(framed(replyMessage(`answer ${index}`, { seqid })));
      if (index < 2) held.push(answer);
      else answer();
    });
    const transport = transportTo(port, { maxConnections: 1 });
    const slow = attempt(transport, 'echo', { text: 'slow' });
    const behind = attempt(transport, 'echo', { text: 'behind' });
    await until(() => held.length === 2);
    slow.call.abort(new RpcError('DEADLINE_EXCEEDED', 'too late'));
    await expect(slow.response).rejects.toThrow('too late');
    for (const answer of held) answer();
    expect(await behind.text).toBe('answer 1');
    expect(await attempt(transport, 'echo', { text: 'next' }).text).toBe('answer 2');
  });

  it('gives up a connection on which only answers that nobody wants are outstanding, rather than wait behind them', async () => {
    const { port, peers } = await echoServer((peer, _message, seqid, index) => {
      if (index > 0) peer.send(framed(replyMessage('quick', { seqid })));
    });
    const transport = transportTo(port, { maxConnections: 1 });
    const slow = attempt(transport, 'echo', { text: 'slow' });
    await until(() => peers.length === 1);
    await turn();
    slow.call.abort(new RpcError('CANCELLED', 'enough'));
    expect(await attempt(transport, 'echo', { text: 'next' }).text).toBe('quick');
    expect(peers.length).toBe(2);
    await peers[0]?.gone();
  });

  it('does not send a call that is aborted while it waits for a connection', async () => {
    const seen: number[] = [];
    const { port } = await echoServer((peer, _message, seqid) => {
      seen.push(seqid);
      peer.send(framed(replyMessage('x', { seqid })));
    });
    const transport = transportTo(port, { maxConnections: 1 });
    const first = attempt(transport, 'echo', { text: 'a' });
    first.call.abort(new RpcError('CANCELLED', 'never mind'));
    await expect(first.response).rejects.toThrow('never mind');
    await attempt(transport, 'echo', { text: 'b' }).response;
    expect(seen).toEqual([1]);
  });

  it('uses other connections than the one a slow call is on, up to the limit, and pipelines beyond', async () => {
    const served = await serveParley();
    const transport = transportTo(served.port, { maxConnections: 2 });
    const slow = attempt(transport, 'slow', { text: 'slow' });
    await until(() => served.slow.size === 1);
    for (let i = 0; i < 20; i++) expect(await attempt(transport, 'echo', { text: `${i}` }).text).toBe(`${i}`);
    const many = Array.from({ length: 50 }, (_, i) => attempt(transport, 'echo', { text: `${i}` }));
    await turn();
    served.slow.get('slow')?.();
    expect(await slow.text).toBe('slow');
    expect(await Promise.all(many.map((one) => one.text))).toEqual(many.map((_, i) => `${i}`));
  });

  it('bounds the calls that wait for a connection', async () => {
    const { port } = await rawServer(() => {});
    const transport = transportTo(port, { maxConnections: 1, maxWaiting: 2, limits: { maxInFlight: 1 } });
    attempt(transport, 'echo', { text: '' });
    await turn();
    attempt(transport, 'echo', { text: '' });
    attempt(transport, 'echo', { text: '' });
    await turn();
    const refused = [attempt(transport, 'echo', { text: '' }), attempt(transport, 'echo', { text: '' })];
    await expect(refused[1]?.response).rejects.toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      disposition: 'not-executed',
      reason: 'TOO_MANY_WAITING',
    });
  });

  it('fails the calls that wait when the last connection is lost while no other can be opened', async () => {
    const { port, peers, server } = await rawServer(() => {});
    const clock = new VirtualClock();
    const limits = { maxInFlight: 1 };
    const transport = transportTo(port, { clock, limits, maxConnections: 2 });
    const first = attempt(transport, 'echo', { text: 'first' });
    await until(() => (peers[0]?.received.length ?? 0) > 0);
    await new Promise<void>((resolve) => {
      server.close();
      setImmediate(resolve);
    });
    const second = attempt(transport, 'echo', { text: 'second' });
    for (let refused = false; !refused; ) {
      const third = attempt(transport, 'echo', { text: 'third' });
      const error = await Promise.race([third.response.catch((e) => e), turn()]);
      refused = error === undefined;
      third.call.abort(new RpcError('CANCELLED', 'no more'));
    }
    peers[0]?.socket.destroy();
    await expect(first.response).rejects.toMatchObject({ code: 'UNAVAILABLE', disposition: 'unknown' });
    await expect(second.response).rejects.toMatchObject({ reason: 'CONNECT_FAILED', disposition: 'not-executed' });
  });

  it('finishes a oneway call when the message is out, and never waits for an answer', async () => {
    const served = await serveParley();
    const transport = transportTo(served.port);
    expect(await attempt(transport, 'note', { text: 'one' }).response).toBeUndefined();
    expect(await attempt(transport, 'echo', { text: 'after' }).text).toBe('after');
    expect(served.notes).toEqual(['one']);
  });

  it('refuses to send more than the frame limit', async () => {
    const served = await serveParley();
    const transport = transportTo(served.port, { limits: { maxFrameBytes: 1_000 } });
    await expect(attempt(transport, 'echo', { text: 'x'.repeat(2_000) }).response).rejects.toMatchObject({
      code: 'RESOURCE_EXHAUSTED',
      disposition: 'not-executed',
      reason: 'MESSAGE_TOO_LARGE',
    });
    expect(await attempt(transport, 'echo', { text: 'short' }).text).toBe('short');
  });

  it('refuses to take more than the frame limit', async () => {
    const served = await serveParley();
    const transport = transportTo(served.port, { limits: { maxFrameBytes: 1_000 } });
    const { response } = attempt(transport, 'blob', { size: 2_000 });
    await expect(response).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    await expect(response).rejects.toThrow(/announced with \d+ bytes; a frame has 1 to 1000 \(maxFrameBytes\)/);
  });

  it('gives up an answer that is begun and not finished', async () => {
    const clock = new VirtualClock();
    const { port } = await echoServer((peer, _message, seqid) =>
      peer.send(framed(replyMessage('half', { seqid })).subarray(0, 10)),
    );
    const transport = transportTo(port, { clock });
    const { response } = attempt(transport, 'echo', { text: 'a' });
    // The connect timer goes, the frame's comes.
    await until(() => clock.timers === 0);
    await until(() => clock.timers === 1);
    await clock.advance(10_000);
    await expect(response).rejects.toMatchObject({ code: 'UNAVAILABLE', disposition: 'unknown' });
  });

  it('reports an exception of a foreign server and keeps the connection', async () => {
    const { port, peers } = await echoServer((peer, _message, seqid, index) => {
      const body = encodeApplicationException(
        { message: 'unknown here', type: ApplicationFault.UNKNOWN_METHOD },
        'binary',
      );
      peer.send(
        framed(
          index === 0
            ? writeMessage('binary', 'echo', TMessageType.EXCEPTION, seqid, body)
            : replyMessage('ok', { seqid }),
        ),
      );
    });
    const transport = transportTo(port);
    await expect(attempt(transport, 'echo', { text: '' }).response).rejects.toMatchObject({
      code: 'UNIMPLEMENTED',
      disposition: 'not-executed',
      reason: 'THRIFT_UNKNOWN_METHOD',
    });
    expect(await attempt(transport, 'echo', { text: '' }).text).toBe('ok');
    expect(peers.length).toBe(1);
  });

  describe('ends the call and the connection when the answer', () => {
    it.each([
      ['has another sequence id', (seqid: number) => replyMessage('x', { seqid: seqid + 1 }), 'THRIFT_BAD_SEQUENCE_ID'],
      ['always has sequence id 0', () => replyMessage('x', { seqid: 0 }), 'THRIFT_BAD_SEQUENCE_ID'],
      [
        'is to another method',
        (seqid: number) => replyMessage('x', { seqid, name: 'ehco' }),
        'THRIFT_WRONG_METHOD_NAME',
      ],
      [
        'is a call',
        (seqid: number) => replyMessage('x', { seqid, type: TMessageType.CALL }),
        'THRIFT_INVALID_MESSAGE_TYPE',
      ],
      ['is in compact', (seqid: number) => replyMessage('x', { seqid, protocol: 'compact' }), 'THRIFT_PROTOCOL'],
      ['is no message', () => Buffer.from('nonsense'), 'THRIFT_PROTOCOL'],
      [
        'is an exception that cannot be read',
        (seqid: number) => writeMessage('binary', 'echo', TMessageType.EXCEPTION, seqid, Buffer.of(0x0b)),
        'THRIFT_PROTOCOL',
      ],
    ] as const)('%s', async (_name, reply, reason) => {
      const { port, peers } = await echoServer((peer, _message, seqid, index) =>
        peer.send(framed(index === 0 ? reply(seqid) : replyMessage('good', { seqid }))),
      );
      const transport = transportTo(port);
      await expect(attempt(transport, 'echo', { text: '' }).response).rejects.toMatchObject({
        code: 'INTERNAL',
        disposition: 'unknown',
        reason,
      });
      await peers[0]?.gone();
      expect(await attempt(transport, 'echo', { text: '' }).text).toBe('good');
    });

    it('comes without a question', async () => {
      const { port, peers } = await echoServer((peer, _message, seqid) =>
        peer.send(framed(replyMessage('one', { seqid })), framed(replyMessage('two', { seqid }))),
      );
      const transport = transportTo(port);
      expect(await attempt(transport, 'echo', { text: '' }).text).toBe('one');
      await peers[0]?.gone();
    });

    it('has no name, because the server could not read the question', async () => {
      const { port, peers } = await echoServer((peer) => {
        const body = encodeApplicationException(
          { message: 'what?', type: ApplicationFault.INVALID_TRANSFORM },
          'binary',
        );
        peer.send(framed(writeMessage('binary', '', TMessageType.EXCEPTION, 0, body)));
      });
      const transport = transportTo(port);
      await expect(attempt(transport, 'echo', { text: '' }).response).rejects.toMatchObject({
        code: 'FAILED_PRECONDITION',
        message: 'what?',
      });
      await peers[0]?.gone();
    });
  });

  it('ends with an RpcError, whatever a server sends instead of an answer', async () => {
    let answer = Buffer.alloc(0);
    const { port } = await rawServer(async (peer) => {
      await peer.frame();
      peer.socket.end(answer);
    });
    const transports = (['binary', 'compact', 'header'] as const).map((wire) =>
      transportTo(port, { wire, maxConnections: 1, zlib: wire === 'header' }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...transports),
        fc.oneof(
          fc.uint8Array({ maxLength: 100 }),
          fc.uint8Array({ maxLength: 100 }).map(framed),
          fc
            .uint8Array({ maxLength: 60 })
            .map((body) => framed(writeMessage('binary', 'echo', TMessageType.EXCEPTION, 1, body))),
          fc
            .uint8Array({ maxLength: 60 })
            .map((body) => framed(Buffer.concat([Buffer.from('0fff0000000000010002', 'hex'), body]))),
        ),
        async (transport, bytes) => {
          answer = Buffer.from(bytes);
          await expect(attempt(transport, 'echo', { text: '' }).response).rejects.toBeInstanceOf(RpcError);
        },
      ),
      { numRuns: runs(300) },
    );
  });

  it('does not keep the process alive by connections that are idle', async () => {
    const served = await serveParley();
    const script = `
      import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import fc from 'fast-check';
import { createClient } from 'hawser';
      import { Parley } from ${JSON.stringify(join(import.meta.dirname, 'parley.ts'))};
      const client = createClient(Parley, ${JSON.stringify(`thrift://${served.address}`)});
      console.log(await client.echo({ text: 'and then it ends' }));`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--import', 'tsx', '--conditions=hawser-source', '--input-type=module', '--eval', script],
      { timeout: 15_000, cwd: join(import.meta.dirname, '../../..') },
    );
    expect(stdout.trim()).toBe('and then it ends');
  });

  it('sends headers and what is left of the deadline over THeader, and takes headers back', async () => {
    const requests: HeaderMap[] = [];
    const { port } = await rawServer(async (peer) => {
      const opening = { limits: defaultLimits, zlib: false };
      for (let i = 0; i < 2; i++) {
        const { headers, payload, sequenceId } = decodeHeaderFrame(await peer.frame(), opening);
        requests.push(headers ?? new HeaderMap());
        const answer = i === 0 ? new HeaderMap({ 'x-back': 'yes', 'hawser-status': '0' }) : undefined;
        const message = replyMessage('x', { seqid: readAnswer(payload).seqid });
        peer.send(
          encodeHeaderFrame({ protocol: 'binary', sequenceId, zlib: false, headers: answer }, message, defaultLimits),
        );
      }
    });
    const client = createClient(Parley, `thrift://127.0.0.1:${port}?wire=header`);
    closing({ close: () => client.$close() });
    const first = client.echo(
      { text: '' },
      { headers: { 'x-there': 'a', 'x-raw-bin': Buffer.of(0, 255) }, timeout: '5s' },
    );
    await first;
    expect((await first.headers).toJSON()).toEqual({ 'x-back': 'yes' });
    expect((await first.trailers).get('x-back')).toBe('yes');
    const second = client.echo({ text: '' });
    await second;
    expect((await second.headers).size).toBe(0);
    expect(requests[0]?.get('x-there')).toBe('a');
    expect([...(requests[0]?.getBinary('x-raw-bin') ?? [])]).toEqual([0, 255]);
    expect(requests[0]?.get('grpc-timeout')).toMatch(/^4\d{6}u$|^5000000u$/);
    expect(requests[1]?.has('x-there')).toBe(false);
  });

  it('sees the same error over every wire', async () => {
    const handlers = {
      echo: async () => {
        throw new RpcError('RESOURCE_EXHAUSTED', 'full', { reason: 'QUOTA', metadata: { quota: 'fish' } });
      },
    };
    const served = await serveParley({ unframed: true }, { handlers });
    for (const query of ['wire=binary', 'wire=compact', 'wire=header', 'wire=compact&framing=unframed']) {
      const client = createClient(Parley, `thrift://${served.address}?${query}`);
      closing({ close: () => client.$close() });
      const error = await client.echo({ text: '' }).then(
        () => undefined,
        (reason: RpcError) => reason,
      );
      expect(error).toMatchObject({
        code: 'RESOURCE_EXHAUSTED',
        message: 'full',
        reason: 'QUOTA',
        disposition: 'executed',
      });
      expect(error?.info?.metadata).toEqual({ quota: 'fish' });
    }
  });

  it('closes: calls in flight end within the grace, later ones are refused', async () => {
    const served = await serveParley();
    const transport = transportTo(served.port);
    const { response } = attempt(transport, 'slow', { text: 'a' });
    await until(() => served.slow.size === 1);
    const closed = transport.close(60_000);
    await expect(attempt(transport, 'echo', { text: '' }).response).rejects.toMatchObject({
      code: 'CANCELLED',
      reason: 'CLIENT_CLOSED',
      disposition: 'not-executed',
    });
    served.slow.get('a')?.();
    await response;
    await closed;
  });

  it('closes: calls that are left after the grace are cancelled, and the server hears of it', async () => {
    const served = await serveParley();
    const transport = transportTo(served.port);
    const { response } = attempt(transport, 'slow', { text: 'a' });
    await until(() => served.slow.size === 1);
    await transport.close(5);
    await expect(response).rejects.toMatchObject({ code: 'CANCELLED' });
    await until(() => served.slowCalls.get('a')?.aborted !== undefined);
  });

  it.skipIf(process.platform === 'win32')('closes over a Unix socket while a call is in flight', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
    closing({ close: () => rmSync(folder, { recursive: true, force: true }) });
    const served = await serveParley({}, { listen: `unix:${join(folder, 'thrift.sock')}` });
    const transport = transportTo(0, { address: served.address });
    const { response } = attempt(transport, 'slow', { text: 'x' });
    await until(() => served.slow.has('x'));
    await transport.close(0);
    await expect(response).rejects.toMatchObject({ code: 'CANCELLED', message: 'the client was closed' });
  });

  it('refuses options that cannot be meant', () => {
    const make = (options: Partial<ThriftTransportOptions>) => () =>
      thriftTransport({ address: '127.0.0.1:1', wire: 'binary', ...options });
    expect(make({ address: 'nowhere' })).toThrow(/write host:port or unix:\/path/);
    expect(make({ zlib: true })).toThrow(/zlib is a transform of THeader/);
    expect(make({ wire: 'header', framing: 'unframed' })).toThrow(/wire=header is a frame of its own/);
    expect(make({ maxConnections: 0 })).toThrow(/maxConnections is 0/);
    expect(make({ tls: { ca: 'no pem', cert: 'x', key: 'y' } })).toThrow(/^tls\.ca is without a line "-----BEGIN/);
  });
});
