/** `hawser/proto`: what code generated from `.proto` files imports. */
export type { Codec } from './contract/codec.js';
export { DeclaredError } from './contract/declared-error.js';
export { type FileDescriptor, fileDescriptor } from './contract/file-descriptor.js';
export { bidi, clientStream, serverStream, topicStream, unary } from './contract/method.js';
export { defineMessage } from './contract/proto/define-message.js';
export { enumType } from './contract/proto/enum-type.js';
export { defineExtension } from './contract/proto/extension.js';
export type { InitOf } from './contract/proto/init-of.js';
export { parseJson } from './contract/proto/json/parse.js';
export { typeRegistry } from './contract/proto/json/registry.js';
export { bigintOfNumber, bigintOfText, numbers, texts } from './contract/proto/long-type.js';
export type {
  EnumType,
  Extension,
  JsonReadOptions,
  JsonValue,
  JsonWriteOptions,
  MessageType,
  TypeRegistry,
} from './contract/proto/message-type.js';
export { noKind } from './contract/proto/no-kind.js';
export {
  durationFromMs,
  durationMs,
  timestampDate,
  timestampFromDate,
  timestampFromMs,
  timestampMs,
} from './contract/proto/time.js';
export { unknownFields } from './contract/proto/unknown.js';
export {
  BoolValue,
  BytesValue,
  DoubleValue,
  FieldMask,
  FloatValue,
  Int32Value,
  Int64Value,
  Int64ValueText,
  ListValue,
  StringValue,
  Struct,
  UInt32Value,
  UInt64Value,
  UInt64ValueText,
  Value,
} from './contract/proto/unwrapped.js';
export { emptyMap, noBytes } from './contract/proto/zero.js';
export { protoCodec } from './contract/proto.js';
export { ProtoError, protoErrorCodec } from './contract/proto-error.js';
export { defineService } from './contract/service.js';
