/**
 * Declared errors of a `.proto`: a generated class holds the fields of a message as its properties, is made
 * from them, and travels as that message.
 */
import type { Codec } from './codec.js';
import { DeclaredError } from './declared-error.js';
import { describeError } from './describe-error.js';
import type { MessageFns } from './proto.js';
import { written } from './proto-writer.js';

/** What ts-proto generates for a message, and an error class is made of. */
export interface ErrorMessageFns<M, Init> extends MessageFns<M> {
  create(base?: Init): M;
}

/** What `create` of a message takes: its fields, all optional, deeply. */
export type InitOf<Fns> = Fns extends { create(base?: infer Init): unknown } ? Exclude<Init, undefined> : never;

/** Fields whose names an Error has taken, and what they are called on the class. */
export type Renamed = Readonly<Record<string, string>>;

export abstract class ProtoError<M extends object, Init> extends DeclaredError {
  constructor(typeName: string, message: ErrorMessageFns<M, Init>, init: Init, renamed: Renamed = {}) {
    const fields = withUnknown(message.create(init), init);
    super(typeName, textOf(typeName, fields));
    for (const [key, value] of Object.entries(fields)) {
      // An empty `message` leaves the Error its own text; not enumerable, that is no field and is not sent.
      if (key === 'message' && value === '') continue;
      // What a newer peer added is kept for passing on, and is no field that anyone wrote.
      const enumerable = key !== '_unknownFields';
      Object.defineProperty(this, renamed[key] ?? key, { value, enumerable, configurable: true, writable: true });
    }
  }
}

/** `create` leaves out the fields that a newer peer added; they are kept for passing on. */
function withUnknown<M extends object>(fields: M, from: unknown): M {
  const unknown = (from as { _unknownFields?: unknown } | undefined)?._unknownFields;
  return unknown === undefined ? fields : Object.assign(fields, { _unknownFields: unknown });
}

/** The message's own `message`, where it has one; else its name and its fields. */
function textOf(typeName: string, fields: object): string {
  const own = (fields as { message?: unknown }).message;
  if (typeof own === 'string' && own !== '') return own;
  return describeError(typeName, { ...fields, _unknownFields: undefined });
}

/** Encodes the fields of an error of the class that `make` makes. Called by generated code. */
export function protoErrorCodec<E extends Error, M extends object, Init>(
  typeName: string,
  message: ErrorMessageFns<M, Init>,
  make: (fields: M) => E,
  renamed: Renamed = {},
): Codec<E> {
  const fieldsOf = (error: E): M => {
    const values = { ...(error as object as Record<string, unknown>) };
    for (const [field, property] of Object.entries(renamed)) {
      values[field] = values[property];
      delete values[property];
    }
    return withUnknown(message.create(values as Init), error);
  };
  return {
    typeName,
    encode: (error) => written(message, fieldsOf(error)),
    decode: (bytes) => make(message.decode(bytes)),
    toJSON: (error) => message.toJSON(fieldsOf(error)),
    fromJSON: (json) => make(message.fromJSON(json)),
  };
}
