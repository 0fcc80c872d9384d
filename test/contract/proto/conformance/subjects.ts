/** The codecs that the conformance suite is run on. */
import {
  type DescMessage,
  type FileRegistry,
  fromBinary,
  fromJsonString,
  type Message,
  toBinary,
  toJsonString,
} from '@bufbuild/protobuf';
import { typesOf } from '../../../../src/cli/described-types.js';
import { parseJson } from '../../../../src/contract/proto/json/parse.js';
import type { JsonValue, MessageType, TypeRegistry } from '../../../../src/contract/proto/message-type.js';

/** Reads and writes the suite's messages, by the full names of their types. */
export interface Subject {
  fromBinary(type: string, bytes: Uint8Array): unknown;
  fromJson(type: string, json: string, ignoreUnknown: boolean): unknown;
  toBinary(type: string, message: unknown): Uint8Array;
  toJson(type: string, message: unknown): string;
}

export function subjectNamed(name: string, registry: FileRegistry): Subject {
  switch (name) {
    case 'protobuf-es':
      return protobufEs(registry);
    case 'tables':
      return tables(registry);
    default:
      throw new Error(`there is no subject ${name}`);
  }
}

function protobufEs(registry: FileRegistry): Subject {
  const type = (name: string): DescMessage => registry.getMessage(name) ?? missing(name);
  return {
    fromBinary: (name, bytes) => fromBinary(type(name), bytes),
    fromJson: (name, json, ignoreUnknownFields) => fromJsonString(type(name), json, { registry, ignoreUnknownFields }),
    toBinary: (name, message) => toBinary(type(name), message as Message),
    toJson: (name, message) => toJsonString(type(name), message as Message, { registry }),
  };
}

function missing(name: string): never {
  throw new Error(`there is no type ${name}`);
}

/** Hawser by its tables of fields alone, without generated code. */
function tables(registry: FileRegistry): Subject {
  const types = typesOf(registry);
  return messageSubject((name) => types.message(name) ?? missing(name), types);
}

function messageSubject(type: (name: string) => MessageType<unknown>, registry: TypeRegistry): Subject {
  return {
    fromBinary: (name, bytes) => type(name).decode(bytes),
    fromJson: (name, json, ignoreUnknown) =>
      type(name).fromJson(parseJson(json) as JsonValue, { registry, ignoreUnknown }),
    toBinary: (name, message) => type(name).encode(message as object),
    toJson: (name, message) => JSON.stringify(type(name).toJson(message, { registry })),
  };
}
