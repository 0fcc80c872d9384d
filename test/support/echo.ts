/** A service with a method of every kind and a declared error, whose messages are JSON: for tests of the call path alone. */
import type { Codec } from '../../src/contract/codec.js';
import { DeclaredError } from '../../src/contract/declared-error.js';
import { bidi, clientStream, oneway, serverStream, unary } from '../../src/contract/method.js';
import { defineService } from '../../src/contract/service.js';

export interface Note {
  readonly text: string;
  readonly count: number;
}

function jsonCodec<T>(typeName: string, make: (json: T) => T = (json) => json): Codec<T> {
  return {
    typeName,
    encode(value) {
      const note = value as Note;
      if (typeof note.text !== 'string') throw new TypeError(`${typeName}.text must be a string`);
      return Buffer.from(JSON.stringify({ ...note }));
    },
    decode: (bytes) => make(JSON.parse(Buffer.from(bytes).toString()) as T),
    toJSON: (value) => value,
    fromJSON: (json) => json as T,
  };
}

export const noteCodec = jsonCodec<Note>('test.Note');

export class Refused extends DeclaredError {
  static readonly typeName = 'test.Refused';
  static readonly codec = jsonCodec<Refused>('test.Refused', (json) => new Refused(json.text));

  constructor(readonly text: string) {
    super(Refused.typeName, text);
  }
}

const messages = { request: noteCodec, response: noteCodec, errors: [{ id: 1, type: Refused }] };

const spec = {
  name: 'test.Echo',
  fingerprint: '',
  methods: {
    say: unary<Note, Note, Partial<Note>>({ name: 'Say', ...messages }),
    tell: oneway<Note>({ name: 'Tell', request: noteCodec, response: noteCodec as unknown as Codec<void> }),
    repeat: serverStream<Note, Note>({ name: 'Repeat', ...messages }),
    collect: clientStream<Note, Note>({ name: 'Collect', ...messages }),
    chat: bidi<Note, Note>({ name: 'Chat', ...messages }),
  },
} as const;

export const Echo = defineService({ ...spec, idl: 'proto' });

/** The same service as Thrift has it; its messages are JSON there too, as framing does not mind. */
export const EchoOverThrift: typeof Echo = defineService({ ...spec, idl: 'thrift' });

export const note = (text: string, count = 1): Note => ({ text, count });
