/** Properties of messages, by the fields that they hold. Names may come from anywhere, so nothing is read off or put on a prototype. */
import type { Field, FieldType, MessageType, ScalarName, ValueType } from './message-type.js';
import { type HasUnknownFields, unknownFields } from './unknown.js';
import { emptyMap, zeroOf } from './zero.js';

export type Properties = Record<string, unknown>;

/** A property that the object itself has: one called `constructor` is not the one that every object inherits. */
export function own(object: object, name: string): unknown {
  return name in Object.prototype && !Object.hasOwn(object, name) ? undefined : (object as Properties)[name];
}

/** Sets an own property, also one called `__proto__`. */
export function put(object: object, name: string, value: unknown): void {
  if (name !== '__proto__') (object as Properties)[name] = value;
  else Object.defineProperty(object, name, { value, enumerable: true, configurable: true, writable: true });
}

export function isObject(value: unknown): value is Properties {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether a type is a message or what stands for one, rather than a scalar or an enum. */
export function isValueType(type: FieldType): type is ValueType<unknown> {
  return typeof type === 'object' && 'typeName' in type;
}

export function isMessageType(type: ValueType<unknown>): type is MessageType<unknown> {
  return 'fields' in type;
}

/** Whether null is a value of the type, and not the same as absent. */
export function isNullable(type: FieldType): boolean {
  return isValueType(type) && type.nullable;
}

/** What a message holds of a field; undefined when that is absent. */
export function fieldValue(message: object, field: Field): unknown {
  const { oneof, localName, type } = field;
  let value: unknown;
  if (oneof === undefined) {
    value = own(message, localName);
  } else {
    const chosen = own(message, oneof);
    if (!isObject(chosen) || chosen.$case !== localName) return undefined;
    value = chosen.value;
    // A oneof that chose a message chose it, however little of that is given.
    if (value === undefined && isValueType(type)) return type.zero();
  }
  return value === null && !(field.form === 'single' && isNullable(type)) ? undefined : value;
}

/** What a field without presence holds when it is absent, in the form that it has in TypeScript. */
export function fieldZero({ type, int64 }: Field): unknown {
  const zero = zeroOf(type);
  return zero !== 0n || int64 === 'bigint' ? zero : int64 === 'number' ? 0 : '0';
}

/** The entries of a map, keys as text. */
export function entriesOf(container: object): [key: string, value: unknown][] {
  return container instanceof Map
    ? Array.from(container, ([key, value]) => [String(key), value])
    : Object.entries(container);
}

/** A map in the form that the field has in TypeScript. */
export function mapOf(field: Field, entries: Iterable<readonly [key: string, value: unknown]>): object {
  if (field.container !== 'Map') {
    const object: Properties = emptyMap();
    for (const [key, value] of entries) object[key] = value;
    return object;
  }
  const map = new Map<unknown, unknown>();
  for (const [key, value] of entries) map.set(keyOfText(field.key, key), value);
  return map;
}

/** Text that is no key is left as it is, for an encoder to refuse. */
function keyOfText(type: ScalarName | undefined, text: string): unknown {
  if (type === 'bool') return text === 'true' ? true : text === 'false' ? false : text;
  return /^-?\d{1,20}$/.test(text) ? BigInt(text) : text;
}

export function unknownOf(message: object): Uint8Array | undefined {
  return (message as HasUnknownFields)[unknownFields];
}

export function setUnknown(message: object, bytes: Uint8Array | undefined): void {
  if (bytes === undefined || bytes.length === 0) delete (message as HasUnknownFields)[unknownFields];
  else (message as HasUnknownFields)[unknownFields] = bytes;
}
