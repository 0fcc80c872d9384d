/** ProtoJSON to messages, by the table of their fields. */
import { arrayCost, bigintCost, objectCost } from '../../bytes/object-cost.js';
import { isMessageType, isNullable, isObject, isValueType, mapOf, own, put } from '../fields.js';
import type { Field, JsonReadOptions, JsonValue, MessageType, ValueType } from '../message-type.js';
import { JsonContext, type JsonReader } from './context.js';
import { readExtension } from './extensions.js';
import { enumFromJson, isNullValue, keyFromJson, scalarFromJson } from './scalars.js';
import { hasSpecialForm, specialForm, unwrappedForm } from './well-known.js';

/** Throws a TypeError or RangeError that names the field, for JSON that is no value of the type. */
export function valueFromJson<T>(type: ValueType<T>, json: JsonValue, options: JsonReadOptions = {}): T {
  return new Reader(type.typeName, options).value(type as ValueType<unknown>, json) as T;
}

/** An enum value that is unknown, where such are skipped. */
const skipped = Symbol('skipped');

/** A property in a hash table that is a third full at worst, and its number. */
const entryCost = 120;

class Reader extends JsonContext<JsonReadOptions> implements JsonReader {
  isSpecial(type: MessageType<unknown>): boolean {
    return hasSpecialForm(type);
  }

  value(type: ValueType<unknown>, json: unknown): unknown {
    return this.nested(() => {
      if (!isMessageType(type)) return unwrappedForm(type).read(this, json);
      const special = specialForm(type);
      return special === undefined ? this.message(type, json) : special.read(this, json);
    });
  }

  message(type: MessageType<unknown>, json: unknown, except?: string): unknown {
    if (!isObject(json)) this.wrong(json, `a ${type.typeName}: an object`);
    this.charge(costOf(type));
    const message = type.zero() as object;
    const names = namesOf(type);
    const seen = new Set<Field | string>();
    for (const name of Object.keys(json)) {
      if (name === except) continue;
      const field = names.get(name);
      if (field !== undefined) {
        this.within(field.name, () => this.#named(field, own(json, name), message, seen));
      } else if (!readExtension(this, type, message, name, json[name]) && this.options.ignoreUnknown !== true) {
        this.within(name, () => this.refuse(unknownName(type)));
      }
    }
    for (const field of type.fields) {
      if (field.presence !== 'required' || seen.has(field)) continue;
      this.within(field.name, () => this.refuse('the field is required, but the JSON does not give it'));
    }
    return message;
  }

  field(field: Field, json: unknown): unknown {
    if (field.form === 'single') return this.#item(field, json);
    return field.form === 'list' ? this.#list(field, json) : this.#map(field, json);
  }

  #named(field: Field, json: unknown, message: object, seen: Set<Field | string>): void {
    const { oneof, localName } = field;
    if (seen.has(field)) this.refuse('the field is there twice, by both of its names');
    if (json === undefined || (json === null && !takesNull(field))) return;
    seen.add(field);
    if (oneof !== undefined) {
      if (seen.has(oneof)) this.refuse(`another field of the oneof ${oneof} is there too; give one`);
      seen.add(oneof);
    }
    const value = this.field(field, json);
    if (value === skipped) return;
    if (oneof === undefined) put(message, localName, value);
    else put(message, oneof, { $case: localName, value });
  }

  #list(field: Field, json: unknown): unknown[] {
    if (!Array.isArray(json)) this.wrong(json, 'an array');
    this.charge(arrayCost(json.length) + bigintCost * json.length);
    const list: unknown[] = [];
    for (const [index, item] of json.entries()) {
      const value = this.within(index, () => this.#element(field, item));
      if (value !== skipped) list.push(value);
    }
    return list;
  }

  #map(field: Field, json: unknown): object {
    if (!isObject(json)) this.wrong(json, 'an object');
    const entries = new Map<string, unknown>();
    for (const name of Object.keys(json)) {
      this.charge(entryCost);
      this.within(name, () => {
        const key = keyFromJson(this, field.key ?? 'string', name);
        if (entries.has(key)) this.refuse('the key is there twice');
        const value = this.#element(field, own(json, name));
        if (value !== skipped) entries.set(key, value);
      });
    }
    return mapOf(field, entries);
  }

  #element(field: Field, json: unknown): unknown {
    if (json === null && !takesNull(field)) this.refuse('null is no element; leave it out');
    return this.#item(field, json);
  }

  #item({ type, int64 }: Field, json: unknown): unknown {
    if (typeof type === 'string') return scalarFromJson(this, type, json, int64);
    if (isValueType(type)) return this.value(type, json);
    const value = enumFromJson(this, type, json, this.options.ignoreUnknown === true);
    return value === undefined ? skipped : value;
  }
}

/** Whether null is a value of the type: of `google.protobuf.Value` and `NullValue`. Of all others it means absent. */
function takesNull({ type }: Field): boolean {
  return isNullable(type) || isNullValue(type) || (isValueType(type) && type.typeName === 'google.protobuf.Value');
}

const names = new WeakMap<MessageType<unknown>, ReadonlyMap<string, Field>>();

/** Fields by their names in JSON and in the IDL. Both are read; where one field's name is another's, JSON's wins. */
function namesOf(type: MessageType<unknown>): ReadonlyMap<string, Field> {
  let known = names.get(type);
  if (known === undefined) {
    const { fields } = type;
    known = new Map([
      ...fields.map((one) => [one.name, one] as const),
      ...fields.map((one) => [one.jsonName, one] as const),
    ]);
    names.set(type, known);
  }
  return known;
}

function unknownName(type: MessageType<unknown>): string {
  const known = type.fields.map((field) => field.jsonName);
  const some = known.length > 20 ? `${known.slice(0, 20).join(', ')}, ...` : known.join(', ');
  return `${type.typeName} has no such field; it has ${some || 'none'}`;
}

const costs = new WeakMap<MessageType<unknown>, number>();

/** What a fresh message takes in memory. */
function costOf(type: MessageType<unknown>): number {
  let cost = costs.get(type);
  if (cost === undefined) {
    cost = objectCost(Object.keys(type.zero() as object).length);
    for (const field of type.fields) {
      cost +=
        field.form === 'list'
          ? arrayCost(0)
          : field.form === 'map'
            ? 216
            : typeof field.type === 'string'
              ? bigintCost
              : 0;
    }
    costs.set(type, cost);
  }
  return cost;
}
