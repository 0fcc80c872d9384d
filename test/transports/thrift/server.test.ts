import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'hawser';
import { ApplicationFault, decodeApplicationException, TMessageType, writeMessage } from 'hawser/thrift';
import { afterEach, describe, expect, it } from 'vitest';
import { systemClock } from '../../../src/call/clock.js';
import { HeaderMap } from '../../../src/call/headers.js';
import { silentLogger } from '../../../src/call/logger.js';
import { refusals } from '../../../src/call/refusals.js';
import { RpcError } from '../../../src/call/rpc-error.js';
import type { Route } from '../../../src/call/transport.js';
import { defaultLimits } from '../../../src/transports/thrift/limits.js';
import { listenThrift } from '../../../src/transports/thrift/server.js';
import { decodeHeaderFrame, encodeHeaderFrame } from '../../../src/transports/thrift/theader.js';
import { closeAll, closing, echoMessage, framed, RawPeer, readAnswer, serveParley, stillServes } from './harness.js';
import { Parley } from './parley.js';

afterEach(closeAll);

function message(
  name: keyof typeof Parley.methods,
  args: Record<string, unknown>,
  seqid: number,
  type: number = TMessageType.CALL,
) {
  return framed(writeMessage('binary', name, type, seqid, Parley.methods[name].request.encode(args, 'binary')));
}

function withHeaders(headers: HeaderMap | undefined, bytes: Buffer, { sequenceId = 1, zlib = false } = {}): Buffer {
  return encodeHeaderFrame({ protocol: 'binary', sequenceId, zlib, headers }, bytes, defaultLimits);
}

const opening = { limits: defaultLimits, zlib: true };

