/**
 * Whether two messages say the same: they would be written as the same bytes, but for the order of map entries. NaN equals NaN, and
 * -0 is not 0; an absent field is not one that holds its default, where the difference is sent.
 */
import { entriesOf, fieldValue, fieldZero, isMessageType, isObject, isValueType, unknownOf } from './fields.js';
import type { Field, FieldType, ValueType } from './message-type.js';

export function equalValues(type: ValueType<unknown>, a: unknown, b: unknown): boolean {
  return equal(type, a, b);
}

function equal(type: FieldType, a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (a instanceof Uint8Array && b instanceof Uint8Array) return equalBytes(a, b);
  if (!isValueType(type)) return false;
  if (!isMessageType(type)) return equalJson(a, b);
  if (!isObject(a) || !isObject(b)) return false;
  return (
    type.fields.every((field) => equalFields(field, fieldValue(a, field), fieldValue(b, field))) && sameUnknown(a, b)
  );
}

function equalFields(field: Field, a: unknown, b: unknown): boolean {
  const { form, type } = field;
  if (form === 'list') {
    return equalLists((a ?? []) as unknown[], (b ?? []) as unknown[], (one, other) => equal(type, one, other));
  }
  if (form === 'map') {
    const entries = entriesOf((a ?? {}) as object);
    const others = new Map(entriesOf((b ?? {}) as object));
    return (
      entries.length === others.size &&
      entries.every(([key, value]) => others.has(key) && equal(type, value, others.get(key)))
    );
  }
  if (field.presence === 'implicit') return equal(type, a ?? fieldZero(field), b ?? fieldZero(field));
  return a === undefined || b === undefined ? a === b : equal(type, a, b);
}

function equalJson(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (a instanceof Uint8Array && b instanceof Uint8Array) return equalBytes(a, b);
  if (Array.isArray(a) && Array.isArray(b)) return equalLists(a, b, equalJson);
  if (!isObject(a) || !isObject(b)) return false;
  const keys = Object.keys(a);
  return (
    keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && equalJson(a[key], b[key]))
  );
}

function equalLists(a: readonly unknown[], b: readonly unknown[], same: (a: unknown, b: unknown) => boolean): boolean {
  return a.length === b.length && a.every((item, index) => same(item, b[index]));
}

function sameUnknown(a: object, b: object): boolean {
  const nothing = new Uint8Array(0);
  return equalBytes(unknownOf(a) ?? nothing, unknownOf(b) ?? nothing);
}

function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}
