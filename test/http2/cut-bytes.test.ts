/**
 * A connection over the seeded byte network that breaks after each number of bytes, with the bytes cut wherever the draw falls: each
 * call is told once how it ended, what is said to be unprocessed was never seen by the server, and nothing is left behind.
 */
import { describe, expect, it } from 'vitest';
import { type Host, latin1 } from '../../src/http2/byte-pipe.js';
import { Connection } from '../../src/http2/connection.js';
import { bytePipe, type PipeEnd } from '../../src/testing/bytes/byte-pipe.js';
import { seededRandom } from '../../src/testing/random.js';
import { VirtualClock } from '../../src/testing/virtual-clock.js';
import { SocketPipe } from '../../src/transports/pipes/socket-pipe.js';
import { runs } from '../support/soak.js';
import { Answer, Echo, request, sendHead } from './talk.js';

function hostOf(clock: VirtualClock): Host {
  return {
    now: () => clock.now(),
    setTimer: (fn, ms) => clock.setTimer(fn, ms),
    defer: (fn) => void clock.setTimer(fn, 0),
    allocate: (bytes) => new Uint8Array(bytes),
    latin1,
  };
}

class Told extends Answer {
  times = 0;
  override end(...args: Parameters<Answer['end']>): void {
    this.times += 1;
    super.end(...args);
  }
  override failed(...args: Parameters<Answer['failed']>): void {
    this.times += 1;
    super.failed(...args);
  }
}

interface Outcome {
  /** Bytes that the client sent. */
  readonly bytes: number;
  readonly ended: number;
}

async function conversation(sizes: readonly number[], resetAfter: number, seed: string): Promise<Outcome> {
  const clock = new VirtualClock();
  const random = seededRandom(seed);
  const host = hostOf(clock);
  let bytes = 0;
  const accepted = new Set<number>();
  const closed: string[] = [];
  const serve = (end: PipeEnd): boolean => {
    const accept = (stream: Parameters<typeof sendHead>[0], _list: unknown, over: boolean): Echo => {
      accepted.add(stream.id);
      sendHead(stream, [[':status', '200']]);
      if (over) stream.finish();
      return new Echo();
    };
    const events = { accept, closed: () => void closed.push('server') };
    new Connection({ role: 'server', pipe: new SocketPipe(end.socket), host, events });
    return true;
  };
  const { client: end } = bytePipe(
    {
      clock,
      clientAddress: 'client',
      serverAddress: 'server',
      latency: () => 1 + random.int(3),
      silent: () => false,
      piece: (length) => 1 + random.int(Math.min(length, 40)),
      resetAfter,
    },
    serve,
  );
  const { write } = end;
  end.write = (...args) => {
    bytes += args[0].length;
    return write.apply(end, args);
  };
  const told = sizes.map(() => new Told());
  const ids = new Map<Told, number>();
  const events = {
    ready: () => {
      for (const [i, size] of sizes.entries()) {
        const answer = told[i] as Told;
        if (connection.available > 0)
          ids.set(answer, request(connection, new Uint8Array(size).fill(i), answer).stream.id);
      }
    },
    closed: () => void closed.push('client'),
  };
  const connection = new Connection({ role: 'client', pipe: new SocketPipe(end.socket), host, events });
  await clock.advance(200);
  connection.drain();
  await clock.advance(20_000);
  for (const [answer, id] of ids) {
    expect(answer.times).toBe(1);
    if (answer.failure?.unprocessed === true) expect(accepted.has(id)).toBe(false);
    if (answer.ended) expect(answer.bytes).toBe(sizes[told.indexOf(answer)]);
  }
  expect(closed.sort()).toEqual(['client', 'server']);
  await clock.advance(40_000);
  expect(clock.timers).toBe(0);
  return { bytes, ended: told.filter(({ ended }) => ended).length };
}

describe('a connection that breaks', () => {
  const sizes = [0, 90, 300];

  it('after any byte tells each call once how it ended, and leaves nothing behind', async () => {
    const whole = await conversation(sizes, Number.POSITIVE_INFINITY, 'whole');
    expect(whole.ended).toBe(sizes.length);
    // The answers are as long as the requests, and a little more.
    const last = 3 * whole.bytes;
    const ended = new Set<number>();
    for (let after = 0; after < last; after++) ended.add((await conversation(sizes, after, `after ${after}`)).ended);
    // From none to all of them.
    expect([...ended].sort()).toEqual([0, 1, 2, 3]);
  }, 60_000);

  it('at random, with larger bodies, does the same', async () => {
    const seed = process.env.HAWSER_SEED ?? String(Date.now());
    for (let i = 0; i < runs(15); i++) {
      const random = seededRandom(`${seed}/${i}`);
      const bodies = Array.from({ length: 1 + random.int(8) }, () => random.int(3_000));
      try {
        await conversation(bodies, random.int(2_000 + 3 * bodies.reduce((sum, size) => sum + size, 0)), `${seed}/${i}`);
      } catch (error) {
        throw new Error(`HAWSER_SEED=${seed}, run ${i}: ${String(error)}`, { cause: error });
      }
    }
  }, 60_000);
});
