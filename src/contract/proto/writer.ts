/**
 * Writes one message into a buffer that is kept for the next: what emitted code calls for fields that hold more than a scalar.
 *
 * An embedded message is written where it will stay, behind one byte for its length; where that is not enough, the message moves.
 */
import { shown, wrongType } from '../bytes/wrong-value.js';
import { bigintOfText, type LongType } from './long-type.js';
import type { ScalarName, ValueType } from './message-type.js';
import { absent, type Maybe, ScalarWriter } from './scalar-writer.js';
import { varintSize, wireTypes } from './wire-types.js';

/** How deep messages may nest, as readers have it. */
export const deepest = 100;

/** Types of elements and of a map's values, enums as int32. */
export type ItemType = ScalarName | LongType | ValueType<unknown>;

export class ProtoWriter extends ScalarWriter {
  private depth = 0;

  reset(): void {
    this.empty();
    this.depth = 0;
  }

  /** `tag` says whether it is a group. */
  message<T>(tag: number, type: ValueType<T>, value: Maybe<T>, present?: boolean): void {
    if (value === undefined || (value === null && !type.nullable)) {
      if (present === true) this.message(tag, type, type.zero());
      return;
    }
    if (this.pos + 6 > this.end) this.grow(6);
    this.tag(tag);
    if (++this.depth > deepest) tooDeep();
    if ((tag & 7) === 3) {
      type.write(this, value as T);
      if (this.pos + 5 > this.end) this.grow(5);
      this.tag(tag + 1);
    } else {
      const start = ++this.pos;
      type.write(this, value as T);
      this.close(start);
    }
    this.depth--;
  }

  messages<T>(tag: number, type: ValueType<T>, values: Maybe<readonly T[]>): void {
    if (!Array.isArray(values)) {
      absent('array', values);
      return;
    }
    for (const value of values as readonly T[]) {
      if (value === undefined || value === null) mustNotBeAbsent(type, value);
      this.message(tag, type, value, true);
    }
  }

  /** Scalars and enums; `tag` says whether they are packed. */
  list(tag: number, type: ScalarName | LongType, values: Maybe<readonly unknown[]>): void {
    if (!Array.isArray(values)) {
      absent('array', values);
      return;
    }
    if (values.length === 0) return;
    if ((tag & 7) !== 2 || type === 'string' || type === 'bytes') {
      for (const value of values) this.item(tag, type, value);
      return;
    }
    if (this.pos + 6 > this.end) this.grow(6);
    this.tag(tag);
    const start = ++this.pos;
    for (const value of values) this.item(0, type, value);
    this.close(start);
  }

  /** An object, or a Map where the keys are 64-bit numbers or bools. */
  map(tag: number, key: ScalarName, type: ItemType, entries: Maybe<object>): void {
    if (entries === undefined || entries === null) return;
    if (typeof entries !== 'object') wrongType('map', entries);
    const keyTag = 8 | wireTypes[key];
    const valueTag =
      16 | (typeof type === 'string' ? wireTypes[type] : 'typeName' in type ? 2 : wireTypes[type.scalar]);
    if (entries instanceof Map) {
      for (const [name, value] of entries) this.entry(tag, keyTag, key, name, valueTag, type, value);
      return;
    }
    const parse = keyParsers[key];
    for (const name of Object.keys(entries)) {
      const value = (entries as Record<string, unknown>)[name];
      this.entry(tag, keyTag, key, parse === undefined ? name : parse(name), valueTag, type, value);
    }
  }

  /** Unknown fields, as they came. */
  rest(bytes: Uint8Array | undefined): void {
    if (bytes !== undefined) this.raw(bytes);
  }

  /** Called where a oneof holds none of its fields. */
  none(oneof: unknown): void {
    if (oneof === undefined || oneof === null) return;
    const { $case } = oneof as { $case?: unknown };
    throw new TypeError(
      $case === undefined
        ? `${shown(oneof)} is not a oneof; it must be { $case, value }`
        : `$case is ${shown($case)}, which is no field of the oneof`,
    );
  }

  private entry(
    tag: number,
    keyTag: number,
    keyType: ScalarName,
    key: unknown,
    valueTag: number,
    type: ItemType,
    value: unknown,
  ): void {
    if (this.pos + 6 > this.end) this.grow(6);
    this.tag(tag);
    const start = ++this.pos;
    if (typeof key === 'string' && keyType === 'string') this.string(keyTag, key, true);
    else this.item(keyTag, keyType, key);
    if (typeof value === 'string' && type === 'string') this.string(valueTag, value, true);
    else if (typeof type === 'string' || !('typeName' in type)) this.item(valueTag, type, value);
    else this.message(valueTag, type, value, true);
    this.close(start);
  }

  private item(tag: number, type: ScalarName | LongType, value: unknown): void {
    if (value === undefined || value === null) mustNotBeAbsent(type, value);
    if (typeof type === 'string') this.scalar(type, tag, value);
    else this.scalar(type.scalar, tag, type.toBigint(value));
  }

  /** Puts the length of what began at `start` into the byte before it. */
  private close(start: number): void {
    const size = this.pos - start;
    if (size < 0x80) this.bytes[start - 1] = size;
    else this.widen(start, size);
  }

  private widen(start: number, size: number): void {
    const more = varintSize(size) - 1;
    if (this.pos + more > this.end) this.grow(more);
    this.bytes.copyWithin(start + more, start, start + size);
    this.pos = start - 1;
    this.varint(size);
    this.pos += size;
  }
}

/** What reads the property names of a map as its keys. A name that is no number becomes NaN, which no integer is. */
const keyParsers: { readonly [type in ScalarName]?: (name: string) => unknown } = {
  int32: Number,
  sint32: Number,
  sfixed32: Number,
  uint32: Number,
  fixed32: Number,
  int64: bigintOfText,
  sint64: bigintOfText,
  sfixed64: bigintOfText,
  uint64: bigintOfText,
  fixed64: bigintOfText,
  bool: (name) => (name === 'true' ? true : name === 'false' ? false : name),
};

function mustNotBeAbsent(type: ScalarName | LongType | ValueType<unknown>, value: unknown): void {
  if (typeof type === 'object' && 'typeName' in type && type.nullable) return;
  throw new TypeError(`an element is ${value}; leave it out, or give it its zero`);
}

function tooDeep(): never {
  throw new RangeError(
    `the value nests messages more than ${deepest} deep; readers refuse that (a value that contains itself never ends)`,
  );
}
