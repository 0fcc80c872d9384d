/**
 * What ts-proto is given instead of the compiler's descriptors, so that the types that it prints are right for every valid file.
 * Changed are
 * - names, to what they are in TypeScript (names.ts);
 * - proto2 and editions: written as the proto3 whose types are the same, since ts-proto knows no features;
 * - what makes no types: services, extensions, options.
 */
import { clone, create, type DescMessage, type Registry } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  EnumOptionsSchema,
  FeatureSet_FieldPresence,
  type FieldDescriptorProto,
  FieldOptionsSchema,
  FieldDescriptorProto_Type as FieldType,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  OneofDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt';
import { memberNames, type TypeNames, valueNames } from './names.js';

export function prepareFile(
  file: FileDescriptorProto,
  names: TypeNames,
  registry: Registry,
  enums: 'const' | 'number',
): FileDescriptorProto {
  const copy = clone(FileDescriptorProtoSchema, file);
  copy.syntax = 'proto3';
  copy.edition = 0;
  copy.service = [];
  copy.extension = [];
  delete copy.options;
  if (copy.sourceCodeInfo !== undefined) {
    // ts-proto goes through all places for each message, and wants only the comments.
    copy.sourceCodeInfo.location = copy.sourceCodeInfo.location.filter(
      ({ leadingComments, trailingComments }) => leadingComments !== '' || trailingComments !== '',
    );
  }
  const context = { names, registry, numbers: enums === 'number' };
  prepareTypes(copy.messageType, copy.enumType, file.package === '' ? '' : `${file.package}.`, context);
  return copy;
}

interface Context {
  readonly names: TypeNames;
  readonly registry: Registry;
  /** Whether enums are numbers in TypeScript. */
  readonly numbers: boolean;
}

function prepareTypes(
  messages: readonly DescriptorProto[],
  enums: readonly EnumDescriptorProto[],
  scope: string,
  context: Context,
): void {
  for (const one of enums) {
    for (const [index, name] of valueNames(one).entries()) {
      const value = one.value[index];
      if (value !== undefined) value.name = name;
    }
    if (one.options !== undefined) one.options = create(EnumOptionsSchema, { deprecated: one.options.deprecated });
    one.name = context.names.get(scope + one.name)?.simple ?? one.name;
  }
  for (const message of messages) {
    const fullName = scope + message.name;
    prepareTypes(message.nestedType, message.enumType, `${fullName}.`, context);
    message.name = context.names.get(fullName)?.simple ?? message.name;
    message.extension = [];
    const members = memberNames(message);
    const desc = context.registry.getMessage(fullName);
    for (const field of message.field) prepareField(field, message, desc, context);
    // The entries of a map are read by the names of their fields.
    if (message.options?.mapEntry === true) continue;
    for (const [index, name] of members.fields.entries()) {
      const field = message.field[index];
      if (field !== undefined) field.name = field.jsonName = name;
    }
    for (const [index, name] of members.oneofs.entries()) {
      const oneof = message.oneofDecl[index];
      if (oneof !== undefined) oneof.name = name;
    }
  }
}

function prepareField(
  field: FieldDescriptorProto,
  message: DescriptorProto,
  desc: DescMessage | undefined,
  { names, numbers }: Context,
): void {
  if (field.typeName !== '') field.typeName = renamedType(field.typeName, names);
  if (numbers && field.type === FieldType.ENUM) {
    field.type = FieldType.INT32;
    field.typeName = '';
  }
  delete (field as { defaultValue?: string }).defaultValue;
  const { deprecated = false, jstype = 0 } = field.options ?? {};
  field.options = create(FieldOptionsSchema, {
    ...(deprecated ? { deprecated } : {}),
    ...(jstype === 0 ? {} : { jstype }),
  });
  if (field.type === FieldType.GROUP) field.type = FieldType.MESSAGE;
  if (field.label === Label.REQUIRED) field.label = Label.OPTIONAL;
  const resolved = desc?.fields.find((one) => one.number === field.number);
  if (resolved === undefined || message.options?.mapEntry === true) return;
  const explicit = resolved.presence !== FeatureSet_FieldPresence.IMPLICIT;
  const single = resolved.fieldKind === 'scalar' || resolved.fieldKind === 'enum';
  if (single && explicit && resolved.oneof === undefined && !field.proto3Optional) {
    field.proto3Optional = true;
    field.oneofIndex = message.oneofDecl.length;
    message.oneofDecl.push(create(OneofDescriptorProtoSchema, { name: `_${field.name}` }));
  }
}

/** `.pkg.Outer.Inner`, each part under its new name. */
function renamedType(typeName: string, names: TypeNames): string {
  const parts = typeName.replace(/^\./, '').split('.');
  const renamed = parts.map((part, index) => names.get(parts.slice(0, index + 1).join('.'))?.simple ?? part);
  return `.${renamed.join('.')}`;
}
