/** `google.protobuf.Any`: what it holds is written as its own JSON, which takes a registry that knows the type. */
import { isObject, own, put } from '../fields.js';
import type { JsonValue, MessageType, TypeRegistry } from '../message-type.js';
import type { JsonContext } from './context.js';
import type { Form } from './form.js';

interface Any {
  readonly typeUrl?: string;
  readonly value?: Uint8Array;
}

export function anyForm(any: MessageType<unknown>): Form<object> {
  return {
    write(context, message) {
      const { typeUrl = '', value = new Uint8Array(0) } = message as Any;
      if (typeUrl === '') return {};
      const type = typeOf(context, typeUrl);
      const held = context.value(type, type.decode(value));
      const json: { [key: string]: JsonValue } = { '@type': typeUrl };
      if (context.isSpecial(type) || !isObject(held)) json.value = held;
      else for (const [name, item] of Object.entries(held)) put(json, name, item as JsonValue);
      return json;
    },
    read(context, json) {
      if (!isObject(json)) return context.wrong(json, 'an Any: an object with "@type"');
      const fresh = any.zero() as object;
      if (Object.keys(json).length === 0) return fresh;
      const typeUrl = own(json, '@type');
      if (typeof typeUrl !== 'string' || typeUrl === '')
        return context.wrong(typeUrl, 'a URL of a type, which "@type" is');
      const type = typeOf(context, typeUrl);
      const held = context.nested(() =>
        context.isSpecial(type) && Object.hasOwn(json, 'value')
          ? context.value(type, json.value)
          : context.message(type, json, '@type'),
      );
      const { buffer, byteOffset, length } = type.encode(held as object);
      // Not the Buffer that an encoder returns: messages hold bytes as they are read off the wire.
      return Object.assign(fresh, { typeUrl, value: new Uint8Array(buffer, byteOffset, length) });
    },
  };
}

function typeOf(context: JsonContext<{ readonly registry?: TypeRegistry }>, typeUrl: string): MessageType<unknown> {
  const name = typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
  const type = context.options.registry?.message(name);
  if (type !== undefined) return type;
  return context.refuse(
    context.options.registry === undefined
      ? `it holds a ${name}, and JSON of it takes a registry: give { registry: typeRegistry(...) }`
      : `it holds a ${name}, which the registry does not know`,
  );
}
