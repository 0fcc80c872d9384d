/**
 * Declared errors of a `.proto`: a generated class holds the fields of a message as its properties, is made
 * from them, and travels as that message.
 */
import type { Codec } from './codec.js';
import { DeclaredError } from './declared-error.js';
import { describeError } from './describe-error.js';
import type { InitOf } from './proto/init-of.js';
import type { JsonValue, MessageType } from './proto/message-type.js';
import { type HasUnknownFields, unknownFields } from './proto/unknown.js';

/** Fields whose names an Error has taken, and what they are called on the class. */
export type Renamed = Readonly<Record<string, string>>;

export abstract class ProtoError<M extends object> extends DeclaredError {
  constructor(type: MessageType<M>, init: InitOf<M>, renamed: Renamed = {}) {
    const fields: M & HasUnknownFields = type.create(init);
    super(type.typeName, textOf(type.typeName, fields));
    for (const [key, value] of Object.entries(fields)) {
      // An empty `message` leaves the Error its own text; not enumerable, that is no field and is not sent.
      if (key === 'message' && value === '') continue;
      const enumerable = true;
      Object.defineProperty(this, renamed[key] ?? key, { value, enumerable, configurable: true, writable: true });
    }
    // What a newer peer added is kept for passing on, and is no field that anyone wrote.
    const unknown = fields[unknownFields];
    if (unknown !== undefined) Object.defineProperty(this, unknownFields, { value: unknown, configurable: true });
  }
}

/** The message's own `message`, where it has one; else its name and its fields. */
function textOf(typeName: string, fields: object): string {
  const own = (fields as { message?: unknown }).message;
  return typeof own === 'string' && own !== '' ? own : describeError(typeName, fields);
}

/** Encodes the fields of an error of the class that `make` makes. Called by generated code. */
export function protoErrorCodec<E extends Error, M extends object>(
  type: MessageType<M>,
  make: (fields: InitOf<M>) => E,
  renamed: Renamed = {},
): Codec<E> {
  const fieldsOf = (error: E): M => {
    const values = { ...(error as object as Record<string, unknown>) };
    for (const [field, property] of Object.entries(renamed)) {
      values[field] = values[property];
      delete values[property];
    }
    const unknown = (error as HasUnknownFields)[unknownFields];
    return type.create((unknown === undefined ? values : { ...values, [unknownFields]: unknown }) as InitOf<M>);
  };
  return {
    typeName: type.typeName,
    encode: (error) => type.encode(fieldsOf(error) as InitOf<M>),
    decode: (bytes, _encoding, account) => make(type.decode(bytes, account) as InitOf<M>),
    toJSON: (error) => type.toJson(fieldsOf(error)),
    fromJSON: (json) => make(type.fromJson(json as JsonValue) as InitOf<M>),
  };
}
