/** Message types of descriptors: what the runtime does by tables of fields, without generated code. */
import { type DescEnum, type DescExtension, type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { defineExtension } from '../../src/contract/proto/extension.js';
import { interpretedMessage } from '../../src/contract/proto/interpret.js';
import type {
  EnumType,
  Extension,
  FieldMore,
  FieldSpec,
  FieldType,
  MessageType,
  ScalarName,
} from '../../src/contract/proto/message-type.js';
import * as unwrapped from '../../src/contract/proto/unwrapped.js';

const types = new Map<DescMessage, MessageType<Record<string, unknown>>>();
const enums = new Map<DescEnum, EnumType>();

export function typeOf(desc: DescMessage): MessageType<Record<string, unknown>> {
  let type = types.get(desc);
  if (type === undefined) {
    type = interpretedMessage(desc.typeName, () => desc.fields.map(specOf));
    types.set(desc, type);
  }
  return type;
}

export function extensionOf(desc: DescExtension): Extension<unknown> {
  return defineExtension({
    name: desc.typeName,
    extendee: desc.extendee.typeName,
    number: desc.number,
    type: () => fieldType(desc),
    more: moreOf(desc),
  });
}

function specOf(field: DescField): FieldSpec {
  const oneof = field.oneof === undefined ? {} : { oneof: field.oneof.localName };
  return [field.number, field.jsonName, fieldType(field), { ...moreOf(field), ...oneof }];
}

function moreOf(field: DescField | DescExtension): FieldMore {
  return {
    name: field.name,
    json: field.jsonName,
    ...(field.fieldKind === 'list' ? { list: true, ...(field.packed ? {} : { packed: false }) } : {}),
    ...(field.fieldKind === 'map' ? { map: scalarName(field.mapKey) } : {}),
    ...(field.presence === 1 && field.fieldKind !== 'message' ? { optional: true } : {}),
    ...(field.presence === 3 ? { required: true } : {}),
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
