/** From what the generator emits of a message to its type. */
import { arrayCost, bigintCost, doubleCost, mapCost, objectCost, unionCost } from '../bytes/object-cost.js';
import { shown } from '../bytes/wrong-value.js';
import type { DecodeAccount } from '../decode-budget.js';
import { cloneValue } from './clone.js';
import { createMessage } from './create.js';
import { equalValues } from './equals.js';
import { explain } from './explain.js';
import type { InitOf } from './init-of.js';
import { valueFromJson } from './json/read.js';
import { valueToJson } from './json/write.js';
import type {
  Field,
  FieldSpec,
  JsonReadOptions,
  JsonValue,
  JsonWriteOptions,
  LongForm,
  MessageType,
  ScalarName,
} from './message-type.js';
import { decodeWith, encodeWith } from './pool.js';
import type { ProtoReader } from './reader.js';
import { resolveFields } from './resolve-fields.js';
import type { HasUnknownFields } from './unknown.js';
import type { ProtoWriter } from './writer.js';
import { emptyObjectCost } from './zero.js';

export interface MessageSpec<T> {
  /** Full name in the IDL: `market.v1.Trade`. */
  readonly name: string;
  /** In the order of the IDL. Called on first use: types may be recursive. */
  fields(): readonly FieldSpec[];
  /** A message with nothing in it: all its properties, in one order. */
  init(): T;
  write(writer: ProtoWriter, message: T & HasUnknownFields): void;
  /** Reads to the end of the message that the reader is in. */
  read(reader: ProtoReader, message: T): void;
}

/** Called by generated code. */
export function defineMessage<T extends object>(spec: MessageSpec<T>): MessageType<T> {
  return new GeneratedMessage(spec);
}

class GeneratedMessage<T extends object> implements MessageType<T> {
  readonly typeName: string;
  readonly nullable = false;
  readonly #spec: MessageSpec<T>;
  #fields: readonly Field[] | undefined;
  #byNumber: ReadonlyMap<number, Field> | undefined;
  /** Of a fresh message; 0 before it is known. */
  #cost = 0;

  constructor(spec: MessageSpec<T>) {
    this.typeName = spec.name;
    this.#spec = spec;
  }

  get fields(): readonly Field[] {
    this.#fields ??= resolveFields(this.#spec.fields());
    return this.#fields;
  }

  field(number: number): Field | undefined {
    this.#byNumber ??= new Map(this.fields.map((field) => [field.number, field]));
    return this.#byNumber.get(number);
  }

  zero(): T {
    return this.#spec.init();
  }

  write(writer: ProtoWriter, message: T): void {
    if (typeof message !== 'object' || message === null || Array.isArray(message)) this.notMessage(message);
    this.#spec.write(writer, message);
  }

  read(reader: ProtoReader, into: T | undefined): T {
    const spec = this.#spec;
    let message = into;
    if (message === undefined) {
      if (this.#cost === 0) this.#cost = costOf(this.fields, spec.init());
      reader.charge(this.#cost);
      message = spec.init();
    }
    spec.read(reader, message);
    return message;
  }

  create(init?: InitOf<T>): T {
    return createMessage(this, init);
  }

  encode(message: InitOf<T>): Uint8Array<ArrayBuffer> {
    try {
      return encodeWith(this, message as T);
    } catch (error) {
      throw explain(this, message, error);
    }
  }

  decode(bytes: Uint8Array, account?: DecodeAccount): T {
    return decodeWith(this, bytes, account);
  }

  equals(a: T, b: T): boolean {
    return equalValues(this, a, b);
  }

  clone(value: T): T {
    return cloneValue(this, value);
  }

  toJson(value: T, options?: JsonWriteOptions): JsonValue {
    return valueToJson(this, value, options);
  }

  fromJson(json: JsonValue, options?: JsonReadOptions): T {
    return valueFromJson(this, json, options);
  }

  private notMessage(value: unknown): never {
    throw new TypeError(`${shown(value)} is not a ${this.typeName}; it must be an object`);
  }
}

/** What a fresh message costs, with the numbers that its fields can hold: so that reading one charges nothing. */
function costOf(fields: readonly Field[], fresh: object): number {
  let cost = objectCost(Object.keys(fresh).length);
  const oneofs = new Set<string>();
  for (const { form, container, type, oneof, int64 } of fields) {
    if (oneof !== undefined) oneofs.add(oneof);
    else if (form === 'list') cost += arrayCost(0);
    else if (form === 'map') cost += container === 'Map' ? mapCost(0) : emptyObjectCost;
    else if (typeof type === 'string') cost += numberCost(type, int64);
  }
  return cost + oneofs.size * (unionCost + bigintCost);
}

/** Text of up to 20 digits. */
const digitsCost = 48;

function numberCost(type: ScalarName, int64: LongForm): number {
  if (type.endsWith('64')) return int64 === 'string' ? digitsCost : bigintCost;
  return type === 'string' || type === 'bytes' || type === 'bool' ? 0 : doubleCost;
}
