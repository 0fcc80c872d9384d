/** Two majors of a contract on one server, the old one by way of the new one's handlers. */
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Codec } from '../../src/contract/codec.js';
import { DeclaredError } from '../../src/contract/declared-error.js';
import { bidi, clientStream, oneway, serverStream, unary } from '../../src/contract/method.js';
import { defineService } from '../../src/contract/service.js';
import { adapt, createClient, createServer, type Handlers, MemoryNetwork, silentLogger } from '../../src/index.js';
import { Echo, EchoOverThrift, note, noteCodec, Refused } from '../support/echo.js';

/** The new major: other names, other messages. */
interface Line {
  readonly words: readonly string[];
}

const lineCodec: Codec<Line> = {
  typeName: 'test.v2.Line',
  encode: (line) => Buffer.from(JSON.stringify(line)),
  decode: (bytes) => JSON.parse(Buffer.from(bytes).toString()) as Line,
  toJSON: (line) => line,
  fromJSON: (json) => json as Line,
};

class Rejected extends DeclaredError {
  static readonly typeName = 'test.v2.Rejected';
  static readonly codec = lineCodec as unknown as Codec<Rejected>;

  constructor(readonly words: readonly string[]) {
    super(Rejected.typeName, words.join(' '));
  }
}

const lines = { request: lineCodec, response: lineCodec, errors: [{ id: 1, type: Rejected }] };
const spec = {
  name: 'test.v2.Echo',
  version: '2.0.0',
  fingerprint: '',
  methods: {
    speak: unary<Line, Line>({ name: 'Speak', ...lines }),
    hint: oneway<Line>({ name: 'Hint', request: lineCodec, response: noteCodec as unknown as Codec<void> }),
    again: serverStream<Line, Line>({ name: 'Again', ...lines }),
    gather: clientStream<Line, Line>({ name: 'Gather', ...lines }),
    talk: bidi<Line, Line>({ name: 'Talk', ...lines }),
  },
} as const;
const EchoV2 = defineService({ ...spec, idl: 'proto' });
const EchoV2OverThrift: typeof EchoV2 = defineService({ ...spec, idl: 'thrift' });

const told: string[] = [];

class Implementation implements Handlers<typeof EchoV2> {
  readonly #prefix = 'new';

