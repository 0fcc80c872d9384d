/**
 * A hello where the wire has no place for headers: a call of a reserved method, the first on a connection, once. A server
 * without Hawser answers that it has no such method, and that is an answer, too. What was said holds for the connection.
 * Source: Finagle's upgrade of plain Thrift (`__can__finagle__trace__v3__`).
 */
import type { Encoding } from '../../contract/codec.js';
import { decodeWith, encodeWith } from '../../contract/thrift/pool.js';
import type { ThriftWriter } from '../../contract/thrift/protocol.js';

/** `string __hawser__hello_v1(1: string hello)` */
export const introductionMethod = '__hawser__hello_v1';

/** What a client says of itself on each connection, and who hears the answer. */
export interface Introduction {
  readonly hello: string;
  /** Before the method's name, where services are multiplexed. */
  readonly service?: string;
  /** Returns what is to be done when the connection is closed. */
  readonly heard: (answer: string) => () => void;
}

export const encodeHello = (hello: string, encoding: Encoding): Buffer => encodeText(1, hello, encoding);
export const decodeHello = (args: Uint8Array, encoding: Encoding): string | undefined => decodeText(1, args, encoding);
export const encodeHelloAnswer = (answer: string, encoding: Encoding): Buffer => encodeText(0, answer, encoding);
export const decodeHelloAnswer = (result: Uint8Array, encoding: Encoding): string | undefined =>
  decodeText(0, result, encoding);

const stringType = 11;

function encodeText(id: number, text: string, encoding: Encoding): Buffer {
  return encodeWith(encoding, text, (writer: ThriftWriter, value: string) => {
    writer.structBegin();
    writer.field(stringType, id);
    writer.string(value);
    writer.structEnd();
  });
}

/** Throws a ThriftProtocolError for what is no struct. */
function decodeText(id: number, bytes: Uint8Array, encoding: Encoding): string | undefined {
  return decodeWith(encoding, bytes, (reader) => {
    let text: string | undefined;
    reader.structBegin(0);
    for (let field = reader.field(); field !== 0; field = reader.field()) {
      if (field === ((id << 8) | stringType)) text = reader.string();
      else reader.skip(field & 0xff);
    }
    reader.structEnd();
    return text;
  });
}
