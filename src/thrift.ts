/** `hawser/thrift`: what code generated from `.thrift` files imports, and the codecs for those who work below it. */
export type { Codec, Encoding } from './contract/codec.js';
export { DeclaredError, type ErrorType, type MethodError } from './contract/declared-error.js';
export { describeError } from './contract/describe-error.js';
export { oneway, serverStream, topicStream, unary } from './contract/method.js';
export { defineService } from './contract/service.js';
export {
  type ApplicationException,
  ApplicationFault,
  decodeApplicationException,
  encodeApplicationException,
} from './contract/thrift/application-exception.js';
export { ThriftBinaryReader } from './contract/thrift/binary-reader.js';
export { ThriftBinaryWriter } from './contract/thrift/binary-writer.js';
export { ThriftCompactReader } from './contract/thrift/compact-reader.js';
export { ThriftCompactWriter } from './contract/thrift/compact-writer.js';
export { constant } from './contract/thrift/constant.js';
export { defineStruct, type StructSpec } from './contract/thrift/define-struct.js';
export { dynamicError, dynamicResult, dynamicStruct } from './contract/thrift/dynamic.js';
export { defaultLimits, setThriftLimits, type ThriftLimits, thriftLimits } from './contract/thrift/limits.js';
export {
  missingRequired,
  nestedMismatch,
  requiredUnset,
  unionCount,
  unionUnset,
} from './contract/thrift/malformed.js';
export { type MessageHeader, readMessageHeader, writeMessage } from './contract/thrift/message.js';
export { type ThriftReader, type ThriftWriter, TMessageType, TType } from './contract/thrift/protocol.js';
export { MissingResultError, ProtocolFault, ThriftProtocolError } from './contract/thrift/protocol-error.js';
export { encodeDeclared, type ResultSpec, resultCodec, topicCodec } from './contract/thrift/result.js';
export type { FieldInfo, StructCodec, StructForm, TypeInfo, ValueCodec } from './contract/thrift/struct.js';
