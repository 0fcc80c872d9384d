/** A service with a method of every kind, as in note.proto, with a codec by hand: foreign clients and servers can speak it. */
import {
  BinaryReader,
  BinaryWriter,
  bidi,
  clientStream,
  defineService,
  protoCodec,
  serverStream,
  unary,
} from 'hawser/proto';
export function note(text = '', number = 0, payload = new Uint8Array()) {
  return { text, number, payload };
}
export const NoteFns = {
  encode(value, writer = new BinaryWriter()) {
    if (value.text !== '') writer.uint32(10).string(value.text);
    if (value.number !== 0) writer.uint32(16).int32(value.number);
    if (value.payload.length > 0) writer.uint32(26).bytes(value.payload);
    return writer;
  },
  decode(input) {
    const reader = input instanceof BinaryReader ? input : new BinaryReader(input);
    const read = { text: '', number: 0, payload: new Uint8Array() };
    while (reader.pos < reader.len) {
      const tag = reader.uint32();
      if (tag === 10) read.text = reader.string();
      else if (tag === 16) read.number = reader.int32();
      else if (tag === 26) read.payload = reader.bytes();
      else reader.skip(tag & 7);
    }
    return read;
  },
  fromJSON: (json) => json,
  toJSON: (value) => value,
};
export const noteCodec = protoCodec('hawser.test.v1.Note', NoteFns);
const messages = { request: noteCodec, response: noteCodec };
export const Notes = defineService({
  name: 'hawser.test.v1.Notes',
  idl: 'proto',
  fingerprint: '',
  methods: {
    echo: unary({ name: 'Echo', ...messages }),
    list: serverStream({ name: 'List', ...messages }),
    collect: clientStream({ name: 'Collect', ...messages }),
    chat: bidi({ name: 'Chat', ...messages }),
  },
});
