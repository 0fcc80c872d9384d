/** Random values of a message type, by the table of its fields; all of them have a form in JSON. */
import { isMessageType, isValueType, mapOf } from '../../../../src/contract/proto/fields.js';
import type {
  Field,
  FieldType,
  MessageType,
  ScalarName,
  ValueType,
} from '../../../../src/contract/proto/message-type.js';
import type { SeededRandom } from '../../../../src/testing/random.js';

export type Message = Record<string, unknown>;

export function randomMessage(random: SeededRandom, type: MessageType<unknown>, depth = 0): Message {
  const special = specials[type.typeName];
  if (special !== undefined) return special(random);
  const init: Message = {};
  const oneofs = new Map<string, Field[]>();
  for (const field of type.fields) {
    if (field.oneof !== undefined) oneofs.set(field.oneof, [...(oneofs.get(field.oneof) ?? []), field]);
    else if (random.chance(0.6)) init[field.localName] = randomField(random, field, depth);
  }
  for (const [oneof, fields] of oneofs) {
    if (random.chance(0.3)) continue;
    const field = random.pick(fields);
    const value = randomItem(random, field.type, depth);
    if (value !== undefined) init[oneof] = { $case: field.localName, value };
  }
  return type.create(init as never) as Message;
}

function randomField(random: SeededRandom, field: Field, depth: number): unknown {
  if (field.form === 'single') return randomItem(random, field.type, depth);
  const size = random.chance(0.1) ? 20 : random.int(4);
  const items = Array.from({ length: size }, () => randomItem(random, field.type, depth)).filter(
    (one) => one !== undefined,
  );
  if (field.form === 'list') return items;
  return mapOf(
    field,
    items.map((item) => [String(randomScalar(random, field.key as ScalarName)), item] as const),
  );
}

/** undefined for a message that would be too deep. */
function randomItem(random: SeededRandom, type: FieldType, depth: number): unknown {
  if (typeof type === 'string') return randomScalar(random, type);
  if (!isValueType(type))
    return random.chance(0.9) || type.closed ? random.pick([...type.names.keys()]) : random.int(1000) - 500;
  if (isMessageType(type)) return depth < 3 ? randomMessage(random, type, depth + 1) : undefined;
  return randomUnwrapped(random, type);
}

function randomUnwrapped(random: SeededRandom, type: ValueType<unknown>): unknown {
  switch (type.typeName) {
    case 'google.protobuf.Struct':
      return randomObject(random, 0);
    case 'google.protobuf.Value':
      return randomJson(random, 0);
    case 'google.protobuf.ListValue':
      return Array.from({ length: random.int(4) }, () => randomJson(random, 0));
    case 'google.protobuf.FieldMask':
      return Array.from({ length: random.int(3) }, () => random.pick(['a', 'foo_bar', 'a.b_c', 'x.y.z']));
    default:
      return randomScalar(random, (type as unknown as { readonly scalar: ScalarName }).scalar);
  }
}

function randomJson(random: SeededRandom, depth: number): unknown {
  switch (random.int(depth < 3 ? 6 : 4)) {
    case 0:
      return null;
    case 1:
      return random.chance(0.5);
    case 2:
      return random.pick([0, 1.5, -1e300, 123456789012]);
    case 3:
      return randomText(random);
    case 4:
      return Array.from({ length: random.int(4) }, () => randomJson(random, depth + 1));
    default:
      return randomObject(random, depth + 1);
  }
}

function randomObject(random: SeededRandom, depth: number): object {
  const object = Object.create(null) as Message;
  for (let i = random.int(4); i > 0; i--) object[randomText(random)] = randomJson(random, depth);
  return object;
}

/** Of `google.protobuf`, with the values that JSON has a form for. */
const specials: Readonly<Record<string, (random: SeededRandom) => Message>> = {
  'google.protobuf.Timestamp': (random) => ({
    seconds: random.pick([0n, -62135596800n, 253402300799n, BigInt(random.int(2 ** 32)), -1n]),
    nanos: random.pick([0, 1, 999_999_999, 500_000_000, 123_000, random.int(1_000_000_000)]),
  }),
  'google.protobuf.Duration': (random) => {
    const sign = random.pick([1, -1]);
    return {
      seconds: BigInt(sign) * random.pick([0n, 1n, 315576000000n, BigInt(random.int(2 ** 32))]),
      nanos: sign * random.pick([0, 1, 999_999_999, 500_000_000]) + 0,
    };
  },
  // What an Any holds, all sides know by the same bytes.
  'google.protobuf.Any': (random) =>
    random.chance(0.3)
      ? { typeUrl: '', value: new Uint8Array(0) }
      : {
          typeUrl: 'type.googleapis.com/google.protobuf.StringValue',
          value: new Uint8Array([10, 1, 97 + random.int(26)]),
        },
};

function randomText(random: SeededRandom): string {
  const length = random.chance(0.1) ? random.int(300) : random.int(12);
  if (random.chance(0.1))
    return random.pick(['', '__proto__', 'toString', 'constructor', '1', '-1', '\u2028', '\ufeffx', '\0']);
  const one = random.pick(['a', 'ab\u00e9', '\u4e2d', '\u{1f600}', 'abcdefghij']);
  return one.repeat(length);
}

const floats = [
  0,
  -0,
  1,
  -1.5,
  Math.fround(0.1),
  Math.fround(3.4028234663852886e38),
  2 ** -149,
  Number.NaN,
  Infinity,
  -Infinity,
];
const doubles = [0, -0, 1, -1.5, 0.1, 1e308, 5e-324, Number.NaN, Infinity, -Infinity, 2 ** 53];

function randomScalar(random: SeededRandom, type: ScalarName): unknown {
  switch (type) {
    case 'string':
      return randomText(random);
    case 'bytes':
      return Uint8Array.from({ length: random.int(random.chance(0.1) ? 300 : 8) }, () => random.int(256));
    case 'bool':
      return random.chance(0.5);
    case 'float':
      return random.chance(0.5)
        ? random.pick(floats)
        : Math.fround((random.int(2 ** 32) - 2 ** 31) * 2 ** (random.int(200) - 100));
    case 'double':
      return random.chance(0.5)
        ? random.pick(doubles)
        : (random.int(2 ** 32) - 2 ** 31) * 2 ** (random.int(1000) - 500);
    case 'int32':
    case 'sint32':
    case 'sfixed32':
      return random.pick([0, 1, -1, 127, 128, 2 ** 31 - 1, -(2 ** 31), random.int(2 ** 32) - 2 ** 31]);
    case 'uint32':
    case 'fixed32':
      return random.pick([0, 1, 127, 128, 2 ** 32 - 1, random.int(2 ** 32)]);
    default: {
      const wide = (BigInt(random.int(2 ** 32)) << 32n) | BigInt(random.int(2 ** 32));
      const drawn = random.pick([
        0n,
        1n,
        -1n,
        127n,
        2n ** 53n + 1n,
        2n ** 63n - 1n,
        -(2n ** 63n),
        wide >> BigInt(random.int(64)),
      ]);
      return type.startsWith('u') || type === 'fixed64' ? BigInt.asUintN(64, drawn) : BigInt.asIntN(64, drawn);
    }
  }
}
