/** Message types of descriptors, for code that was generated for none: they are read, written and converted by tables of fields. */
import {
  type DescEnum,
  type DescExtension,
  type DescField,
  type DescMessage,
  type FileRegistry,
  ScalarType,
} from '@bufbuild/protobuf';
import { FeatureSet_FieldPresence as Presence } from '@bufbuild/protobuf/wkt';
import { defineExtension } from '../contract/proto/extension.js';
import { interpretedMessage } from '../contract/proto/interpret.js';
import type {
  EnumType,
  Extension,
  FieldMore,
  FieldSpec,
  FieldType,
  MessageType,
  ScalarName,
  TypeRegistry,
} from '../contract/proto/message-type.js';
import * as unwrapped from '../contract/proto/unwrapped.js';

export type DescribedMessage = Record<string, unknown>;

const types = new WeakMap<DescMessage, MessageType<DescribedMessage>>();
const enums = new WeakMap<DescEnum, EnumType>();

/** All that a set of files describes, for `google.protobuf.Any` and extensions. */
export function typesOf(registry: FileRegistry): TypeRegistry {
  const message = (name: string): MessageType<unknown> | undefined => {
    const desc = registry.getMessage(name);
    return desc === undefined ? undefined : (typeOf(desc) as MessageType<unknown>);
  };
  return {
    message,
    extension(name) {
      const desc = registry.getExtension(name);
      return desc === undefined ? undefined : extensionOf(desc);
    },
    extensionOf(extendee, number) {
      const extended = registry.getMessage(extendee);
      const desc = extended === undefined ? undefined : registry.getExtensionFor(extended, number);
      return desc === undefined ? undefined : extensionOf(desc);
    },
  };
}

/** Properties are called what the fields are in JSON; a oneof has a name that no field can have. */
export function typeOf(desc: DescMessage): MessageType<DescribedMessage> {
  let type = types.get(desc);
  if (type === undefined) {
    type = interpretedMessage(desc.typeName, () => desc.fields.map(specOf));
    types.set(desc, type);
  }
  return type;
}

function extensionOf(desc: DescExtension): Extension<unknown> {
  return defineExtension({
    name: desc.typeName,
    extendee: desc.extendee.typeName,
    number: desc.number,
    type: () => fieldType(desc),
    more: moreOf(desc),
  });
}

function specOf(field: DescField): FieldSpec {
  const oneof = field.oneof === undefined ? {} : { oneof: `oneof ${field.oneof.name}` };
  return [field.number, field.jsonName, fieldType(field), { ...moreOf(field), ...oneof }];
}

function moreOf(field: DescField | DescExtension): FieldMore {
  return {
    name: field.name,
    json: field.jsonName,
    ...(field.fieldKind === 'list' ? { list: true, ...(field.packed ? {} : { packed: false }) } : {}),
    ...(field.fieldKind === 'map' ? { map: scalarName(field.mapKey) } : {}),
    ...(field.presence === Presence.EXPLICIT && field.message === undefined ? { optional: true } : {}),
    ...(field.presence === Presence.LEGACY_REQUIRED ? { required: true } : {}),
    ...('delimitedEncoding' in field && field.delimitedEncoding ? { delimited: true } : {}),
  };
}

function fieldType(field: DescField | DescExtension): FieldType {
  if (field.enum !== undefined) return enumOf(field.enum);
  if (field.message !== undefined) {
    const name = field.message.typeName;
    const other = Object.values(unwrapped).find(
      (one) => typeof one === 'object' && 'typeName' in one && one.typeName === name,
    );
    return (other as FieldType | undefined) ?? typeOf(field.message);
  }
  return scalarName(field.scalar as ScalarType);
}

function enumOf(desc: DescEnum): EnumType {
  let type = enums.get(desc);
  if (type === undefined) {
    const names = new Map<number, string>();
    for (const { number, name } of desc.values) if (!names.has(number)) names.set(number, name);
    const numbers = new Map(desc.values.map(({ number, name }) => [name, number]));
    type = { kind: 'enum', name: desc.typeName, names, numbers, closed: !desc.open };
    enums.set(desc, type);
  }
  return type;
}

function scalarName(type: ScalarType): ScalarName {
  return ScalarType[type].toLowerCase() as ScalarName;
}
