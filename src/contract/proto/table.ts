/** What is done with a message by the table of its fields. */
import type { JsonReadOptions, JsonValue, JsonWriteOptions, MessageType, ValueType } from './message-type.js';

function missing(): never {
  throw new Error('the table of fields has no interpreter yet');
}

export function createMessage<T>(_type: MessageType<T>, _init: unknown): T {
  return missing();
}

/** Also of types that are no messages in TypeScript, by their `typeName`. */
export function equalValues(_type: ValueType<unknown>, _a: unknown, _b: unknown): boolean {
  return missing();
}

export function cloneValue<T>(_type: ValueType<T>, _value: T): T {
  return missing();
}

export function valueToJson(_type: ValueType<unknown>, _value: unknown, _options?: JsonWriteOptions): JsonValue {
  return missing();
}

export function valueFromJson<T>(_type: ValueType<T>, _json: JsonValue, _options?: JsonReadOptions): T {
  return missing();
}

/** The error of a writer, with the field in its message that holds what does not fit; any other error as it is. */
export function explain(_type: ValueType<unknown>, _value: unknown, error: unknown): unknown {
  return error;
}
