/**
 * Messages with their maps in one order. Fields are written in the order of their numbers, so equal messages of a type are then
 * encoded as equal bytes, which names of topics are made of. (An Any keeps the bytes that it holds.)
 */
import { fieldValue, isMessageType, isObject, isValueType, put, setUnknown, unknownOf } from './fields.js';
import type { Field, FieldType, MessageType } from './message-type.js';
import { emptyMap } from './zero.js';

export function orderedMessage<T>(type: MessageType<T>, message: T): T {
  return ordered(type as FieldType, message) as T;
}

function ordered(type: FieldType, value: unknown): unknown {
  if (!isValueType(type)) return value;
  if (!isMessageType(type)) return orderedJson(value);
  if (!isObject(value)) return value;
  const message = type.zero() as object;
  for (const field of type.fields) {
    const held = fieldValue(value, field);
    if (held === undefined) continue;
    const inOrder = orderedField(field, held);
    if (field.oneof === undefined) put(message, field.localName, inOrder);
    else put(message, field.oneof, { $case: field.localName, value: inOrder });
  }
  setUnknown(message, unknownOf(value));
  return message;
}

function orderedField({ form, type }: Field, value: unknown): unknown {
  if (form === 'list') return Array.isArray(value) ? value.map((item) => ordered(type, item)) : value;
  if (form === 'single') return ordered(type, value);
  if (!isObject(value)) return value;
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  entries.sort(([a], [b]) => compareText(String(a), String(b)));
  if (value instanceof Map) return new Map(entries.map(([key, item]) => [key, ordered(type, item)]));
  return objectOf(entries.map(([key, item]) => [key, ordered(type, item)]));
}

/** Of a Struct or a Value. */
function orderedJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(orderedJson);
  if (!isObject(value) || value instanceof Uint8Array) return value;
  const entries = Object.entries(value).sort(([a], [b]) => compareText(a, b));
  return objectOf(entries.map(([key, item]) => [key, orderedJson(item)]));
}

/** Names that are whole numbers come first in every object, by their size. */
function objectOf(entries: readonly (readonly [string, unknown])[]): object {
  const object: Record<string, unknown> = emptyMap();
  for (const [key, item] of entries) object[key] = item;
  return object;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
