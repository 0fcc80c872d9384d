/** Mutated and re-cut bytes: nothing may be thrown out of a connection, and where the bytes are cut changes nothing. */
import { describe, expect, it } from 'vitest';
import { Connection } from '../../../src/http2/connection.js';
import { Flag, FrameType, uint31, uint32 } from '../../../src/http2/frame.js';
import { type SeededRandom, seededRandom } from '../../../src/testing/random.js';
import { Loop, type MemoryPipe, pipePair } from '../../http2/loop.js';
import { type Answer, echoEvents, request } from '../../http2/talk.js';
import { runs } from '../../support/soak.js';

interface Tape {
  readonly client: Uint8Array;
  readonly server: Uint8Array;
}

/** What each side of a good conversation sends. */
function record(): Tape {
  const loop = new Loop();
  const [clientPipe, serverPipe] = pipePair(loop);
  const tape: { client: Uint8Array[]; server: Uint8Array[] } = { client: [], server: [] };
  const listen = (pipe: MemoryPipe, to: Uint8Array[]): void => {
    const { write } = pipe;
    pipe.write = (chunks) => {
      to.push(...chunks.map((chunk) => chunk.slice()));
      write.call(pipe, chunks);
    };
  };
  listen(clientPipe, tape.client);
  listen(serverPipe, tape.server);
  new Connection({ role: 'server', pipe: serverPipe, host: loop, events: echoEvents() });
  const client = new Connection({ role: 'client', pipe: clientPipe, host: loop, events: {} });
  loop.settle();
  for (let i = 0; i < 20; i++) {
    request(client, new Uint8Array(i * 97).fill(i));
    if (i % 3 === 0) loop.settle();
  }
  client.ping(() => {});
  loop.settle();
  client.drain();
  loop.settle();
  return { client: Buffer.concat(tape.client), server: Buffer.concat(tape.server) };
}

function mutated(bytes: Uint8Array, random: SeededRandom): Uint8Array {
  const copy = new Uint8Array(bytes);
  for (let i = 1 + random.int(6); i > 0; i--) {
    // The preface is left alone: behind a wrong one nothing is read.
    const at = 24 + random.int(copy.length - 24);
    copy[at] = random.chance(0.7) ? random.int(256) : (copy[at] as number) ^ (1 << random.int(8));
  }
  return copy;
}

/** The data of each stream in what a connection said, and whether it ended. */
function dataOf(said: Uint8Array): string {
  const streams = new Map<number, string>();
  for (let at = 0; at + 9 <= said.length; ) {
    const length = uint32(said, at) >>> 8;
    const id = uint31(said, at + 5);
    if (said[at + 3] === FrameType.DATA) {
      const text = Buffer.from(said.subarray(at + 9, at + 9 + length)).toString('hex');
      streams.set(
        id,
        `${streams.get(id) ?? ''}${text}${((said[at + 4] as number) & Flag.END_STREAM) !== 0 ? '.' : ''}`,
      );
    }
    at += 9 + length;
  }
  return JSON.stringify([...streams].sort(([a], [b]) => a - b));
}

/** Feeds one role; returns what came of it: for a server the data that it sent, for a client what its callers got. */
function feed(role: 'client' | 'server', bytes: Uint8Array, random: SeededRandom): string {
  const loop = new Loop();
  const [pipe, other] = pipePair(loop);
  const said: Uint8Array[] = [];
  other.receiver = {
    received: (chunk) => {
      said.push(chunk);
    },
    written: () => {},
    ended: () => {},
    lost: () => {},
  };
  const answers: Answer[] = [];
  const ready = (): void => {
    for (let i = 0; i < 20 && connection.available > 0; i++) {
      answers.push(request(connection, new Uint8Array(i * 97).fill(i)).answer);
    }
  };
  const events = role === 'server' ? echoEvents() : { ready };
  const connection = new Connection({ role, pipe, host: loop, events });
  loop.settle();
  for (let at = 0; at < bytes.length; ) {
    const to = Math.min(bytes.length, at + 1 + random.int(random.chance(0.8) ? 60 : 5_000));
    pipe.arrive(bytes.subarray(at, to));
    at = to;
    if (random.chance(0.2)) loop.settle();
  }
  loop.settle();
  pipe.destroy();
  loop.pass(60_000);
  if (connection.size !== 0 || !connection.closed) throw new Error('a closed connection has streams left');
  if (loop.timers !== 0) throw new Error(`${loop.timers} timers are left`);
  if (!answers.every((answer) => answer.ended || answer.failure !== undefined))
    throw new Error('a stream was never told');
  if (role === 'server') return dataOf(Buffer.concat(said));
  return JSON.stringify(answers.map(({ bytes, ended, status }) => [bytes, ended, status]));
}

const tape = record();

describe.each(['client', 'server'] as const)('a %s', (role) => {
  const input = role === 'server' ? tape.client : tape.server;

  it('survives mutated bytes, tells every stream and leaves nothing behind', () => {
    const seed = process.env.HAWSER_SEED ?? String(Date.now());
    for (let i = 0; i < runs(3_000); i++) {
      const random = seededRandom(`${seed}/${i}`);
      try {
        feed(role, mutated(input, random), random);
      } catch (error) {
        throw new Error(`HAWSER_SEED=${seed}, input ${i}: ${String(error)}`, { cause: error });
      }
    }
  });

  it('makes the same of bytes wherever they are cut', () => {
    const outcomes = new Set<string>();
    for (let i = 0; i < runs(200); i++) outcomes.add(feed(role, input, seededRandom(`cuts ${i}`)));
    expect(outcomes.size).toBe(1);
    expect([...outcomes][0]?.length).toBeGreaterThan(100);
  });
});
