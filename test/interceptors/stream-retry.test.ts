import {
  type AttemptEvent,
  type ClientOptions,
  type Handlers,
  type RetryEvent,
  RpcError,
  type ServerCall,
} from 'hawser';
import { describe, expect, it } from 'vitest';
import { replayLimit } from '../../src/interceptors/replay.js';
import { type Echo, type Note, note } from '../support/echo.js';
import { rejection, scripted } from '../support/scripted.js';

const may = { idempotency: 'NO_SIDE_EFFECTS' } as const;
const options: ClientOptions = {
  methods: { repeat: may, collect: may, chat: may },
  retry: { initialBackoff: 10, maxBackoff: 10 },
};
const down = () => new RpcError('UNAVAILABLE', 'not now');

async function read(stream: AsyncIterable<Note>): Promise<{ counts: number[]; error: RpcError | undefined }> {
  const counts: number[] = [];
  try {
    for await (const { count } of stream) counts.push(count);
  } catch (error) {
    return { counts, error: error as RpcError };
  }
  return { counts, error: undefined };
}

/** Streams whose first attempts do as the test says. */
async function streaming(
  first: (attempt: number, call: ServerCall) => void,
  more: Partial<Handlers<typeof Echo>> = {},
) {
  let attempts = 0;
  const seen: (string | undefined)[] = [];
  const begin = (call: ServerCall): number => {
    attempts += 1;
    seen.push(call.headers.get('grpc-previous-rpc-attempts'));
    first(attempts, call);
    return attempts;
  };
  const setup = await scripted({
    client: options,
    handlers: {
      async *repeat(request, call) {
        begin(call);
        for (let i = 0; i < request.count; i++) yield note(request.text, i);
      },
      async collect(requests, call) {
        let count = 0;
        for await (const one of requests) {
          count += one.count;
          if (one.text === 'fail here') begin(call);
        }
        return note('sum', count);
      },
      ...more,
    },
  });
  return { ...setup, attempts: () => attempts, seen };
}

describe('a stream of responses', () => {
  it('is begun again while the server has said nothing', async () => {
    const { client, clock, seen } = await streaming((n) => {
      if (n < 3) throw down();
    });
    const stream = client.repeat(note('x', 3));
    expect(await clock.runUntil(read(stream))).toEqual({ counts: [0, 1, 2], error: undefined });
    expect(stream.attempts).toBe(3);
    expect(seen).toEqual([undefined, '1', '2']);
    expect(clock.timers).toBe(0);
  });

  it('is begun again before anybody reads it', async () => {
    const { client, clock, attempts } = await streaming((n) => {
      if (n < 2) throw down();
    });
    const stream = client.repeat(note('x', 3));
    await clock.advance(20);
    expect(attempts()).toBe(2);
    expect((await clock.runUntil(read(stream))).counts).toHaveLength(3);
  });

  it('is never begun again once a message came', async () => {
    const { client, clock, attempts } = await streaming(() => {}, {
      async *repeat() {
        yield note('x', 7);
        throw down();
      },
    });
    expect(await clock.runUntil(read(client.repeat(note('x', 3))))).toMatchObject({
      counts: [7],
      error: { code: 'UNAVAILABLE' },
    });
    expect(attempts()).toBe(0);
  });

  it('is never begun again once headers came', async () => {
    const { client, clock, attempts } = await streaming((_n, call) => {
      call.responseHeaders.set('x-began', '1');
      throw down();
    });
    const stream = client.repeat(note('x', 3));
    expect(await clock.runUntil(read(stream))).toMatchObject({ counts: [], error: { code: 'UNAVAILABLE' } });
    expect(attempts()).toBe(1);
    expect((await stream.headers).get('x-began')).toBe('1');
  });

  it('gives its headers, trailers and peer, also of the last attempt', async () => {
    const { client, clock } = await streaming((n, call) => {
      call.responseTrailers.set('x-attempt', String(n));
      if (n < 2) throw down();
      call.responseHeaders.set('x-began', String(n));
    });
    const stream = client.repeat(note('x', 2));
    await clock.runUntil(read(stream));
    expect((await stream.headers).get('x-began')).toBe('2');
    expect((await stream.trailers).get('x-attempt')).toBe('2');
    expect(stream.peer.address).toBe('a');
  });

  it('ends with the error of its last attempt, and gives its trailers', async () => {
    const { client, clock } = await streaming((n, call) => {
      call.responseTrailers.set('x-attempt', String(n));
      throw down();
    });
    const stream = client.repeat(note('x', 2));
    expect((await clock.runUntil(read(stream))).error).toMatchObject({ code: 'UNAVAILABLE' });
    expect((await stream.trailers).get('x-attempt')).toBe('3');
  });

  it('is cancelled at the server once by a reader who stops, whatever the attempt', async () => {
    let aborts = 0;
    const { client, clock } = await streaming((n, call) => {
      if (n < 2) throw down();
      call.signal.addEventListener('abort', () => {
        aborts += 1;
      });
    });
    const stream = client.repeat(note('x', 1e9));
    await clock.runUntil(stream.next());
    await stream.return();
    await clock.settle();
    expect(aborts).toBe(1);
    expect(clock.timers).toBe(0);
  });

  it('waits for nothing when it is stopped between two attempts', async () => {
    const { client, clock, attempts } = await streaming(() => {
      throw down();
    });
    const stream = client.repeat(note('x', 1));
    await clock.settle();
    await stream.return();
    expect(await stream.next()).toEqual({ done: true, value: undefined });
    expect(clock.timers).toBe(0);
    expect(attempts()).toBe(1);
  });

  it('tells of its attempts', async () => {
    const { client, clock } = await streaming((n) => {
      if (n < 2) throw down();
    });
    const told: string[] = [];
    client.$on('attempt', (event: AttemptEvent) => told.push(`attempt ${event.attempt} ${event.code}`));
    client.$on('retry', (event: RetryEvent) => told.push(`retry as ${event.attempt}`));
    await clock.runUntil(read(client.repeat(note('x', 1))));
    expect(told).toEqual(['attempt 1 UNAVAILABLE', 'retry as 2', 'attempt 2 OK']);
  });
});

