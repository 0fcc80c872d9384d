import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ErrorCode } from '../../src/http2/error-code.js';
import { runs } from '../support/soak.js';
import { Answer, Echo, request, requestFields, sendHead, talk } from './talk.js';

const pattern = (length: number, seed: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (i * 7 + seed) & 0xff);

describe('messages over a connection', () => {
  it('come whole, whatever their sizes and wherever the bytes are cut', () => {
    const sizes = fc.array(fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 200_000 })), {
      minLength: 1,
      maxLength: 12,
    });
    const cuts = fc.array(fc.integer({ min: 1, max: 30_000 }), { minLength: 1, maxLength: 20 });
    fc.assert(
      fc.property(sizes, cuts, (lengths, pieces) => {
        let turn = 0;
        // Time stands still, and an echo of bytes that come three by three is a flood of tiny frames.
        const calm = { nuisancePerSecond: Number.POSITIVE_INFINITY };
        const cut = (): number => pieces[turn++ % pieces.length] as number;
        const { loop, client, server } = talk({ cut, clientLimits: calm, serverLimits: calm });
        const calls = lengths.map((length, i) => request(client, pattern(length, i)));
        loop.settle();
        calls.forEach(({ answer }, i) => {
          expect(answer.status).toBe(200);
          expect(answer.ended).toBe(true);
          expect(Buffer.concat(answer.chunks).equals(pattern(lengths[i] as number, i))).toBe(true);
        });
        expect([client.size, server.size, client.unsent, server.unsent]).toEqual([0, 0, 0, 0]);
      }),
      { numRuns: runs(12) },
    );
  });

  it('of one turn leave in one write, both ways', () => {
    const { loop, client, clientPipe, serverPipe } = talk();
    const before = [clientPipe.writes, serverPipe.writes];
    for (let i = 0; i < 50; i++) request(client, pattern(100, i));
    loop.settle();
    expect([clientPipe.writes - (before[0] as number), serverPipe.writes - (before[1] as number)]).toEqual([1, 1]);
  });

  it('come one byte at a time, too', () => {
    const { loop, client } = talk({ cut: () => 1 });
    const { answer } = request(client, pattern(3_000, 1));
    loop.settle();
    expect(Buffer.concat(answer.chunks).equals(pattern(3_000, 1))).toBe(true);
  });

  it('may have trailers, and a head may be larger than a frame', () => {
    const long = 'v'.repeat(40_000);
    const { loop, client } = talk({
      server: {
        accept(stream, headers) {
          sendHead(stream, [
            [':status', '200'],
            ['x-long', headers.get('x-long') ?? ''],
          ]);
          stream.finish({ maxBytes: 100, write: (encoder, bytes, at) => encoder.field(bytes, at, 'x-end', 'well') });
          return new Echo();
        },
      },
    });
    const answer = new Answer();
    const stream = client.open(answer);
    if (stream === undefined) throw new Error('no stream');
    let got: string | undefined;
    answer.head = (_stream, headers) => {
      got = headers.get('x-long');
    };
    sendHead(stream, [...requestFields, ['x-long', long]], true);
    loop.settle();
    expect(got).toBe(long);
    expect(answer.trailers?.get('x-end')).toBe('well');
  });
});

describe('windows', () => {
  it('let a peer send as much as is not read, and the rest when it is', () => {
    const { loop, client } = talk({ clientLimits: { streamWindow: 100_000 } });
    const answer = new Answer();
    answer.reads = false;
    const { stream } = request(client, pattern(500_000, 1), answer);
    loop.settle();
    expect(answer.bytes).toBe(100_000);
    stream.consume(60_000);
    loop.settle();
    expect(answer.bytes).toBe(160_000);
    answer.reads = true;
    stream.consume(100_000);
    loop.settle();
    expect(answer.bytes).toBe(500_000);
    expect(answer.ended).toBe(true);
  });

  it('of streams that nobody reads hold up no other stream until they hold half of the connection', () => {
    const { loop, client } = talk({ clientLimits: { streamWindow: 1 << 20, connectionWindow: 1 << 24 } });
    for (let i = 0; i < 7; i++) {
      const answer = new Answer();
      answer.reads = false;
      request(client, pattern(2 << 20, i), answer);
    }
    loop.settle();
    const { answer } = request(client, pattern(5 << 20, 9));
    loop.settle();
    expect(answer.bytes).toBe(5 << 20);
  });

  it('are given back for streams that are reset before they are read', () => {
    const { loop, client } = talk({ clientLimits: { streamWindow: 1 << 16, connectionWindow: 1 << 18 } });
    for (let i = 0; i < 100; i++) {
      const answer = new Answer();
      answer.reads = false;
      const { stream } = request(client, pattern(1 << 17, i), answer);
      loop.settle();
      stream.reset(ErrorCode.CANCEL);
      loop.settle();
    }
    const { answer } = request(client, pattern(1 << 18, 9));
    loop.settle();
    expect(answer.bytes).toBe(1 << 18);
  });

  it('make streams take turns', () => {
    const order: number[] = [];
    const { loop, client } = talk();
    for (let i = 0; i < 4; i++) {
      const answer = new Answer();
      const data = answer.data.bind(answer);
      answer.data = (stream, bytes, from, to) => {
        if (order.at(-1) !== i) order.push(i);
        data(stream, bytes, from, to);
      };
      request(client, pattern(1 << 20, i), answer);
    }
    loop.settle();
    // The first two fill the outbox; from there on it goes round.
    expect(order.slice(2, 14)).toEqual([0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3]);
  });

  it('tell a sender to wait, and when to go on', () => {
    const { loop, client } = talk();
    const { stream, answer } = request(client);
    let sent = 0;
    while (stream.send(pattern(10_000, 1))) sent++;
    expect(sent).toBeLessThan(100);
    expect(answer.writables).toBe(0);
    loop.settle();
    expect(answer.writables).toBe(1);
    stream.finish();
    loop.settle();
    expect(answer.bytes).toBe((sent + 1) * 10_000);
  });
});

