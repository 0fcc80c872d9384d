/** Random .proto files: every kind of field that there is, in proto2, proto3 and edition 2023. */
import type { SeededRandom } from '../../../../src/testing/random.js';

export const scalars = [
  'double',
  'float',
  'int32',
  'int64',
  'uint32',
  'uint64',
  'sint32',
  'sint64',
  'fixed32',
  'fixed64',
  'sfixed32',
  'sfixed64',
  'bool',
  'string',
  'bytes',
];
const keys = scalars.filter((one) => !['double', 'float', 'bytes'].includes(one));
const wellKnown = [
  'Timestamp',
  'Duration',
  'FieldMask',
  'Struct',
  'Value',
  'ListValue',
  'Any',
  'Empty',
  ...['Double', 'Float', 'Int64', 'UInt64', 'Int32', 'UInt32', 'Bool', 'String', 'Bytes'].map((one) => `${one}Value`),
].map((one) => `google.protobuf.${one}`);
const imports = ['any', 'duration', 'empty', 'field_mask', 'struct', 'timestamp', 'wrappers'];
/** Names that are something else in JavaScript, in Python or in both. */
const awkward = [
  'to_string',
  'constructor',
  'value_of',
  'fooBar',
  'Foo_Baz',
  'delete',
  'self',
  'name',
  '_hidden',
  'a__b',
  'x1_2',
];

export type Syntax = 'proto2' | 'proto3' | 'editions';

/** A file with `count` messages, `M0` and on, in a package of the syntax's name. */
export function randomFile(random: SeededRandom, syntax: Syntax, count: number): string {
  const lines = [
    syntax === 'editions' ? 'edition = "2023";' : `syntax = "${syntax}";`,
    `package fuzz.${syntax};`,
    ...imports.map((one) => `import "google/protobuf/${one}.proto";`),
    'enum Open { OPEN_ZERO = 0; OPEN_ONE = 1; OPEN_MINUS = -1; OPEN_LARGE = 2147483647; }',
  ];
  for (let i = 0; i < count; i++) lines.push(...randomMessage(random, syntax, i, count));
  return `${lines.join('\n')}\n`;
}

function randomMessage(random: SeededRandom, syntax: Syntax, index: number, count: number): string[] {
  const lines = [`message M${index} {`];
  const free = [...awkward];
  const numbers = new Set<number>();
  const number = (): number => {
    for (;;) {
      const drawn = random.chance(0.8)
        ? 1 + random.int(40)
        : random.pick([2047, 2048, 16_000, 536_870_911]) - random.int(20);
      if (numbers.has(drawn) || (drawn >= 19_000 && drawn < 20_000)) continue;
      numbers.add(drawn);
      return drawn;
    }
  };
  let names = 0;
  const name = (): string =>
    (free.length > 0 && random.chance(0.1) ? free.splice(random.int(free.length), 1)[0] : `field_${names++}`) as string;
  const type = (): string => {
    if (random.chance(0.6)) return random.pick(scalars);
    if (random.chance(0.4)) return `M${random.int(count)}`;
    return random.chance(0.3) ? 'Open' : random.pick(wellKnown);
  };
  const fields = 1 + random.int(12);
  for (let i = 0; i < fields; i++) {
    const kind = random.int(10);
    if (kind < 2) lines.push(`  map<${random.pick(keys)}, ${type()}> ${name()} = ${number()};`);
    else if (kind < 4) lines.push(list(random, syntax, type(), name(), number()));
    else if (kind === 4) {
      lines.push(`  oneof choice_${i} {`);
      for (let j = 0; j <= random.int(4); j++) lines.push(`    ${type()} ${name()} = ${number()};`);
      lines.push('  }');
    } else if (kind === 5 && syntax === 'proto2') {
      lines.push(`  optional group Group${i} = ${number()} { optional int32 a = 1; repeated string b = 2; }`);
    } else {
      lines.push(`  ${single(random, syntax)}${type()} ${name()} = ${number()};`);
    }
  }
  lines.push('}');
  return lines;
}

function single(random: SeededRandom, syntax: Syntax): string {
  if (syntax === 'proto2') return 'optional ';
  return syntax === 'proto3' && random.chance(0.4) ? 'optional ' : '';
}

/** A list, of numbers packed or not where that can be said. */
function list(random: SeededRandom, syntax: Syntax, type: string, name: string, number: number): string {
  const plain = !scalars.includes(type) || type === 'string' || type === 'bytes' || random.chance(0.6);
  if (plain) return `  repeated ${type} ${name} = ${number};`;
  const packed = random.chance(0.5);
  const option =
    syntax === 'editions'
      ? `features.repeated_field_encoding = ${packed ? 'PACKED' : 'EXPANDED'}`
      : `packed = ${packed}`;
  return `  repeated ${type} ${name} = ${number} [${option}];`;
}
