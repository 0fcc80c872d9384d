/** Types by their full name: what `google.protobuf.Any` and extensions in JSON are read and written by. */
import { isMessageType, isValueType } from '../fields.js';
import type { Extension, MessageType, TypeRegistry, ValueType } from '../message-type.js';

/** A message type; of which message makes no difference. */
type Described = ValueType<unknown> & Pick<MessageType<unknown>, 'fields'>;

/**
 * Knows `types`, and the messages in their fields.
 *
 * @example Event.toJson(event, { registry: typeRegistry(Trade, Quote, tradeNote) })
 */
export function typeRegistry(...types: readonly (Described | Extension<unknown>)[]): TypeRegistry {
  const messages = new Map<string, MessageType<unknown>>();
  const extensions = new Map<string, Extension<unknown>>();
  const numbered = new Map<string, Extension<unknown>>();
  const waiting: MessageType<unknown>[] = [];
  for (const type of types) {
    if ('extendee' in type) {
      extensions.set(type.typeName, type);
      numbered.set(`${type.extendee} ${type.field.number}`, type);
      addHeld(type.field.type, waiting);
    } else {
      waiting.push(type as MessageType<unknown>);
    }
  }
  for (let type = waiting.pop(); type !== undefined; type = waiting.pop()) {
    if (messages.has(type.typeName)) continue;
    messages.set(type.typeName, type);
    for (const field of type.fields) addHeld(field.type, waiting);
  }
  return {
    message: (name) => messages.get(name),
    extension: (name) => extensions.get(name),
    extensionOf: (extendee, number) => numbered.get(`${extendee} ${number}`),
  };
}

function addHeld(type: MessageType<unknown>['fields'][number]['type'], waiting: MessageType<unknown>[]): void {
  if (isValueType(type) && isMessageType(type)) waiting.push(type);
}
