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

/** Reads and writes the suite's messages, by the full names of their types. */
export interface Subject {
  fromBinary(type: string, bytes: Uint8Array): unknown;
  fromJson(type: string, json: string, ignoreUnknown: boolean): unknown;
  toBinary(type: string, message: unknown): Uint8Array;
  toJson(type: string, message: unknown): string;
}

export function subjectNamed(name: string, registry: FileRegistry): Subject {
  if (name !== 'protobuf-es') throw new Error(`there is no subject ${name}`);
  return protobufEs(registry);
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
