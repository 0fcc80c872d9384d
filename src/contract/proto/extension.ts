/** Extensions: fields that another file adds to a message. They travel in the message's unknown fields, and are read out of them. */
import { fieldValue, setUnknown, unknownOf } from './fields.js';
import { interpretedMessage } from './interpret.js';
import type { Extension, Field, FieldSpec, FieldType } from './message-type.js';
import { rawFields } from './raw-fields.js';

/** A field as `FieldSpec` has it, but for the local name, which extensions have none of. */
export type ExtensionSpec = {
  /** Full name in the IDL. */
  readonly name: string;
  /** Full name of the message that is extended. */
  readonly extendee: string;
  readonly number: number;
  /** Called on first use. */
  type(): FieldType;
  readonly more?: FieldSpec[3];
};

/** Called by generated code. */
export function defineExtension<T>({ name, extendee, number, type, more }: ExtensionSpec): Extension<T> {
  const holder = interpretedMessage(extendee, () => [[number, 'value', type(), { optional: true, ...more }]]);
  const field = (): Field => holder.fields[0] as Field;
  const others = (bytes: Uint8Array): Uint8Array => pick(bytes, (one) => one !== number);
  return {
    typeName: name,
    extendee,
    get field() {
      return field();
    },
    has: (message) => rawFields(unknownOf(message) ?? nothing).some((one) => one.number === number),
    get(message) {
      const own = pick(unknownOf(message) ?? nothing, (one) => one === number);
      return own.length === 0 ? undefined : (fieldValue(holder.decode(own), field()) as T);
    },
    set(message, value) {
      const rest = others(unknownOf(message) ?? nothing);
      const own = holder.encode({ value });
      const bytes = new Uint8Array(rest.length + own.length);
      bytes.set(rest);
      bytes.set(own, rest.length);
      setUnknown(message, bytes);
    },
    clear: (message) => setUnknown(message, others(unknownOf(message) ?? nothing)),
  };
}

const nothing = new Uint8Array(0);

/** The fields of these numbers, in their order. */
function pick(bytes: Uint8Array, wanted: (number: number) => boolean): Uint8Array {
  const fields = rawFields(bytes).filter((field) => wanted(field.number));
  const picked = new Uint8Array(fields.reduce((sum, { start, end }) => sum + end - start, 0));
  let at = 0;
  for (const { start, end } of fields) {
    picked.set(bytes.subarray(start, end), at);
    at += end - start;
  }
  return picked;
}
