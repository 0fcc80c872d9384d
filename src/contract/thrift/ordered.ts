/** Values with their sets and maps in one order, that of the bytes of elements and keys: equal values are then encoded as equal bytes. */
import { ThriftBinaryWriter } from './binary-writer.js';
import { accessorOf } from './interpret.js';
import type { StructCodec, TypeInfo } from './struct.js';

export function orderedStruct(codec: StructCodec<unknown>, value: unknown): unknown {
  const given = value as Record<string, unknown>;
  if (codec.form === 'union') {
    const field = codec.fields.find((one) => one.localName === given.$case);
    return field === undefined ? value : { ...given, value: ordered(field.type, given.value) };
  }
  const init: Record<string, unknown> = {};
  for (const { localName, type } of codec.fields) {
    const field = given[localName];
    if (field !== undefined && field !== null) init[localName] = ordered(type, field);
  }
  return codec.create(init);
}

function ordered(type: TypeInfo, value: unknown): unknown {
  switch (type.kind) {
    case 'struct':
      return orderedStruct(type.codec(), value);
    case 'list':
      return (value as unknown[]).map((item) => ordered(type.element, item));
    case 'set': {
      const items = [...(value as Iterable<unknown>)].map((item) => ordered(type.element, item));
      const sorted = byBytes(type.element, items, (item) => item);
      return value instanceof Set ? new Set(sorted) : sorted;
    }
    case 'map': {
      const entries = [...(value as Iterable<[unknown, unknown]>)].map(
        ([key, item]) => [ordered(type.key, key), ordered(type.value, item)] as const,
      );
      const sorted = byBytes(type.key, entries, ([key]) => key);
      return value instanceof Map ? new Map(sorted) : sorted;
    }
    default:
      return value;
  }
}

/** Elements in the order of their bytes; of those that are equal, the last. */
function byBytes<Item>(type: TypeInfo, items: readonly Item[], part: (item: Item) => unknown): Item[] {
  const byText = new Map<string, Item>();
  for (const item of items) {
    const writer = new ThriftBinaryWriter();
    accessorOf(type).write(writer, part(item));
    byText.set(Buffer.from(writer.finish()).toString('latin1'), item);
  }
  return [...byText].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, item]) => item);
}
