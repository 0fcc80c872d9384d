/**
 * What ts-proto is given instead of the compiler's descriptors, so that its output is right for every valid
 * file. The wire and ProtoJSON stay as they are (numbers, types and `json_name` are kept). Changed are
 * - names that would clash in TypeScript (names.ts);
 * - proto2 and editions: written as the proto3 that means the same. ts-proto 2.18 knows neither features nor
 *   a required zero, and would drop an explicit `false` or `0` of an optional proto2 field when encoding;
 * - what makes no code: services, extensions, options.
 */
import { clone, create, type DescField, type DescMessage, type Registry } from '@bufbuild/protobuf';
import {
  type DescriptorProto,
  type EnumDescriptorProto,
  FeatureSet_FieldPresence,
  type FieldDescriptorProto,
  FieldOptionsSchema,
  FieldDescriptorProto_Type as FieldType,
  type FileDescriptorProto,
  FileDescriptorProtoSchema,
  FieldDescriptorProto_Label as Label,
  OneofDescriptorProtoSchema,
} from '@bufbuild/protobuf/wkt';
import { memberNames, type TypeNames, valueName } from './names.js';

export function adaptFile(file: FileDescriptorProto, names: TypeNames, registry: Registry): FileDescriptorProto {
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
  const scope = file.package === '' ? '' : `${file.package}.`;
  adaptTypes(copy.messageType, copy.enumType, scope, names, registry);
  return copy;
}

function adaptTypes(
  messages: readonly DescriptorProto[],
  enums: readonly EnumDescriptorProto[],
  scope: string,
  names: TypeNames,
  registry: Registry,
): void {
  for (const one of enums) {
    const simple = names.get(scope + one.name)?.simple ?? one.name;
    renameValues(one, simple);
    one.name = simple;
  }
  for (const message of messages) {
    const fullName = scope + message.name;
    adaptTypes(message.nestedType, message.enumType, `${fullName}.`, names, registry);
    message.name = names.get(fullName)?.simple ?? message.name;
    const members = memberNames(message);
    message.extension = [];
    const desc = registry.getMessage(fullName);
    for (const field of message.field) adaptField(field, message, desc, names);
    for (const [index, name] of members.fields.entries()) {
      const field = message.field[index];
      if (field !== undefined) field.name = name;
    }
    for (const [index, name] of members.oneofs.entries()) {
      const oneof = message.oneofDecl[index];
      if (oneof !== undefined) oneof.name = name;
    }
  }
}

function adaptField(
  field: FieldDescriptorProto,
  message: DescriptorProto,
  desc: DescMessage | undefined,
  names: TypeNames,
): void {
  if (field.typeName !== '') field.typeName = renamedType(field.typeName, names);
  delete (field as { defaultValue?: string }).defaultValue;
  const resolved = desc?.fields.find((one) => one.number === field.number);
  const options = create(FieldOptionsSchema, field.options?.deprecated === true ? { deprecated: true } : {});
  const jstype = field.options?.jstype ?? 0;
  field.options = options;
  if (resolved === undefined) return;
  // The entries of a map keep their plain shape: both fields are always there.
  if (message.options?.mapEntry === true) return;
  if (resolved.fieldKind === 'list' && isPackable(field.type)) options.packed = resolved.packed;
  if (isDelimited(resolved)) field.type = FieldType.GROUP;
  if (field.label === Label.REQUIRED) field.label = Label.OPTIONAL;
  const explicit = resolved.presence !== FeatureSet_FieldPresence.IMPLICIT;
  const single = resolved.fieldKind === 'scalar' || resolved.fieldKind === 'enum';
  if (single && explicit && resolved.oneof === undefined && !field.proto3Optional) {
    field.proto3Optional = true;
    field.oneofIndex = message.oneofDecl.length;
    message.oneofDecl.push(create(OneofDescriptorProtoSchema, { name: `_${field.name}` }));
  }
  // Where a value may be absent or repeated, ts-proto 2.18 prints code for jstype that does not compile.
  if (jstype !== 0 && resolved.fieldKind === 'scalar' && !explicit) options.jstype = jstype;
}

/** `.pkg.Outer.Inner`, each part under its new name. */
function renamedType(typeName: string, names: TypeNames): string {
  const parts = typeName.replace(/^\./, '').split('.');
  const renamed = parts.map((part, index) => names.get(parts.slice(0, index + 1).join('.'))?.simple ?? part);
  return `.${renamed.join('.')}`;
}

function isPackable(type: FieldType): boolean {
  return (
    type !== FieldType.STRING && type !== FieldType.BYTES && type !== FieldType.MESSAGE && type !== FieldType.GROUP
  );
}

function isDelimited(field: DescField): boolean {
  return (
    (field.fieldKind === 'message' || (field.fieldKind === 'list' && field.listKind === 'message')) &&
    field.delimitedEncoding
  );
}

/**
 * The values of an enum lose the enum's name as their prefix. Where two would then be one, or one would be a
 * number or what ts-proto adds, all keep it; what is still taken gets a `_`. ProtoJSON has the names of the
 * file. ts-proto looks at all values for each of them, and stops at the first that would begin with a digit:
 * so the first is made such a one.
 */
function renameValues(type: EnumDescriptorProto, simple: string): void {
  const prefix = `${screamingCase(type.name)}_`;
  const added = type.value.some((value) => value.number === -1) ? [] : ['UNRECOGNIZED'];
  const short = type.value.map((value) => value.name.replace(prefix, ''));
  const keep =
    new Set([...short, ...added]).size < short.length + added.length || short.some((one) => /^(?:\d|$)/.test(one));
  for (const [index, value] of type.value.entries()) {
    const member = (keep ? value.name : short[index]) ?? value.name;
    const free = added.includes(member) || member === '__proto__' ? `${member}_` : member;
    value.name = (index === 0 ? `${screamingCase(simple)}_0` : '') + valueName(value.name, free);
  }
}

/** As ts-proto makes the prefix: `FooBar` -> `FOO_BAR`. */
function screamingCase(name: string): string {
  return name
    .replace(/[a-z0-9]([A-Z])/g, (pair) => `${pair.charAt(0)}_${pair.charAt(1)}`)
    .replace(/[A-Z]([A-Z][a-z])/g, (word) => `${word.charAt(0)}_${word.slice(1)}`)
    .toUpperCase();
}