async function turn(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

async function until(done: () => boolean): Promise<void> {
  while (!done()) await new Promise((resolve) => setImmediate(resolve));
}

describe('the Thrift server', () => {
  it('serves binary and compact, framed and bare, and THeader on one port, and answers in kind', async () => {
    const served = await serveParley();
    for (const protocol of ['binary', 'compact'] as const) {
      const peer = await RawPeer.connect(served.port);
      peer.send(framed(echoMessage('hi', { protocol, seqid: 5 })));
      const frame = await peer.frame();
      const answer = readAnswer(frame, protocol);
      expect(answer).toMatchObject({ name: 'echo', type: TMessageType.REPLY, seqid: 5 });
      expect(Parley.methods.echo.response.decode(answer.body, protocol)).toBe('hi');

      const bare = await RawPeer.connect(served.port);
      bare.send(echoMessage('hi', { protocol, seqid: 5 }));
      expect(readAnswer(await bare.bytes(frame.length), protocol)).toEqual(answer);

      const header = await RawPeer.connect(served.port);
      header.send(
        encodeHeaderFrame(
          { protocol, sequenceId: 9, zlib: false, headers: undefined },
          echoMessage('hi', { protocol, seqid: 9 }),
          defaultLimits,
        ),
      );
      const opened = decodeHeaderFrame(await header.frame(), opening);
      expect(opened).toMatchObject({ protocol, sequenceId: 9, zlib: false });
      expect(readAnswer(opened.payload, protocol)).toMatchObject({ name: 'echo', seqid: 9 });
    }
  });

  it('echoes sequence ids exactly, negative ones too', async () => {
    const served = await serveParley();
    for (const protocol of ['binary', 'compact'] as const) {
      const peer = await RawPeer.connect(served.port);
      for (const seqid of [0, 1, -1, 2147483647, -2147483648]) {
        peer.send(framed(echoMessage('', { seqid, protocol })));
        expect(readAnswer(await peer.frame(), protocol).seqid).toBe(seqid);
      }
    }
  });

  it('answers in the order of the calls when handlers finish in another', async () => {
    const served = await serveParley();
    const peer = await RawPeer.connect(served.port);
    peer.send(
      message('slow', { text: 'a' }, 1),
      message('echo', { text: 'b' }, 2),
      message('slow', { text: 'c' }, 3),
      message('refuse', { why: 'd' }, 4),
    );
    await until(() => served.slow.size === 2);
    served.slow.get('c')?.();
    await turn();
    expect(peer.received.length).toBe(0);
    served.slow.get('a')?.();
    for (const seqid of [1, 2, 3, 4]) expect(readAnswer(await peer.frame()).seqid).toBe(seqid);
  });

  it('gives the bare method name back to a multiplexed call, by the short or the full name of the service', async () => {
    const served = await serveParley({}, { harbour: true });
    const peer = await RawPeer.connect(served.port);
    for (const name of ['Parley:echo', 'parley.Parley:echo', 'Harbour:echo', 'Harbour:nosuch'])
      peer.send(framed(echoMessage('x', { name })));
    const answers = [];
    for (let i = 0; i < 4; i++) answers.push(readAnswer(await peer.frame()));
    expect(answers.map(({ name, type }) => [name, type])).toEqual([
      ['echo', TMessageType.REPLY],
      ['echo', TMessageType.REPLY],
      ['echo', TMessageType.REPLY],
      ['nosuch', TMessageType.EXCEPTION],
    ]);
    expect(Parley.methods.echo.response.decode(answers[2]!.body, 'binary')).toBe('the harbour');
  });

  it('finds a plain name in whichever service has it, and says so when two have', async () => {
    const served = await serveParley({}, { harbour: true });
    const peer = await RawPeer.connect(served.port);
    peer.send(message('add', { a: 1, b: 2 }, 1), framed(echoMessage('x', { seqid: 2 })));
    expect(readAnswer(await peer.frame())).toMatchObject({ type: TMessageType.REPLY, seqid: 1 });
    const error = decodeApplicationException(readAnswer(await peer.frame()).body, 'binary');
    expect(error.type).toBe(ApplicationFault.UNKNOWN_METHOD);
    expect(error.message).toBe(
      'several services have a method echo (parley.Parley, parley.Harbour); call it by a multiplexed name, "Service:echo"',
    );
  });

  it('never answers a oneway message: not a good one, nor a failing, an unknown or a two-way one', async () => {
    const served = await serveParley();
    const peer = await RawPeer.connect(served.port);
    peer.send(
      message('note', { text: 'one' }, 1, TMessageType.ONEWAY),
      message('note', { text: 'fail' }, 2, TMessageType.ONEWAY),
      framed(echoMessage('', { type: TMessageType.ONEWAY, name: 'nosuch' })),
      framed(echoMessage('', { type: TMessageType.ONEWAY })),
      framed(writeMessage('binary', 'note', TMessageType.ONEWAY, 3, Buffer.from([0xff]))),
      // From a client that is older than oneway's own message type.
      message('note', { text: 'two' }, 4, TMessageType.CALL),
      framed(echoMessage('last', { seqid: 5 })),
    );
    expect(readAnswer(await peer.frame()).seqid).toBe(5);
    expect(served.notes).toEqual(['one', 'two']);
    expect(peer.received.length).toBe(0);
  });

  it('lets a half-closed client have its answers, then closes', async () => {
    const served = await serveParley();
    const peer = await RawPeer.connect(served.port);
    peer.socket.end(Buffer.concat([message('slow', { text: 'a' }, 1), framed(echoMessage('b', { seqid: 2 }))]));
    await until(() => served.slow.size === 1);
    await turn();
    expect(served.slowCalls.get('a')?.aborted).toBeUndefined();
    served.slow.get('a')?.();
    expect(readAnswer(await peer.frame()).seqid).toBe(1);
    expect(readAnswer(await peer.frame()).seqid).toBe(2);
    await peer.gone();
  });

  it('refuses what came while its loop stood still, and then closes', async () => {
    const served = await serveParley();
    const peer = await RawPeer.connect(served.port);
    peer.send(framed(echoMessage('before', { seqid: 1 })));
    expect(readAnswer(await peer.frame()).seqid).toBe(1);
    const closed = served.server.close({ grace: '10s' });
    peer.send(framed(echoMessage('late', { seqid: 2 })));
    // The message is there, and the time that the connection stays open is over, when the loop goes on.
    const until = performance.now() + 150;
    while (performance.now() < until);
    const { type, seqid } = readAnswer(await peer.frame());
    expect([type, seqid]).toEqual([TMessageType.EXCEPTION, 2]);
    await peer.gone();
    await closed;
  });

  it('gives a half-closed client only so long', async () => {
    const served = await serveParley({ limits: { halfCloseMs: 20 } });
    const peer = await RawPeer.connect(served.port);
    peer.socket.end(message('slow', { text: 'a' }, 1));
    await peer.gone();
    await until(() => served.slowCalls.get('a')?.aborted?.code === 'CANCELLED');
  });

  it('aborts the calls of a connection that is lost', async () => {
    const served = await serveParley();
    const peer = await RawPeer.connect(served.port);
    peer.send(message('slow', { text: 'a' }, 1), message('slow', { text: 'b' }, 2));
    await until(() => served.slow.size === 2);
    peer.socket.resetAndDestroy();
    const calls = [...served.slowCalls.values()];
    await until(() => calls.every((call) => call.aborted !== undefined));
    expect(calls.map((call) => [call.aborted?.code, call.finished])).toEqual([
      ['CANCELLED', true],
      ['CANCELLED', true],
    ]);
    served.slow.get('a')?.();
    await stillServes(served.port);
  });

  it('reads no further while as many calls are in flight as the limit says', async () => {
    const served = await serveParley({ limits: { maxInFlight: 2 } });
    const peer = await RawPeer.connect(served.port);
    for (let i = 0; i < 5; i++) peer.send(message('slow', { text: `${i}` }, i));
    await until(() => served.slow.size === 2);
    await turn();
    expect([...served.slow.keys()]).toEqual(['0', '1']);
    for (let i = 0; i < 5; i++) {
      await until(() => served.slow.has(`${i}`));
      served.slow.get(`${i}`)?.();
      expect(readAnswer(await peer.frame()).seqid).toBe(i);
    }
  });

  it('counts oneway calls too', async () => {
    let running = 0;
    let most = 0;
    const handlers = {
      note: async () => {
        most = Math.max(most, ++running);
        await turn();
        running--;
      },
    };
    const served = await serveParley({ limits: { maxInFlight: 4 } }, { handlers });
    const peer = await RawPeer.connect(served.port);
    peer.send(
      ...Array.from({ length: 100 }, (_, i) => message('note', { text: '' }, i, TMessageType.ONEWAY)),
      framed(echoMessage('end', { seqid: 7 })),
    );
    expect(readAnswer(await peer.frame()).seqid).toBe(7);
    expect(most).toBe(4);
  });

  it('keeps little for a client that asks and does not read', async () => {
    let answered = 0;
    const handlers = {
      blob: async () => {
        answered++;
        return Buffer.alloc(200_000);
      },
    };
    const served = await serveParley({}, { handlers });
    const peer = await RawPeer.connect(served.port);
    peer.socket.pause();
    for (let i = 0; i < 600; i++) peer.send(message('blob', { size: 0 }, i));
    let before = -1;
    // Until it stands still.
    while (answered !== before) {
      before = answered;
      for (let i = 0; i < 50; i++) await turn();
    }
    // What the sockets' own buffers hold, and what was in flight when the output was found full.
    expect(answered).toBeLessThan(300);
    await stillServes(served.port);
    peer.socket.resume();
    for (let i = 0; i < 600; i++) await peer.frame();
    expect(answered).toBe(600);
    expect(served.server.admission()).toMatchObject({ refused: 0 });
  }, 60_000);

  it('gives up a connection whose answers pile up over the limit', async () => {
    const before = refusals('OUTPUT_UNREAD');
    const served = await serveParley({ limits: { maxOutputBytes: 500_000 } });
    const peer = await RawPeer.connect(served.port);
    peer.send(
      message('slow', { text: 'first' }, 0),
      ...Array.from({ length: 10 }, (_, i) => message('blob', { size: 100_000 }, i + 1)),
    );
    await peer.gone();
    expect(served.log.map((line) => line.message).join()).toMatch(
      /wait for a peer that does not read; the limit is 500000 \(maxOutputBytes\)/,
    );
    expect(refusals('OUTPUT_UNREAD')).toBe(before + 1);
  });

  it('answers with an error when a reply is over the frame limit', async () => {
    const served = await serveParley({ limits: { maxFrameBytes: 10_000 } });
    const peer = await RawPeer.connect(served.port);
    peer.send(message('blob', { size: 20_000 }, 1), framed(echoMessage('next', { seqid: 2 })));
    const error = decodeApplicationException(readAnswer(await peer.frame()).body, 'binary');
    expect(error).toMatchObject({ type: ApplicationFault.INTERNAL_ERROR, code: 8, disposition: 'executed' });
    expect(error.message).toMatch(/the limit is 10000 \(maxFrameBytes\)/);
    expect(readAnswer(await peer.frame()).seqid).toBe(2);
  });
});

describe('THeader on the server', () => {
  it('hands a call its own headers, and never those of the call before it', async () => {
    const served = await serveParley();
    const peer = await RawPeer.connect(served.port);
    const ask = (seqid: number) =>
      writeMessage(
        'binary',
        'header',
        TMessageType.CALL,
        seqid,
        Parley.methods.header.request.encode({ name: 'idempotency-key' }, 'binary'),
      );
    peer.send(
      withHeaders(new HeaderMap({ 'idempotency-key': 'first' }), ask(1)),
      withHeaders(undefined, ask(2)),
      withHeaders(new HeaderMap({ 'idempotency-key': 'third' }), ask(3)),
    );
    const answers = [];
    for (let i = 0; i < 3; i++) {
      const { payload, headers } = decodeHeaderFrame(await peer.frame(), opening);
      answers.push([Parley.methods.header.response.decode(readAnswer(payload).body, 'binary'), headers?.toJSON()]);
    }
    const answer = { 'x-answer': 'to idempotency-key', 'x-correlation-id': expect.any(String) };
    expect(answers).toEqual([
      ['first', answer],
      ['', answer],
      ['third', answer],
    ]);
  });

  it('keeps the response headers of one call out of the next answer', async () => {
    const served = await serveParley();
    const peer = await RawPeer.connect(served.port);
    peer.send(
      withHeaders(
        undefined,
        writeMessage(
          'binary',
          'header',
          TMessageType.CALL,
          1,
          Parley.methods.header.request.encode({ name: 'x' }, 'binary'),
        ),
      ),
      withHeaders(undefined, echoMessage('plain', { seqid: 2 })),
    );
    const names = async () => [...(decodeHeaderFrame(await peer.frame(), opening).headers ?? [])].map(([name]) => name);
    expect(await names()).toEqual(['x-correlation-id', 'x-answer']);
    expect(await names()).toEqual(['x-correlation-id']);
  });

  it('answers compressed calls compressed, and plain ones plain, on one connection', async () => {
    const served = await serveParley({ zlib: true });
    const peer = await RawPeer.connect(served.port);
    peer.send(withHeaders(undefined, echoMessage('a'), { zlib: true }), withHeaders(undefined, echoMessage('b')));
    expect(decodeHeaderFrame(await peer.frame(), opening).zlib).toBe(true);
    expect(decodeHeaderFrame(await peer.frame(), opening).zlib).toBe(false);
  });

  it('refuses a grpc-timeout that is malformed, and makes a deadline of one that is not', async () => {
    let remaining: number | undefined;
    const served = await serveParley(
      {},
      {
        handlers: {
          ping: async (_request, call) => {
            remaining = call.deadline?.remaining();
          },
        },
      },
    );
    const ping = writeMessage('binary', 'ping', TMessageType.CALL, 1, Buffer.of(0));
    const peer = await RawPeer.connect(served.port);
    const malformed = ['soon', '1', '-1m', '123456789m', '1 m', '', '5x', '1.5S', '+5m', ' 5m', '5m ', '5mm', '0x5m'];
    const frames = [...malformed, ['5S', '5S'], ['5S', '']].map((timeout) =>
      withHeaders(new HeaderMap({ 'grpc-timeout': timeout }), ping),
    );
    // Bytes that no header of a call may hold.
    const bytes = withHeaders(new HeaderMap({ 'grpc-timeout': '12345S' }), ping);
    bytes.writeUInt8(7, bytes.indexOf('12345S') + 2);
    for (const frame of [...frames, bytes]) {
      peer.send(frame);
      const { payload, headers } = decodeHeaderFrame(await peer.frame(), opening);
      expect(decodeApplicationException(readAnswer(payload).body, 'binary')).toMatchObject({
        type: ApplicationFault.PROTOCOL_ERROR,
        code: 3,
        disposition: 'not-executed',
      });
      expect(headers?.get('hawser-status')).toBe('3');
      expect(headers?.get('hawser-disposition')).toBe('not-executed');
    }
    expect(remaining).toBeUndefined();
    peer.send(withHeaders(new HeaderMap({ 'grpc-timeout': '70S' }), ping));
    expect(readAnswer(decodeHeaderFrame(await peer.frame(), opening).payload).type).toBe(TMessageType.REPLY);
    expect(remaining).toBeGreaterThan(35_000);
    expect(remaining).toBeLessThanOrEqual(70_000);
  });

  it('refuses a call whose time is up', async () => {
    const served = await serveParley();
    const peer = await RawPeer.connect(served.port);
    peer.send(withHeaders(new HeaderMap({ 'grpc-timeout': '0m' }), echoMessage('late')));
    const { payload } = decodeHeaderFrame(await peer.frame(), opening);
    expect(decodeApplicationException(readAnswer(payload).body, 'binary').code).toBe(4);
  });
});

describe('closing the Thrift server', () => {
  it('answers what is in flight, refuses what comes after as not executed, and then is gone', async () => {
    const served = await serveParley();
    const peer = await RawPeer.connect(served.port);
    const idle = await RawPeer.connect(served.port);
    peer.send(message('slow', { text: 'a' }, 1));
    await until(() => served.slow.size === 1);
    let closed = false;
    const closingServer = served.server.close({ grace: 60_000 }).then(() => {
      closed = true;
    });
    await idle.gone();
    idle.close();
    peer.send(framed(echoMessage('late', { seqid: 2 })));
    await turn();
    expect(closed).toBe(false);
    served.slow.get('a')?.();
    expect(readAnswer(await peer.frame())).toMatchObject({ seqid: 1, type: TMessageType.REPLY });
    const refused = readAnswer(await peer.frame());
    expect(decodeApplicationException(refused.body, 'binary')).toMatchObject({ code: 14, disposition: 'not-executed' });
    await peer.gone();
    await closingServer;
    await expect(RawPeer.connect(served.port)).rejects.toThrow('ECONNREFUSED');
  });

  it('aborts what is still in flight when the grace is over', async () => {
    const served = await serveParley();
    const peer = await RawPeer.connect(served.port);
    peer.send(message('slow', { text: 'a' }, 1));
    await until(() => served.slow.size === 1);
    await served.server.close({ grace: 10 });
    await peer.gone();
    expect(served.slowCalls.get('a')?.aborted?.code).toBe('UNAVAILABLE');
    const answer = readAnswer(await peer.frame());
    expect(decodeApplicationException(answer.body, 'binary')).toMatchObject({ code: 14 });
  });

  it('does not wait for a client that does not read', async () => {
    const served = await serveParley();
    const peer = await RawPeer.connect(served.port);
    peer.socket.pause();
    for (let i = 0; i < 100; i++) peer.send(message('blob', { size: 1_000_000 }, i));
    await turn();
    await served.server.close({ grace: 10 });
  });
});

describe('listening for Thrift', () => {
  it('says in a sentence why an address cannot be had', async () => {
    const served = await serveParley();
    const other = () => createServer({ logger: silentLogger });
    await expect(other().listen({ thrift: served.address })).rejects.toThrow(
      `cannot serve Thrift on ${served.address}: another server listens there already; stop it, or use another address (port 0 finds a free port) (EADDRINUSE)`,
    );
    await expect(other().listen({ thrift: 'nowhere' })).rejects.toThrow('write host:port (port 0');
    await expect(other().listen({ thrift: '127.0.0.1:70000' })).rejects.toThrow('a port is 0 to 65535');
    await expect(other().listen({ thrift: '192.0.2.1:0' })).rejects.toThrow(/this machine has no such address/);
  });

  it('serves on a unix socket', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
    closing({ close: () => rmSync(folder, { recursive: true, force: true }) });
    const address = `unix:${join(folder, 'thrift.sock')}`;
    const served = await serveParley({}, { listen: address });
    expect(served.address).toBe(address);
    await expect(createServer({ logger: silentLogger }).listen({ thrift: address })).rejects.toThrow(
      /another server listens there already; stop it/,
    );
  });
});

