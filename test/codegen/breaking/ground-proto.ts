/** A random schema as compiled .proto, and its messages over the wire. */
import {
  create,
  createFileRegistry,
  type DescField,
  type DescMessage,
  type FileRegistry,
  fromBinary,
  type Message,
  ScalarType,
  toBinary,
} from '@bufbuild/protobuf';
import { type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import {
  type FieldDescriptorProto,
  FieldDescriptorProtoSchema,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FileDescriptorSetSchema,
  FieldDescriptorProto_Label as Label,
  FieldDescriptorProto_Type as Type,
} from '@bufbuild/protobuf/wkt';
import type { SeededRandom } from '../../../src/testing/random.js';
import type { Model, ModelField, ModelType } from './edits.js';

export const fileName = 'model.proto';

export function protoFile(model: Model): FileDescriptorProto {
  return create(FileDescriptorProtoSchema, {
    name: fileName,
    package: 'model',
    syntax: model.dialect,
    messageType: model.structs.map((struct, index) => {
      const nestedType = struct.fields.flatMap((field) =>
        field.type.kind === 'map'
          ? [
              {
                name: entryName(field),
                options: { mapEntry: true },
                field: [
                  create(FieldDescriptorProtoSchema, {
                    name: 'key',
                    number: 1,
                    label: Label.OPTIONAL,
                    type: scalarType(field.type.key),
                  }),
                  create(FieldDescriptorProtoSchema, {
                    name: 'value',
                    number: 2,
                    label: Label.OPTIONAL,
                    ...typeOf(field.type.value),
                  }),
                ],
              },
            ]
          : [],
      );
      const oneofs = [...new Set(struct.fields.flatMap(({ oneof }) => oneof ?? []))];
      const field = struct.fields.map((one) => fieldOf(one, `.model.M${index}`, oneofs, model));
      return {
        name: `M${index}`,
        field,
        nestedType,
        oneofDecl: oneofs.map((name) => ({ name })),
        reservedRange: struct.reserved.map((id) => ({ start: id, end: id + 1 })),
        reservedName: [],
      };
    }),
    enumType: model.enums.map((one, index) => ({
      name: `E${index}`,
      value: one.values.map(({ name, number }) => ({ name, number })),
      reservedRange: one.reserved.map((number) => ({ start: number, end: number })),
    })),
  });
}

function entryName(field: ModelField): string {
  return `${field.name.replace(/^f/, 'F')}Entry`;
}

/** Synthetic oneofs of `optional` are added to `oneofs`. */
function fieldOf(field: ModelField, parent: string, oneofs: string[], model: Model): FieldDescriptorProto {
  const { type } = field;
  const many = type.kind === 'list' || type.kind === 'map';
  const form =
    type.kind === 'map'
      ? { type: Type.MESSAGE, typeName: `${parent}.${entryName(field)}` }
      : typeOf(type.kind === 'list' ? type.element : type);
  const explicit = model.dialect === 'proto3' && field.presence === 'optional';
  if (explicit) oneofs.push(`_${field.name}`);
  const oneof = field.oneof ?? (explicit ? `_${field.name}` : undefined);
  return create(FieldDescriptorProtoSchema, {
    name: field.name,
    jsonName: field.name,
    number: field.id,
    label: many ? Label.REPEATED : field.presence === 'required' ? Label.REQUIRED : Label.OPTIONAL,
    ...form,
    ...(oneof === undefined ? {} : { oneofIndex: oneofs.indexOf(oneof) }),
    ...(explicit ? { proto3Optional: true } : {}),
    ...(field.default === undefined ? {} : { defaultValue: String(field.default) }),
  });
}

function typeOf(type: ModelType): { type: Type; typeName?: string } {
  switch (type.kind) {
    case 'scalar':
      return { type: scalarType(type.name) };
    case 'enum':
      return { type: Type.ENUM, typeName: `.model.E${type.index}` };
    case 'struct':
      return { type: Type.MESSAGE, typeName: `.model.M${type.index}` };
    default:
      throw new Error('containers do not nest in proto');
  }
}

function scalarType(name: string): Type {
  return Type[name.toUpperCase() as keyof typeof Type];
}

export function protoRegistry(file: FileDescriptorProto): FileRegistry {
  return createFileRegistry(create(FileDescriptorSetSchema, { file: [file] }));
}

/** Sends a random message of one version through the wire to the other; a sentence when it fails or reads differently. */
export function protoExchange(from: FileRegistry, to: FileRegistry, random: SeededRandom): string | undefined {
  for (let index = 0; ; index++) {
    const sent = from.getMessage(`model.M${index}`);
    const read = to.getMessage(`model.M${index}`);
    if (sent === undefined || read === undefined) return undefined;
    const message = randomMessage(sent, random, 0);
    let received: ReflectMessage;
    try {
      received = reflect(read, fromBinary(read, toBinary(sent, message.message as Message)));
    } catch (error) {
      return `${sent.typeName} cannot be read: ${String(error)}`;
    }
    const difference = differ(message, received);
    if (difference !== undefined) return difference;
  }
}

function randomMessage(type: DescMessage, random: SeededRandom, depth: number): ReflectMessage {
  const message = reflect(type);
  const chosen = new Map(type.oneofs.map((oneof) => [oneof.name, random.int(oneof.fields.length + 1)]));
  for (const field of type.fields) {
    if (field.oneof !== undefined && field.oneof.fields[chosen.get(field.oneof.name) ?? 0] !== field) continue;
    const required = field.proto.label === Label.REQUIRED;
    if (!required && random.chance(0.2)) continue;
    if (field.fieldKind === 'list') {
      const list = message.get(field);
      for (let i = random.int(3); i > 0; i--) list.add(randomValue(field, random, depth) as never);
    } else if (field.fieldKind === 'map') {
      const map = message.get(field);
      for (let i = random.int(3); i > 0; i--) {
        map.set(randomScalar(field.mapKey, random) as string, randomValue(field, random, depth) as never);
      }
    } else message.set(field, randomValue(field, random, depth) as never);
  }
  return message;
}

function randomValue(field: DescField, random: SeededRandom, depth: number): unknown {
  if (field.message !== undefined) return randomMessage(field.message, random, depth + 1);
  if (field.enum !== undefined) return random.pick(field.enum.values).number;
  return randomScalar(field.scalar ?? ScalarType.INT32, random);
}

function randomScalar(type: ScalarType, random: SeededRandom): unknown {
  switch (type) {
    case ScalarType.BOOL:
      return random.chance(0.5);
    case ScalarType.STRING:
      return random.pick(['', 'halibut', 'ſ\u{1f41f}']);
    case ScalarType.BYTES:
      return random.pick([new Uint8Array(), Uint8Array.of(0xff, 0xfe), Uint8Array.of(104, 105)]);
    case ScalarType.DOUBLE:
    case ScalarType.FLOAT:
      return random.pick([0, 0.5, -2]);
    case ScalarType.UINT32:
    case ScalarType.FIXED32:
      return random.pick([0, 1, 2 ** 32 - 1]);
    case ScalarType.INT32:
    case ScalarType.SINT32:
    case ScalarType.SFIXED32:
      return random.pick([0, 1, -1, -(2 ** 31)]);
    case ScalarType.UINT64:
    case ScalarType.FIXED64:
      return random.pick([0n, 1n, 2n ** 64n - 1n]);
    default:
      return random.pick([0n, 1n, -1n, -(2n ** 63n)]);
  }
}

/** What both versions know must read alike; absent is as good as the default. */
function differ(sent: ReflectMessage, read: ReflectMessage): string | undefined {
  for (const field of sent.fields) {
    const other = read.fields.find(({ number }) => number === field.number);
    if (other === undefined) continue;
    const [a, b] = [readingOf(sent, field), readingOf(read, other)];
    if (a !== b) return `${sent.desc.typeName}.${field.name} was sent as ${a} and is read as ${b}`;
  }
  return undefined;
}

function readingOf(message: ReflectMessage, field: DescField): string {
  if (field.fieldKind === 'list') return `[${[...message.get(field)].map(text).join(', ')}]`;
  if (field.fieldKind === 'map') {
    return `{${[...message.get(field)]
      .map(([key, value]) => `${key}: ${text(value)}`)
      .sort()
      .join(', ')}}`;
  }
  if (field.message !== undefined && !message.isSet(field)) return 'unset';
  return text(message.get(field));
}

/** Nested messages are compared where they are declared: each version may know other fields of them. */
function text(value: unknown): string {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`;
  if (typeof value === 'object' && value !== null) return 'a message';
  return String(value);
}
