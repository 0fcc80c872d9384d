/**
 * A proto service that is known only at run time, from descriptors: what `hawser call` needs to
 * speak to a server whose stubs were never generated.
 */
import {
  create,
  createFileRegistry,
  type DescMessage,
  type DescMethod,
  type DescService,
  type FileRegistry,
} from '@bufbuild/protobuf';
import { type FileDescriptorProto, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { camelCase } from '../codegen/names.js';
import { PolicyReader } from '../codegen/proto/policy.js';
import type { Codec } from '../contract/codec.js';
import { bidi, clientStream, type MethodSpec, serverStream, topicStream, unary } from '../contract/method.js';
import type { JsonValue } from '../contract/proto/message-type.js';
import { orderedMessage } from '../contract/proto/ordered.js';
import { defineService, type ServiceType } from '../contract/service.js';
import { type DescribedMessage, typeOf, typesOf } from './described-types.js';

export function registryOf(files: readonly FileDescriptorProto[]): FileRegistry {
  return createFileRegistry(create(FileDescriptorSetSchema, { file: [...files] }));
}

/** Throws a TypeError that lists what there is when the registry has no such service. */
export function protoService(registry: FileRegistry, name: string): ServiceType {
  const service = registry.getService(name);
  if (service === undefined) {
    const known = [...registry]
      .filter((type): type is DescService => type.kind === 'service')
      .map((type) => type.typeName);
    throw new TypeError(`there is no service ${name}; there is ${known.sort().join(', ') || 'none at all'}`);
  }
  const reader = new PolicyReader(registry, new Map());
  return defineService({
    name,
    idl: 'proto',
    fingerprint: '',
    methods: Object.fromEntries(
      service.methods.map((method) => [camelCase(method.name), specOf(method, registry, reader)]),
    ),
  });
}

function specOf(
  method: DescMethod,
  registry: FileRegistry,
  reader: PolicyReader,
): MethodSpec<DescribedMessage, DescribedMessage> {
  const spec = {
    name: method.name,
    request: codecOf(method.input, registry),
    response: codecOf(method.output, registry),
  };
  switch (method.methodKind) {
    case 'unary':
      return unary(spec);
    case 'server_streaming': {
      const { topic } = reader.method(method, {}).policy;
      return topic === undefined ? serverStream(spec) : topicStream({ ...spec, policy: { topic } });
    }
    case 'client_streaming':
      return clientStream(spec);
    case 'bidi_streaming':
      return bidi(spec);
  }
}

export function codecOf(desc: DescMessage, registry: FileRegistry): Codec<DescribedMessage> {
  const type = typeOf(desc);
  const options = { registry: typesOf(registry) };
  return {
    typeName: type.typeName,
    encode: (message) => type.encode(message),
    decode: (bytes) => type.decode(bytes),
    ordered: (message) => orderedMessage(type, message),
    toJSON: (message) => type.toJson(message, options),
    fromJSON: (json) => type.fromJson(json as JsonValue, options),
  };
}
