import type { JsonValue } from '../message-type.js';
import type { JsonReader, JsonWriter } from './context.js';

/** How a type is written in JSON that is not an object of its fields. */
export interface Form<T> {
  write(context: JsonWriter, value: T): JsonValue;
  read(context: JsonReader, json: unknown): T;
}
