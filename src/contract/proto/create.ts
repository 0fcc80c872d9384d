/** Makes whole messages of partial ones: what is absent becomes its default, and nothing is shared but bytes. */
import { shown } from '../bytes/wrong-value.js';
import { cloneValue } from './clone.js';
import {
  entriesOf,
  fieldValue,
  isMessageType,
  isObject,
  isValueType,
  mapOf,
  own,
  put,
  setUnknown,
  unknownOf,
} from './fields.js';
import type { Field, MessageType, ValueType } from './message-type.js';

/** Throws a TypeError that names the field, for what is no list, map, message or oneof where one is wanted. */
export function createMessage<T>(type: MessageType<T>, init: unknown): T {
  return made(type as MessageType<unknown>, init, type.typeName) as T;
}

function made(type: MessageType<unknown>, init: unknown, path: string): unknown {
  const message = type.zero() as object;
  if (init === undefined || init === null) return message;
  if (!isObject(init)) wrong(path, init, `a ${type.typeName}: an object`);
  for (const field of type.fields) {
    const at = `${path}.${field.name}`;
    if (field.oneof !== undefined) checkOneof(type, field, init, path);
    const value = fieldValue(init, field);
    if (value === undefined) continue;
    const whole = wholeOf(field, value, at);
    if (field.oneof === undefined) put(message, field.localName, whole);
    else put(message, field.oneof, { $case: field.localName, value: whole });
  }
  const unknown = unknownOf(init);
  if (unknown !== undefined) setUnknown(message, unknown);
  return message;
}

function wholeOf(field: Field, value: unknown, path: string): unknown {
  const { form, type } = field;
  if (form === 'list') {
    if (!Array.isArray(value)) wrong(path, value, 'an array');
    return value.map((item, index) => itemOf(type, item, `${path}[${index}]`));
  }
  if (form === 'map') {
    if (!isObject(value)) wrong(path, value, 'a map');
    return mapOf(
      field,
      entriesOf(value).map(([key, item]) => [key, itemOf(type, item, `${path}[${JSON.stringify(key)}]`)] as const),
    );
  }
  return itemOf(type, value, path);
}

function itemOf(type: Field['type'], value: unknown, path: string): unknown {
  if (!isValueType(type)) return value;
  return isMessageType(type) ? made(type, value, path) : cloneOf(type, value, path);
}

function cloneOf(type: ValueType<unknown>, value: unknown, path: string): unknown {
  try {
    return cloneValue(type, value);
  } catch (error) {
    throw new TypeError(`${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function checkOneof(type: MessageType<unknown>, field: Field, init: object, path: string): void {
  const { oneof = '' } = field;
  const chosen = own(init, oneof);
  if (chosen === undefined || chosen === null) return;
  const cases = type.fields.filter((one) => one.oneof === oneof).map((one) => one.localName);
  if (isObject(chosen) && (chosen.$case === undefined || cases.includes(chosen.$case as string))) return;
  const found = isObject(chosen) ? `$case ${shown(chosen.$case)}` : shown(chosen);
  wrong(`${path}.${oneof}`, found, `a oneof: { $case, value }, where $case is ${cases.join(', ')}`, true);
}

function wrong(path: string, value: unknown, wanted: string, said = false): never {
  throw new TypeError(`${path}: ${said ? String(value) : shown(value)} is not ${wanted}`);
}
