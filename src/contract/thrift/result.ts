/**
 * The result of a call, as Thrift sends it: a struct whose field 0 is what the function returns,
 * and whose other fields are the exceptions in its `throws`. To callers it is the returned value or a throw.
 */
import type { Codec, Encoding } from '../codec.js';
import type { MethodError } from '../declared-error.js';
import { numberCost } from './cost.js';
import { explain } from './explain.js';
import { accessorOf } from './interpret.js';
import { valueFromJSON, valueToJSON } from './json.js';
import { decodeWith, encodeWith } from './pool.js';
import { type ThriftReader, type ThriftWriter, TType } from './protocol.js';
import { MissingResultError } from './protocol-error.js';
import { type StructCodec, type TypeInfo, typeNameOf } from './struct.js';

export interface ResultSpec<T> {
  /** What the function returns; undefined for void. */
  readonly type: TypeInfo | undefined;
  /** Writes and reads the returned value in place; by `type` when left out. A container that was skipped reads as undefined. */
  readonly write?: (writer: ThriftWriter, value: T) => void;
  readonly read?: (reader: ThriftReader) => T | undefined;
  readonly errors: readonly MethodError[];
}

/** A declared error that came instead of a result: thrown once the frame has been read to its end. */
class Raised {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }
}

/** Called by generated code. `decode` throws the declared error that came, or a MissingResultError when nothing did. */
export function resultCodec<T>({ type, errors, ...spec }: ResultSpec<T>): Codec<T> {
  const accessor = type === undefined ? undefined : accessorOf(type);
  const wireType = accessor?.wireType ?? 0;
  const writeValue = spec.write ?? ((writer: ThriftWriter, value: T) => accessor?.write(writer, value));
  const readValue = spec.read ?? ((reader: ThriftReader) => accessor?.read(reader) as T | undefined);
  const typeName = (): string => (type === undefined ? 'void' : typeNameOf(type));

  const write = (writer: ThriftWriter, value: T): void => {
    writer.structBegin();
    if (wireType !== 0) {
      writer.field(wireType, 0);
      writeValue(writer, value);
    }
    writer.structEnd();
  };
  const read = (reader: ThriftReader): T | Raised | undefined => {
    let value: T | undefined;
    let raised: Raised | undefined;
    reader.structBegin(numberCost('i64'));
    for (let field = reader.field(); field !== 0; field = reader.field()) {
      if (field === wireType) {
        value = readValue(reader);
        continue;
      }
      const entry = (field & 0xff) === TType.STRUCT ? errors.find(({ id }) => id === field >> 8) : undefined;
      if (entry === undefined) reader.skip(field & 0xff);
      else raised = new Raised(structOf(entry).read(reader));
    }
    reader.structEnd();
    return raised ?? value;
  };
  return {
    get typeName() {
      return typeName();
    },
    encode(value, encoding) {
      try {
        return encodeWith(encoding, value, write);
      } catch (error) {
        throw type === undefined ? error : explain(type, typeName(), value, error);
      }
    },
    decode(bytes, encoding, account) {
      const outcome = decodeWith(encoding, bytes, read, account);
      if (outcome instanceof Raised) throw outcome.error;
      if (outcome === undefined && type !== undefined) throw new MissingResultError(typeName());
      return outcome as T;
    },
    toJSON: (value) => (type === undefined ? null : valueToJSON(type, value)),
    fromJSON: (json) => (type === undefined ? undefined : valueFromJSON(type, json, '')) as T,
  };
}

/** The result struct that holds a declared error. */
export function encodeDeclared(entry: MethodError, error: Error, encoding: Encoding): Buffer {
  const codec = structOf(entry);
  try {
    return encodeWith(encoding, error, (writer, value) => {
      writer.structBegin();
      writer.field(TType.STRUCT, entry.id);
      codec.write(writer, value);
      writer.structEnd();
    });
  } catch (fault) {
    throw explain({ kind: 'struct', codec: () => codec }, codec.typeName, error, fault);
  }
}

function structOf({ type }: MethodError): StructCodec<Error> {
  if (!('write' in type.codec)) {
    throw new TypeError(`${type.typeName} is not a Thrift exception, so a Thrift method cannot declare it`);
  }
  return type.codec as StructCodec<Error>;
}

/**
 * The response of a function that declares a topic: each event is a result whose field 0 is one
 * item; `snapshot` is the result of the plain call, which returns the whole list.
 */
export function topicCodec<T>(item: Codec<T>, snapshot: Codec<T[]>): Codec<T> & { readonly snapshot: Codec<T[]> } {
  return {
    get typeName() {
      return item.typeName;
    },
    encode: (value, encoding) => item.encode(value, encoding),
    decode: (bytes, encoding, account) => item.decode(bytes, encoding, account),
    toJSON: (value) => item.toJSON(value),
    fromJSON: (json) => item.fromJSON(json),
    snapshot,
  };
}