describe('a stream of requests', () => {
  /** Requests of a caller who reuses one object, as some do. */
  async function* reused(count: number, fail: number): AsyncGenerator<Note> {
    const one = { text: '', count: 1 };
    for (let i = 0; i < count; i++) {
      one.text = i === fail ? 'fail here' : `n${i}`;
      one.count = i;
      yield one;
    }
  }

  it('is sent again from its beginning, as it was the first time', async () => {
    const { client, clock, attempts } = await streaming((n) => {
      if (n < 3) throw down();
    });
    const call = client.collect(reused(10, 5));
    expect((await clock.runUntil(call)).count).toBe(45);
    expect(attempts()).toBe(3);
    expect(call.attempts).toBe(3);
    expect(clock.timers).toBe(0);
  });

  it('loses no message that was asked for while an attempt ended', async () => {
    // Every place of the failure, with a source that takes its time.
    for (let fail = 0; fail < 8; fail++) {
      const setup = await streaming((n) => {
        if (n < 3) throw down();
      });
      const slow = (async function* () {
        for await (const one of reused(8, fail)) {
          await setup.clock.sleep(fail === 3 ? 11 : 4);
          yield one;
        }
      })();
      expect((await setup.clock.runUntil(setup.client.collect(slow))).count).toBe(28);
    }
  });

  it('is not sent again when it outgrew what is kept of it', async () => {
    const { client, clock, attempts } = await streaming(() => {
      throw down();
    });
    const big = 'x'.repeat(replayLimit / 4);
    const requests = [note(big), note(big), note(big), note(big), note('fail here')];
    expect(await clock.runUntil(rejection(client.collect(requests)))).toMatchObject({ code: 'UNAVAILABLE' });
    expect(attempts()).toBe(1);
  });

  it('goes through whole when it is longer than what is kept and nothing fails', async () => {
    const { client, clock } = await streaming(() => {});
    const big = 'x'.repeat(replayLimit / 4);
    const many = Array.from({ length: 12 }, (_, i) => note(big, i));
    expect((await clock.runUntil(client.collect(many))).count).toBe(66);
  });

  it('tells the caller its iterator is done with, once, when the call has ended before it', async () => {
    let closed = 0;
    const { client, clock } = await streaming(() => {}, {
      collect: () => {
        throw new RpcError('NOT_FOUND', 'no');
      },
    });
    const requests = (async function* () {
      try {
        for (let i = 0; ; i++) {
          yield note('n', i);
          await clock.sleep(1);
        }
      } finally {
        closed += 1;
      }
    })();
    await clock.runUntil(rejection(client.collect(requests)));
    await clock.advance(10);
    expect(closed).toBe(1);
    expect(clock.timers).toBe(0);
  });

  it('fails with what its source threw, and is not begun again', async () => {
    const { client, clock, attempts } = await streaming(() => {});
    const broken = (async function* () {
      yield note('n');
      throw new Error('my source broke');
    })();
    const error = await clock.runUntil(rejection(client.collect(broken)));
    expect(error).toMatchObject({ code: 'CANCELLED', cause: { message: 'my source broke' } });
    expect(attempts()).toBe(0);
  });

  it('both ways: is begun again until the first answer, with every request', async () => {
    let attempts = 0;
    const { client, clock } = await streaming(() => {}, {
      async *chat(requests) {
        attempts += 1;
        let seen = 0;
        for await (const one of requests) {
          seen += 1;
          if (attempts < 3 && seen === 2) throw down();
          if (seen > 2) yield one;
        }
      },
    });
    const { counts, error } = await clock.runUntil(read(client.chat([1, 2, 3, 4].map((i) => note('n', i)))));
    expect({ counts, error, attempts }).toEqual({ counts: [3, 4], error: undefined, attempts: 3 });
    expect(clock.timers).toBe(0);
  });

  it('both ways: passes any number of messages after the first answer', async () => {
    const { client, clock } = await streaming(() => {});
    const { counts } = await clock.runUntil(read(client.chat(Array.from({ length: 500 }, (_, i) => note('n', i)))));
    expect(counts).toEqual(Array.from({ length: 500 }, (_, i) => i));
  });
});
