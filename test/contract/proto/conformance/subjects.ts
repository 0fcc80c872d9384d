/** The codecs that the conformance suite is run on. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
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
import { typeRegistry } from '../../../../src/contract/proto/json/registry.js';
import type { JsonValue, MessageType, TypeRegistry } from '../../../../src/contract/proto/message-type.js';

/** Reads and writes the suite's messages, by the full names of their types. */
export interface Subject {
  fromBinary(type: string, bytes: Uint8Array): unknown;
  fromJson(type: string, json: string, ignoreUnknown: boolean): unknown;
  toBinary(type: string, message: unknown): Uint8Array;
  toJson(type: string, message: unknown): string;
}

export async function subjectNamed(
  name: string,
  registry: FileRegistry,
  [folder = '']: readonly string[],
): Promise<Subject> {
  switch (name) {
    case 'protobuf-es':
      return protobufEs(registry);
    case 'tables':
      return tables(registry);
    case 'generated':
      return generated(folder, registry);
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

/** Code that `hawser generate` made of the suite's files. Extensions, which it makes none of, are described. */
async function generated(folder: string, registry: FileRegistry): Promise<Subject> {
  const types: MessageType<unknown>[] = [];
  for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!path.endsWith('.ts')) continue;
    const exported = (await import(join(folder, path))) as Record<string, unknown>;
    types.push(...Object.values(exported).filter(isMessageType));
  }
  const described = typesOf(registry);
  const known = { ...described, message: typeRegistry(...types).message };
  return messageSubject((name) => known.message(name) ?? missing(name), known);
}

function isMessageType(value: unknown): value is MessageType<unknown> {
  return typeof value === 'object' && value !== null && 'typeName' in value && 'fields' in value && 'decode' in value;
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