describe('a listener', () => {
  it('takes over the socket file of a server that died', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hawser-'));
    closing({ close: () => rmSync(folder, { recursive: true, force: true }) });
    const path = join(folder, 'thrift.sock');
    const script = `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`;
    spawnSync(process.execPath, ['-e', script]);
    expect(existsSync(path)).toBe(true);
    await serveParley({}, { listen: `unix:${path}` });
  });

  it('serves on every interface when no host is named', async () => {
    const served = await serveParley({}, { listen: ':0' });
    await stillServes(served.port);
  });
});

describe('a pipeline that breaks its own rules', () => {
  async function listening(handle: Route['handle']) {
    const route: Route = { method: Parley.methods.echo, handle, failed: (_, error) => error };
    const listener = await listenThrift(
      {
        services: [Parley as never],
        find: (path) => (path === '/parley.Parley/echo' ? route : undefined),
        logger: silentLogger,
        clock: systemClock,
      },
      { address: '127.0.0.1:0' },
    );
    closing({ close: () => listener.close(0) });
    return RawPeer.connect(Number(listener.address.split(':')[1]));
  }

  it.each([
    [
      'throws before its first await',
      () => {
        throw new Error('secret');
      },
    ],
    [
      'rejects with something that is no RpcError',
      async () => {
        throw new Error('secret');
      },
    ],
    ['resolves to something that is not bytes', async () => 'secret'],
  ])('and %s costs the call, not the connection', async (_name, handle) => {
    const peer = await listening(handle as Route['handle']);
    peer.send(framed(echoMessage('x', { seqid: 3 })), framed(echoMessage('y', { seqid: 4 })));
    for (const seqid of [3, 4]) {
      const answer = readAnswer(await peer.frame());
      expect(answer).toMatchObject({ type: TMessageType.EXCEPTION, seqid });
      expect(decodeApplicationException(answer.body, 'binary')).toMatchObject({
        type: ApplicationFault.INTERNAL_ERROR,
        message: 'the server failed',
      });
    }
  });

  it('carries an RpcError whole', async () => {
    const peer = await listening(async () => {
      throw new RpcError('NOT_FOUND', 'no such fish', { reason: 'NO_FISH', disposition: 'executed' });
    });
    peer.send(framed(echoMessage('x')));
    const error = decodeApplicationException(readAnswer(await peer.frame()).body, 'binary');
    expect(error).toMatchObject({
      type: ApplicationFault.INTERNAL_ERROR,
      code: 5,
      message: 'no such fish',
      disposition: 'executed',
    });
  });
});
