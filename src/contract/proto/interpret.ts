/** Reads and writes messages by the table of their fields, where no code was generated for them: extensions, and types of descriptors. */
import { defineMessage } from './define-message.js';
import { fieldValue, fieldZero, isObject, isValueType, own, type Properties, put, unknownOf } from './fields.js';
import { type LongType, numbers, texts } from './long-type.js';
import type { EnumType, Field, FieldSpec, MessageType, ScalarName, ValueType } from './message-type.js';
import type { ProtoReader } from './reader.js';
import { resolveFields } from './resolve-fields.js';
import { wireTypes } from './wire-types.js';
import type { ItemType, ProtoWriter } from './writer.js';
import { emptyMap } from './zero.js';

/** A message type of its fields. It is several times slower than generated code. */
export function interpretedMessage(name: string, specs: () => readonly FieldSpec[]): MessageType<Properties> {
  let table: Table | undefined;
  const tableOf = (): Table => {
    table ??= new Table(resolveFields(specs()));
    return table;
  };
  return defineMessage<Properties>({
    name,
    fields: specs,
    init: () => tableOf().init(),
    write: (writer, message) => tableOf().write(writer, message),
    read: (reader, message) => tableOf().read(reader, message),
  });
}

interface Entry {
  readonly field: Field;
  readonly tag: number;
  /** What elements and map values are coded as. */
  readonly item: ItemType;
}

class Table {
  readonly #entries: readonly Entry[];
  /** By each tag that a field may come with. */
  readonly #byTag = new Map<number, Entry>();
  /** The cases of each oneof. */
  readonly #oneofs = new Map<string, Set<unknown>>();

  constructor(fields: readonly Field[]) {
    this.#entries = fields.map(entryOf);
    for (const entry of this.#entries) {
      this.#byTag.set(entry.tag, entry);
      const { field, item } = entry;
      if (field.oneof !== undefined) {
        const cases = this.#oneofs.get(field.oneof) ?? new Set();
        this.#oneofs.set(field.oneof, cases.add(field.localName));
      }
      if (field.form !== 'list' || (typeof item === 'object' && 'typeName' in item)) continue;
      this.#byTag.set((field.number << 3) | 2, entry).set(((field.number << 3) | wireTypeOf(field)) >>> 0, entry);
    }
  }

  init(): Properties {
    const message: Properties = {};
    for (const { field } of this.#entries) put(message, field.oneof ?? field.localName, freshOf(field));
    return message;
  }

  write(writer: ProtoWriter, message: object): void {
    for (const entry of this.#entries) writeEntry(writer, entry, fieldValue(message, entry.field));
    for (const [oneof, cases] of this.#oneofs) {
      const chosen = own(message, oneof);
      if (!isObject(chosen) || !cases.has(chosen.$case)) writer.none(chosen);
    }
    writer.rest(unknownOf(message));
  }

  read(reader: ProtoReader, message: Properties): void {
    for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
      const entry = this.#byTag.get(tag);
      if (entry === undefined) reader.other(tag, message);
      else readEntry(reader, tag, entry, message);
    }
  }
}

function entryOf(field: Field): Entry {
  const wireType = field.form === 'map' || field.packed ? 2 : wireTypeOf(field);
  return { field, tag: ((field.number << 3) | wireType) >>> 0, item: itemOf(field) };
}

function wireTypeOf({ type, delimited }: Field): number {
  if (typeof type === 'string') return wireTypes[type];
  return isValueType(type) ? (delimited ? 3 : 2) : 0;
}

function itemOf({ type, int64 }: Field): ItemType {
  if (typeof type === 'object') return isValueType(type) ? type : 'int32';
  if (!type.endsWith('64') || int64 === 'bigint') return type;
  return int64 === 'number' ? numbers(type as LongType['scalar']) : texts(type as LongType['scalar']);
}

function freshOf(field: Field): unknown {
  if (field.form === 'list') return [];
  if (field.form === 'map') return field.container === 'Map' ? new Map() : emptyMap();
  return field.presence === 'implicit' ? fieldZero(field) : undefined;
}

function writeEntry(writer: ProtoWriter, { field, tag, item }: Entry, value: unknown): void {
  const present = field.presence !== 'implicit';
  if (field.form === 'map') {
    writer.map(tag, field.key as ScalarName, item, value as object);
  } else if (field.form === 'list') {
    if (isValue(item)) writer.messages(tag, item, value as unknown[]);
    else writer.list(tag, item, value as unknown[]);
  } else if (value === undefined) {
    if (field.presence === 'required') throw new TypeError(`the required field ${field.name} is absent`);
  } else if (isValue(item)) {
    writer.message(tag, item, value, present);
  } else if (typeof item === 'string') {
    writer.scalar(item, tag, value, present);
  } else {
    writer.scalar(item.scalar, tag, item.toBigint(value), present);
  }
}

function readEntry(reader: ProtoReader, tag: number, { field, item }: Entry, message: Properties): void {
  const { form, type, localName, oneof } = field;
  const closed = typeof type === 'object' && !isValueType(type) && type.closed ? (type as EnumType) : undefined;
  if (form === 'map') {
    const valueType = closed ?? item;
    reader.map(tag, own(message, localName) as object, field.key as ScalarName, valueType, message);
  } else if (form === 'list') {
    const list = own(message, localName) as unknown[];
    if (isValue(item)) reader.add(tag, list, item);
    else if (closed !== undefined) reader.closedList(tag, list, closed, message);
    else reader.list(tag, list, item);
  } else {
    const before = fieldValue(message, field);
    const value = readSingle(reader, tag, item, closed, message, before);
    if (closed !== undefined && value === undefined) return;
    if (oneof === undefined) put(message, localName, value);
    else if (value !== before || isValue(item)) put(message, oneof, { $case: localName, value });
  }
}

function readSingle(
  reader: ProtoReader,
  tag: number,
  item: ItemType,
  closed: EnumType | undefined,
  message: object,
  before: unknown,
): unknown {
  if (closed !== undefined) return reader.closed(tag, closed, message, before);
  if (isValue(item)) return reader.message(tag, item, before);
  return typeof item === 'string' ? reader.scalar(item) : item.fromBigint(reader.scalar(item.scalar) as bigint);
}

function isValue(item: ItemType): item is ValueType<unknown> {
  return typeof item === 'object' && 'typeName' in item;
}
