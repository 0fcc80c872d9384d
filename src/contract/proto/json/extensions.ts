/** Extensions in JSON: properties `[market.v1.note]` of the message that they extend, where a registry knows them. */
import { put, unknownOf } from '../fields.js';
import type { JsonValue, MessageType } from '../message-type.js';
import { rawFields } from '../raw-fields.js';
import type { JsonReader, JsonWriter } from './context.js';

export function writeExtensions(
  context: JsonWriter,
  type: MessageType<unknown>,
  message: object,
  json: { [key: string]: JsonValue },
): void {
  const { registry } = context.options;
  const unknown = unknownOf(message);
  if (registry?.extensionOf === undefined || unknown === undefined) return;
  for (const number of new Set(rawFields(unknown).map((field) => field.number))) {
    const extension = registry.extensionOf(type.typeName, number);
    const value = extension?.get(message);
    if (extension === undefined || value === undefined) continue;
    const name = `[${extension.typeName}]`;
    put(
      json,
      name,
      context.within(name, () => context.field(extension.field, value)),
    );
  }
}

/** Whether `name` was that of an extension. */
export function readExtension(
  context: JsonReader,
  type: MessageType<unknown>,
  message: object,
  name: string,
  json: unknown,
): boolean {
  if (!name.startsWith('[') || !name.endsWith(']')) return false;
  const extension = context.options.registry?.extension?.(name.slice(1, -1));
  if (extension === undefined || extension.extendee !== type.typeName) return false;
  if (json !== null)
    extension.set(
      message,
      context.within(name, () => context.field(extension.field, json)),
    );
  return true;
}