describe('the life of a connection', () => {
  it('has as many streams as the server allows, and says when there is room', () => {
    let rooms = 0;
    const { loop, client } = talk({
      serverLimits: { maxConcurrentStreams: 3 },
      client: { room: () => void rooms++ },
    });
    const open = [request(client), request(client), request(client)];
    expect(client.open(new Answer())).toBeUndefined();
    open[0]?.stream.finish();
    loop.settle();
    expect(rooms).toBe(1);
    expect(client.available).toBe(1);
  });

  it('drains without losing a request that was on its way, and refuses the ones after', () => {
    const { loop, client, server, closed } = talk();
    const early = request(client);
    loop.settle();
    server.drain();
    // Sent before the client has heard of it.
    const crossing = request(client, pattern(10, 1));
    loop.settle();
    expect(crossing.answer.bytes).toBe(10);
    expect(client.available).toBe(0);
    expect(closed).toEqual({});
    early.stream.send(pattern(5, 1));
    early.stream.finish();
    loop.settle();
    expect(early.answer.bytes).toBe(5);
    expect(closed).toEqual({ client: 'well', server: 'well' });
  });

  it('ends with the last stream when the client closes it', () => {
    const { loop, client, closed } = talk();
    const { stream, answer } = request(client);
    loop.settle();
    client.drain();
    loop.settle();
    expect(closed).toEqual({});
    stream.finish();
    loop.settle();
    expect(answer.ended).toBe(true);
    expect(closed).toEqual({ client: 'well', server: 'well' });
  });

  it('tells every stream when the pipe is lost', () => {
    const { loop, client, clientPipe } = talk();
    const { answer } = request(client);
    loop.settle();
    clientPipe.destroy(new Error('cable'));
    loop.settle();
    expect(answer.failure).toMatchObject({ by: 'connection', message: 'cable', unprocessed: false });
  });

  it('leaves no timer behind', () => {
    const { loop, client, closed } = talk({ keepalive: { time: 1_000, timeout: 100 } });
    request(client, pattern(10, 1));
    loop.settle();
    client.drain();
    loop.pass(5_000);
    expect(closed).toEqual({ client: 'well', server: 'well' });
    expect(loop.timers).toBe(0);
  });

  it('survives a receiver that throws, but for the connection that it is on', () => {
    const { loop, client, closed } = talk({
      server: {
        accept: () => {
          throw new Error('a fault of ours');
        },
      },
    });
    const { answer } = request(client, pattern(10, 1));
    loop.settle();
    expect(closed.server).toMatchObject({ message: 'a fault of ours' });
    expect(answer.failure).toMatchObject({ by: 'connection' });
  });
});

describe('keepalive', () => {
  const terms = { time: 10_000, timeout: 1_000 };

  it('finds a silent peer within time and timeout though calls begin and end meanwhile', () => {
    const { loop, client, clientPipe, closed } = talk({ keepalive: terms });
    request(client, pattern(10, 1));
    loop.settle();
    // From now on nothing arrives anywhere.
    clientPipe.stuck = true;
    const start = loop.now();
    while (closed.client === undefined && loop.now() - start < 60_000) {
      const { stream } = request(client, pattern(10, 1));
      loop.pass(900);
      stream.reset(ErrorCode.CANCEL);
      loop.pass(100);
    }
    expect(closed.client).toMatchObject({ message: expect.stringContaining('PING') });
    // What came last is noticed a sixteenth of `time` late at most; the loop above looks once a second.
    expect(loop.now() - start).toBeLessThanOrEqual(terms.time * (17 / 16) + terms.timeout + 1_000);
  });

  it('sends nothing while no stream is open, and nothing to a peer that talks', () => {
    const { loop, client, clientPipe } = talk({ keepalive: terms });
    const { stream } = request(client);
    for (let i = 0; i < 60; i++) {
      stream.send(pattern(10, i));
      loop.pass(2_000);
    }
    stream.finish();
    loop.settle();
    const { sent } = clientPipe;
    loop.pass(600_000);
    expect(clientPipe.sent).toBe(sent);
  });

  it('of a server finds a client that is gone, with a call or without', () => {
    const { loop, serverPipe, closed } = talk({ serverKeepalive: terms });
    loop.pass(600_000);
    expect(closed).toEqual({});
    serverPipe.stuck = true;
    loop.pass(terms.time * (17 / 16) + terms.timeout + 1);
    expect(closed.server).toMatchObject({ message: expect.stringContaining('PING') });
  });

  it('is content with an answer', () => {
    const { loop, client, closed } = talk({ keepalive: terms });
    request(client);
    loop.pass(600_000);
    expect(closed).toEqual({});
    expect(client.size).toBe(1);
  });
});
