/** Copies of messages that share nothing with them. */
import { shown } from '../bytes/wrong-value.js';
import {
  entriesOf,
  fieldValue,
  isMessageType,
  isObject,
  isValueType,
  mapOf,
  put,
  setUnknown,
  unknownOf,
} from './fields.js';
import type { Field, FieldType, ValueType } from './message-type.js';
import { emptyMap } from './zero.js';

export function cloneValue<T>(type: ValueType<T>, value: T): T {
  return copyOf(type as ValueType<unknown>, value) as T;
}

function copyOf(type: FieldType, value: unknown): unknown {
  if (value instanceof Uint8Array) return value.slice();
  if (!isValueType(type)) return value;
  if (!isMessageType(type)) return copyOfJson(type, value);
  if (!isObject(value)) throw new TypeError(`${shown(value)} is not a ${type.typeName}; it must be an object`);
  const message = type.zero() as object;
  for (const field of type.fields) {
    const held = fieldValue(value, field);
    if (held === undefined) continue;
    const copy = copyOfField(field, held);
    if (field.oneof === undefined) put(message, field.localName, copy);
    else put(message, field.oneof, { $case: field.localName, value: copy });
  }
  const unknown = unknownOf(value);
  if (unknown !== undefined) setUnknown(message, unknown.slice());
  return message;
}

function copyOfField(field: Field, value: unknown): unknown {
  const { form, type } = field;
  if (form === 'list') return Array.from(value as unknown[], (item) => copyOf(type, item));
  if (form === 'single') return copyOf(type, value);
  return mapOf(
    field,
    entriesOf(value as object).map(([key, item]) => [key, copyOf(type, item)] as const),
  );
}

/** Of a Struct, a Value, a list of paths or a wrapped scalar. */
function copyOfJson(type: ValueType<unknown>, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item) => copyOfJson(type, item));
  if (!isObject(value)) return value;
  const copy: Record<string, unknown> = emptyMap();
  for (const [key, item] of Object.entries(value)) copy[key] = copyOfJson(type, item);
  return copy;
}
