/** Messages as ProtoJSON, by the table of their fields. */
import { entriesOf, fieldValue, fieldZero, isMessageType, isNullable, isObject, isValueType, put } from '../fields.js';
import type { Field, FieldType, JsonValue, JsonWriteOptions, MessageType, ValueType } from '../message-type.js';
import { JsonContext, type JsonWriter } from './context.js';
import { writeExtensions } from './extensions.js';
import { enumToJson, scalarToJson } from './scalars.js';
import { hasSpecialForm, specialForm, unwrappedForm } from './well-known.js';

/** Throws a TypeError or RangeError that names the field, for a value that is none of its type or that JSON has no form for. */
export function valueToJson(type: ValueType<unknown>, value: unknown, options: JsonWriteOptions = {}): JsonValue {
  return new Writer(type.typeName, options).value(type, value);
}

class Writer extends JsonContext<JsonWriteOptions> implements JsonWriter {
  isSpecial(type: MessageType<unknown>): boolean {
    return hasSpecialForm(type);
  }

  value(type: ValueType<unknown>, value: unknown): JsonValue {
    if (!isMessageType(type)) return unwrappedForm(type).write(this, value);
    return this.nested(() => {
      if (!isObject(value)) this.wrong(value, `a ${type.typeName}: an object`);
      const special = specialForm(type);
      return special === undefined ? this.#message(type, value) : special.write(this, value);
    });
  }

  field(field: Field, value: unknown): JsonValue {
    if (field.form === 'single') return this.#item(field.type, value);
    if (field.form === 'list') {
      if (!Array.isArray(value)) this.wrong(value, 'an array');
      return value.map((item, index) => this.within(index, () => this.#element(field.type, item)));
    }
    if (typeof value !== 'object' || value === null) this.wrong(value, 'a map');
    const json: { [key: string]: JsonValue } = {};
    for (const [key, item] of entriesOf(value))
      put(
        json,
        key,
        this.within(key, () => this.#element(field.type, item)),
      );
    return json;
  }

  #message(type: MessageType<unknown>, message: object): JsonValue {
    const json: { [key: string]: JsonValue } = {};
    for (const field of type.fields) {
      const value = this.#present(field, message);
      if (value === undefined) continue;
      const name = this.options.protoNames === true ? field.name : field.jsonName;
      put(
        json,
        name,
        this.within(field.name, () => this.field(field, value)),
      );
    }
    writeExtensions(this, type, message, json);
    return json;
  }

  /** undefined for what ProtoJSON leaves out. */
  #present(field: Field, message: object): unknown {
    const value = fieldValue(message, field);
    if (field.presence === 'required' && value === undefined) {
      this.within(field.name, () => this.refuse('the field is required, but it is absent'));
    }
    if (field.presence !== 'implicit') return value;
    if (this.options.defaults === true) {
      return value ?? (field.form === 'single' ? fieldZero(field) : field.form === 'list' ? [] : {});
    }
    return value === undefined || isDefault(field, value) ? undefined : value;
  }

  #element(type: FieldType, item: unknown): JsonValue {
    if (item === undefined || (item === null && !isNullable(type))) this.wrong(item, 'an element; leave it out');
    return this.#item(type, item);
  }

  #item(type: FieldType, value: unknown): JsonValue {
    if (typeof type === 'string') return scalarToJson(this, type, value);
    return isValueType(type)
      ? this.value(type, value)
      : enumToJson(this, type, value, this.options.enumNumbers === true);
  }
}

function isDefault(field: Field, value: unknown): boolean {
  if (field.form === 'map') return isObject(value) && entriesOf(value).length === 0;
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length === 0;
  // -0 is not zero.
  return Object.is(value, fieldZero(field));
}
