/** What one conversion to or from JSON carries along: where it is, how deep, and what it has charged. */
import { shown } from '../../bytes/wrong-value.js';
import { decodeAllowance, overDecodeBudget } from '../../decode-budget.js';
import type { Field, JsonReadOptions, JsonValue, JsonWriteOptions, MessageType, ValueType } from '../message-type.js';

/** How deep messages may nest, as in binary. */
export const deepest = 100;

export class JsonContext<Options> {
  readonly #path: (string | number)[] = [];
  readonly #granted = decodeAllowance();
  #left = this.#granted;

  constructor(
    /** The message that the path begins at. */
    private readonly typeName: string,
    readonly options: Options,
  ) {}

  /** Bytes of objects, before they are made. */
  charge(cost: number): void {
    this.#left -= cost;
    if (this.#left < 0) overDecodeBudget(this.#granted);
  }

  /** Goes into a field, an element or an entry. What throws within is not left, so that the path is that of the fault. */
  within<T>(step: string | number, work: () => T): T {
    this.#path.push(step);
    const result = work();
    this.#path.pop();
    return result;
  }

  /** The same for what counts as a level of nesting. */
  nested<T>(work: () => T): T {
    if (++this.#depth > deepest) this.refuse(`messages nest deeper than ${deepest}`, RangeError);
    const result = work();
    this.#depth--;
    return result;
  }
  #depth = 0;

  /** Throws an error that says where it happened. */
  refuse(message: string, Kind: typeof TypeError | typeof RangeError = TypeError): never {
    throw new Kind(`${this.path}: ${message}`);
  }

  /** For a value that is not what the field takes. */
  wrong(value: unknown, wanted: string, Kind?: typeof RangeError): never {
    this.refuse(`${shown(value)} is not ${wanted}`, Kind);
  }

  /** `market.v1.Trade.legs[2].price`. */
  get path(): string {
    let text = this.typeName;
    for (const step of this.#path) text += typeof step === 'number' ? `[${step}]` : `.${step}`;
    return text;
  }
}

/** Writes what a type with a form of its own holds. */
export interface JsonWriter extends JsonContext<JsonWriteOptions> {
  value(type: ValueType<unknown>, value: unknown): JsonValue;
  field(field: Field, value: unknown): JsonValue;
  /** Whether the type is not an object of its fields. */
  isSpecial(type: MessageType<unknown>): boolean;
}

export interface JsonReader extends JsonContext<JsonReadOptions> {
  value(type: ValueType<unknown>, json: unknown): unknown;
  field(field: Field, json: unknown): unknown;
  /** An object of fields; `except` is a property that is none, as `@type` is none. */
  message(type: MessageType<unknown>, json: unknown, except?: string): unknown;
  isSpecial(type: MessageType<unknown>): boolean;
}