  async speak({ words }: Line) {
    if (words[0] === 'no') throw new Rejected(words);
    if (words[0] === 'crash') throw new RangeError('nobody knows this');
    return { words: [this.#prefix, ...words] };
  }

  hint({ words }: Line) {
    told.push(words.join(' '));
  }

  async *again({ words }: Line) {
    for (const word of words) yield { words: [word] };
    if (words.includes('no')) throw new Rejected(words);
  }

  async gather(all: AsyncIterable<Line>) {
    const words: string[] = [];
    for await (const line of all) words.push(...line.words);
    return { words };
  }

  async *talk(all: AsyncIterable<Line>) {
    for await (const { words } of all) yield { words: [this.#prefix, ...words] };
  }
}

const request = ({ text }: { text: string }): Line => ({ words: text.split(' ') });
const response = ({ words }: Line) => note(words.join(' '), words.length);
const error = (thrown: unknown) => (thrown instanceof Rejected ? new Refused(thrown.words.join(' ')) : thrown);
const each = { request, response, error };
const mappings = {
  say: { to: 'speak', ...each },
  tell: { to: 'hint', request, response: () => undefined },
  repeat: { to: 'again', ...each },
  collect: { to: 'gather', ...each },
  chat: { to: 'talk', ...each },
} as const;

async function servedOver(wire: 'memory' | 'grpc' | 'thrift') {
  const implementation = new Implementation();
  const [old, next] = wire === 'thrift' ? [EchoOverThrift, EchoV2OverThrift] : [Echo, EchoV2];
  const server = createServer({ logger: silentLogger });
  server.add(next, implementation);
  server.add(old, adapt(old, next, implementation, mappings));
  const memory = new MemoryNetwork();
  const bound = await server.listen(
    wire === 'memory' ? { memory } : wire === 'grpc' ? { grpc: '127.0.0.1:0' } : { thrift: '127.0.0.1:0' },
  );
  const at = wire === 'memory' ? memory : `${wire}://${Object.values(bound)[0]}`;
  const clients = {
    old: createClient(old, at, { logger: silentLogger }),
    next: createClient(next, at, { logger: silentLogger }),
  };
  onTestFinished(async () => {
    await clients.old.$close();
    await clients.next.$close();
    await server.close({ grace: 0 });
  });
  return clients;
}

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}

describe.each(['memory', 'grpc', 'thrift'] as const)('an old major over %s', (wire) => {
  it('is answered by the new one, in its own messages', async () => {
    const { old, next } = await servedOver(wire);
    expect(await old.say(note('a fish'))).toEqual(note('new a fish', 3));
    expect(await next.speak({ words: ['a'] })).toEqual({ words: ['new', 'a'] });
    await expect(old.say(note('crash'))).rejects.toMatchObject({
      code: 'INTERNAL',
      message: expect.stringMatching(/^the server failed/),
    });
    // gRPC has no oneway calls.
    if (wire === 'grpc') return;
    told.length = 0;
    await old.tell(note('low tide'));
    await expect.poll(() => told).toEqual(['low tide']);
  });
});

describe.each(['memory', 'grpc'] as const)('an old major that streams over %s', (wire) => {
  it('is mapped message by message, in both directions, and so are its errors', async () => {
    const { old } = await servedOver(wire);
    const refused = await old.say(note('no fish')).catch((thrown: unknown) => thrown);
    expect(refused).toBeInstanceOf(Refused);
    expect(refused).toMatchObject({ text: 'no fish' });
    expect(await all(old.repeat(note('a b c')))).toEqual([note('a'), note('b'), note('c')]);
    expect(await old.collect([note('a b'), note('c')])).toEqual(note('a b c', 3));
    expect(await all(old.chat([note('a'), note('b c')]))).toEqual([note('new a', 2), note('new b c', 3)]);
    await expect(all(old.repeat(note('a no')))).rejects.toBeInstanceOf(Refused);
  });

  it('ends at the new handler, too, when the caller goes away', async () => {
    const ended: string[] = [];
    const implementation = new (class extends Implementation {
      override async *again() {
        try {
          for (;;) yield { words: ['x'] };
        } finally {
          ended.push('again');
        }
      }
    })();
    const handlers = adapt(Echo, EchoV2, implementation, mappings);
    for await (const _ of handlers.repeat(note('x'), {} as never)) break;
    expect(ended).toEqual(['again']);
  });
});

describe('mappings', () => {
  const implementation = new Implementation();

  it('may be handlers of their own', () => {
    const handlers = adapt(Echo, EchoV2, implementation, { ...mappings, say: ({ text }) => note(`old ${text}`) });
    expect(handlers.say(note('fish'), {} as never)).toEqual(note('old fish'));
  });

  it('are checked by the compiler', () => {
    // @ts-expect-error: one is missing.
    expect(() => adapt(Echo, EchoV2, implementation, { ...mappings, say: undefined })).toThrow(/no mapping/);
    // @ts-expect-error: a unary method is not to be mapped to a stream.
    expect(() => adapt(Echo, EchoV2, implementation, { ...mappings, say: { to: 'again', ...each } })).toThrow(
      '/test.Echo/Say is mapped to "again", and test.v2.Echo has no method of that name and of the kind unary; map it to one that there is, or give it a handler',
    );
    // @ts-expect-error: there is no such method.
    expect(() => adapt(Echo, EchoV2, implementation, { ...mappings, say: { to: 'shout', ...each } })).toThrow(
      /"shout"/,
    );
    // @ts-expect-error: the answer is a Line, and has no text.
    adapt(Echo, EchoV2, implementation, { ...mappings, say: { to: 'speak', request, response: ({ text }) => text } });
    // @ts-expect-error: the new request is a Line.
    adapt(Echo, EchoV2, implementation, { ...mappings, say: { to: 'speak', request: () => note('a'), response } });
  });

  it('of methods that the old contract does not have are refused', () => {
    const more = { ...mappings, sing: mappings.say };
    expect(() => adapt(Echo, EchoV2, implementation, more)).toThrow(/mappings of test\.Echo name sing/);
  });

  it('to what the handlers lack are refused', () => {
    const lacking = { ...implementation } as unknown as Implementation;
    expect(() => adapt(Echo, EchoV2, lacking, mappings)).toThrow(/mapped to speak, which the handlers .* lack/);
  });
});
