/** `hawser/proto`: what code generated from `.proto` files imports. */
export { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
export type { Codec } from './contract/codec.js';
export { DeclaredError } from './contract/declared-error.js';
export { type FileDescriptor, fileDescriptor } from './contract/file-descriptor.js';
export { bidi, clientStream, serverStream, topicStream, unary } from './contract/method.js';
export { protoCodec } from './contract/proto.js';
export { type InitOf, ProtoError, protoErrorCodec } from './contract/proto-error.js';
export { defineService } from './contract/service.js';
