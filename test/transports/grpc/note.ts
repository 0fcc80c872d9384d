/** A service with a method of every kind, as in note.proto, with a codec by hand: foreign clients and servers can speak it. */
import {
  bidi,
  type Codec,
  clientStream,
  defineMessage,
  defineService,
  protoCodec,
  serverStream,
  unary,
} from 'hawser/proto';

export interface Note {
  readonly text: string;
  readonly number: number;
  readonly payload: Uint8Array;
}

export function note(text = '', number = 0, payload: Uint8Array = new Uint8Array()): Note {
  return { text, number, payload: new Uint8Array(payload) };
}

const Note = defineMessage<{ -readonly [Name in keyof Note]: Note[Name] }>({
  name: 'hawser.test.v1.Note',
  fields: () => [
    [1, 'text', 'string'],
    [2, 'number', 'int32'],
    [3, 'payload', 'bytes'],
  ],
  init: () => ({ text: '', number: 0, payload: new Uint8Array() }),
  write(w, m) {
    w.string(10, m.text);
    w.int32(16, m.number);
    w.binary(26, m.payload);
  },
  read(r, m) {
    for (let t = r.tag(); t !== 0; t = r.tag()) {
      if (t === 10) m.text = r.string();
      else if (t === 16) m.number = r.int32();
      else if (t === 26) m.payload = r.binary();
      else r.other(t, m);
    }
  },
});

export const noteCodec: Codec<Note> = protoCodec<Note>(Note);

const messages = { request: noteCodec, response: noteCodec };

export const Notes = defineService({
  name: 'hawser.test.v1.Notes',
  idl: 'proto',
  fingerprint: '',
  methods: {
    echo: unary<Note, Note>({ name: 'Echo', ...messages }),
    list: serverStream<Note, Note>({ name: 'List', ...messages }),
    collect: clientStream<Note, Note>({ name: 'Collect', ...messages }),
    chat: bidi<Note, Note>({ name: 'Chat', ...messages }),
  },
});
