/** From what the generator emits of a struct to its codec. */
import type { Encoding } from '../codec.js';
import { explain } from './explain.js';
import { structFromJSON, structToJSON } from './json.js';
import { orderedStruct } from './ordered.js';
import { decodeWith, encodeWith } from './pool.js';
import { type ThriftReader, type ThriftWriter, TType } from './protocol.js';
import type { FieldInfo, StructCodec, StructForm } from './struct.js';

export interface StructSpec<T> {
  /** Full name in the IDL: `market.v1.Trade`. */
  readonly name: string;
  readonly form: StructForm;
  /** In ascending id. Called on first use: types may be recursive. */
  fields(): readonly FieldInfo[];
  /** Writes a whole struct, structBegin and structEnd included. */
  write(writer: ThriftWriter, value: T): void;
  read(reader: ThriftReader): T;
  create(init?: Partial<T>): T;
}

/** Called by generated code. */
export function defineStruct<T>(spec: StructSpec<T>): StructCodec<T> {
  const { name, form, write, read, create } = spec;
  let fields: readonly FieldInfo[] | undefined;
  const codec: StructCodec<T> = {
    typeName: name,
    form,
    wireType: TType.STRUCT,
    get fields() {
      fields ??= Object.freeze(spec.fields());
      return fields;
    },
    write,
    read,
    create,
    encode(value: T, encoding: Encoding): Buffer {
      try {
        return encodeWith(encoding, value, write);
      } catch (error) {
        throw explain({ kind: 'struct', codec: () => codec }, name, value, error);
      }
    },
    decode: (bytes, encoding, account) => decodeWith(encoding, bytes, read, account),
    ordered: (value) => orderedStruct(codec as StructCodec<unknown>, value) as T,
    toJSON: (value) => structToJSON(codec, value),
    fromJSON: (json) => structFromJSON(codec, json, '') as T,
  };
  return Object.freeze(codec);
}
