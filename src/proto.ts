/** `hawser/proto`: what code generated from `.proto` files imports. */
export { BinaryReader, BinaryWriter } from '@bufbuild/protobuf/wire';
export { DeclaredError } from './contract/declared-error.js';
export { bidi, clientStream, serverStream, unary } from './contract/method.js';
export { protoCodec } from './contract/proto.js';
export { defineService } from './contract/service.js';
