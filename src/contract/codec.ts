/**
 * How a message becomes bytes. A protobuf message has one encoding; a Thrift value has one
 * per protocol, so the caller says which. Encoding is separate from sending: a request is
 * encoded once and may then be sent several times.
 */
import type { DecodeAccount } from './decode-budget.js';

export type Encoding = 'proto' | 'binary' | 'compact';

export interface Codec<T> {
  /** Full name in the IDL, for messages to people: `market.v1.Trade`, `list<market.v1.Trade>`. */
  readonly typeName: string;
  /** Throws a TypeError or RangeError that names the field, when `value` is not a T. */
  encode(value: T, encoding: Encoding): Uint8Array;
  /**
   * Reads exactly `bytes`; throws on anything malformed. A bytes field of the result may be a
   * view into `bytes`, so the caller must not reuse that memory. Throws a DecodeBudgetError for a message whose objects would
   * take more memory than they may; what they take is charged to `account`, if there is one.
   */
  decode(bytes: Uint8Array, encoding: Encoding, account?: DecodeAccount): T;
  /** The same value with its maps and sets in one order: equal values are then encoded as equal bytes. Absent where they are anyway. */
  ordered?(value: T): T;
  /** Plain JSON for people and tools (ProtoJSON for proto). */
  toJSON(value: T): unknown;
  fromJSON(json: unknown): T;
}
