/** A field as the emitter sees it, and what it prints of one outside of functions: the table and the fresh value. */
import { type DescField, type DescMessage, ScalarType } from '@bufbuild/protobuf';
import { FieldOptions_JSType as JsType, FeatureSet_FieldPresence as Presence } from '@bufbuild/protobuf/wkt';
import type { LongForm, ScalarName } from '../../../contract/proto/message-type.js';
import { snakeCase } from '../../../contract/proto/resolve-fields.js';
import { wireTypes } from '../../../contract/proto/wire-types.js';
import { memberNames } from '../names.js';
import type { ModuleScope } from './module.js';

export interface EmittedField {
  readonly desc: DescField;
  /** The property, or the `$case` of a oneof. */
  readonly local: string;
  /** The property of the oneof. */
  readonly oneof: string | undefined;
  readonly form: 'single' | 'list' | 'map';
  /** Of a scalar: its name; an enum travels as int32. */
  readonly scalar: ScalarName | undefined;
  /** The expression of a message's or an enum's type. */
  readonly type: string | undefined;
  /** An enum whose unknown numbers are unknown fields. */
  readonly closed: boolean;
  readonly key: ScalarName | undefined;
  /** Zero is a value like any other. */
  readonly explicit: boolean;
  readonly long: LongForm;
  /** A string that may hold other bytes than UTF-8. */
  readonly unchecked: boolean;
  readonly tag: number;
}

export function fieldsOf(message: DescMessage, scope: ModuleScope): EmittedField[] {
  const { fields, oneofs } = memberNames(message.proto);
  return message.fields.map((desc): EmittedField => {
    const { oneof } = desc;
    const long = longForm(desc, scope);
    const scalar = desc.enum !== undefined ? 'int32' : desc.scalar === undefined ? undefined : nameOf(desc.scalar);
    const form = desc.fieldKind === 'list' ? 'list' : desc.fieldKind === 'map' ? 'map' : 'single';
    return {
      desc,
      local: fields[message.proto.field.indexOf(desc.proto)] ?? desc.localName,
      oneof:
        oneof === undefined ? undefined : (oneofs[message.proto.oneofDecl.indexOf(oneof.proto)] ?? oneof.localName),
      form,
      scalar,
      type:
        desc.message !== undefined
          ? (unwrapped(desc.message, scope) ?? scope.type(desc.message))
          : desc.enum !== undefined
            ? scope.type(desc.enum)
            : undefined,
      closed: desc.enum !== undefined && !desc.enum.open,
      key: desc.fieldKind === 'map' ? nameOf(desc.mapKey) : undefined,
      explicit: form === 'single' && desc.presence !== Presence.IMPLICIT,
      long: isLong(scalar) || isLong(desc.fieldKind === 'map' ? nameOf(desc.mapKey) : undefined) ? long : 'bigint',
      unchecked: !desc.utf8Validation,
      tag: tagOf(desc, form, scalar),
    };
  });
}

function tagOf(desc: DescField, form: EmittedField['form'], scalar: ScalarName | undefined): number {
  const delimited = 'delimitedEncoding' in desc && desc.delimitedEncoding === true;
  const packed = desc.fieldKind === 'list' && desc.packed;
  const wire = form === 'map' || packed ? 2 : scalar !== undefined ? wireTypes[scalar] : delimited ? 3 : 2;
  return ((desc.number << 3) | wire) >>> 0;
}

function longForm(desc: DescField, scope: ModuleScope): LongForm {
  const jstype = desc.fieldKind === 'map' ? JsType.JS_NORMAL : (desc.proto.options?.jstype ?? JsType.JS_NORMAL);
  if (jstype === JsType.JS_NUMBER) return 'number';
  return jstype === JsType.JS_STRING ? 'string' : scope.options.int64;
}

export function isLong(scalar: ScalarName | undefined): boolean {
  return scalar?.endsWith('64') === true;
}

function nameOf(scalar: ScalarType): ScalarName {
  return ScalarType[scalar].toLowerCase() as ScalarName;
}

/** The well-known types that are something else than a message in TypeScript. */
const unwrappedTypes = new Set(
  'Double Float Int64 UInt64 Int32 UInt32 Bool String Bytes'
    .split(' ')
    .map((one) => `${one}Value`)
    .concat('Struct', 'Value', 'ListValue', 'FieldMask')
    .map((one) => `google.protobuf.${one}`),
);

function unwrapped(message: DescMessage, scope: ModuleScope): string | undefined {
  if (!unwrappedTypes.has(message.typeName)) return undefined;
  const text = scope.options.int64 === 'string' && /Int64Value$/.test(message.name) ? 'Text' : '';
  return scope.runtime(`${message.name}${text}`);
}

/** `[2, "priceCents", "int64"]`. */
export function specOf(field: EmittedField): string {
  const { desc, local, form, scalar, type, explicit, oneof, long, key } = field;
  const more: string[] = [];
  if (desc.name !== snakeCase(local)) more.push(`name: ${JSON.stringify(desc.name)}`);
  if (desc.jsonName !== local) more.push(`json: ${JSON.stringify(desc.jsonName)}`);
  if (form === 'list') more.push('list: true');
  if (desc.fieldKind === 'list' && !desc.packed && scalar !== undefined && wireTypes[scalar] !== 2)
    more.push('packed: false');
  if (key !== undefined) more.push(`map: ${JSON.stringify(key)}`);
  if (desc.presence === Presence.LEGACY_REQUIRED) more.push('required: true');
  else if (explicit && desc.message === undefined && oneof === undefined) more.push('optional: true');
  if (oneof !== undefined) more.push(`oneof: ${JSON.stringify(oneof)}`);
  if ('delimitedEncoding' in desc && desc.delimitedEncoding === true) more.push('delimited: true');
  if (long !== 'bigint') more.push(`int64: ${JSON.stringify(long)}`);
  const parts = [desc.number, JSON.stringify(local), type ?? JSON.stringify(scalar)];
  return `[${parts.join(', ')}${more.length === 0 ? '' : `, { ${more.join(', ')} }`}]`;
}

export function zeroOf(field: EmittedField, scope: ModuleScope): string {
  const { form, scalar, explicit, key, long } = field;
  if (form === 'list') return '[]';
  if (form === 'map')
    return key === 'bool' || (isLong(key) && scope.options.int64 === 'bigint')
      ? 'new Map()'
      : `${scope.runtime('emptyMap')}()`;
  if (explicit || scalar === undefined) return 'undefined';
  if (scalar === 'string') return '""';
  if (scalar === 'bool') return 'false';
  if (scalar === 'bytes') return scope.runtime('noBytes');
  if (isLong(scalar)) return long === 'bigint' ? '0n' : long === 'number' ? '0' : '"0"';
  return '0';
}
