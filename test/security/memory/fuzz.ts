/**
 * Hostile messages, decoded one after the other: for each, what the decoder charged beside what the heap gained. Run with
 * --expose-gc in a process of its own: `fuzz.ts ENCODING COUNT SEED FOLDER`; FOLDER has the code generated of hoard.thrift.
 */
import { pathToFileURL } from 'node:url';
import { seededRandom } from 'hawser/testing';
import { dynamicStruct, type FieldInfo, type StructCodec, type TypeInfo } from 'hawser/thrift';
import type { Encoding } from '../../../src/contract/codec.js';
import {
  type DecodeAccount,
  DecodeBudgetError,
  decodedBytes,
  releaseDecoded,
} from '../../../src/contract/decode-budget.js';

type Fields = Record<string, unknown>;
type Codec = StructCodec<Fields>;

const [encoding, count, seed, folder] = process.argv.slice(2) as [Encoding, string, string, string];
const random = seededRandom(seed);
const gc = globalThis.gc as () => void;

const generated = (await import(pathToFileURL(`${folder}/hoard.ts`).href)) as Record<string, Codec>;
const codecs = ['Bag', 'Either', 'Page'].flatMap((name) => {
  const codec = generated[name] as Codec;
  return [codec, dynamicOf(codec)];
});

function dynamicOf(codec: Codec, known = new Map<Codec, Codec>()): Codec {
  const there = known.get(codec);
  if (there !== undefined) return there;
  const made: Codec = dynamicStruct(codec.typeName, codec.form, () =>
    codec.fields.map((field): FieldInfo => ({ ...field, type: dynamicType(field.type, known) })),
  );
  known.set(codec, made);
  return made;
}

function dynamicType(type: TypeInfo, known: Map<Codec, Codec>): TypeInfo {
  if (type.kind === 'struct') return { kind: 'struct', codec: () => dynamicOf(type.codec() as Codec, known) };
  if (type.kind === 'list' || type.kind === 'set') {
    return { kind: type.kind, element: dynamicType(type.element, known) };
  }
  if (type.kind === 'map') {
    return { kind: 'map', key: dynamicType(type.key, known), value: dynamicType(type.value, known) };
  }
  return type;
}

/** How many values the message may still get. */
let budget = 0;
const lengths = [0, 1, 2, 3, 8, 9, 12, 13, 16, 17, 40, 200];

function value(type: TypeInfo, depth: number): unknown {
  budget--;
  switch (type.kind) {
    case 'bool':
      return random.chance(0.5);
    case 'i8':
    case 'i16':
    case 'i32':
    case 'enum':
      return random.int(100) - 50;
    case 'i64':
      return BigInt(random.int(1_000_000));
    case 'double':
      return random.int(1000) / 7;
    case 'string':
      return text();
    case 'binary':
      return new Uint8Array(random.pick(lengths));
    case 'uuid':
      return '00112233-4455-6677-8899-aabbccddeeff';
    case 'struct':
      return structOf(type.codec() as Codec, depth);
    case 'list':
      return items(type.element, depth);
    case 'set':
      return isKey(type.element) ? new Set(items(type.element, depth)) : items(type.element, depth);
    case 'map': {
      const entries = items(type.key, depth).map((key) => [key, value(type.value, depth - 1)] as const);
      return isKey(type.key) ? new Map(entries) : entries;
    }
  }
}

function items(type: TypeInfo, depth: number): unknown[] {
  const size = Math.max(0, Math.min(budget, random.pick([0, 0, 1, 1, 2, 5, 17, 18, 100, 1000])));
  return Array.from({ length: size }, () => value(type, depth - 1));
}

function text(): string {
  const length = random.pick(lengths);
  const alphabet = random.chance(0.8) ? 'abcdefgh' : 'aé漢🐟';
  let made = '';
  for (let i = 0; i < length; i++) made += [...alphabet][random.int([...alphabet].length)];
  return made;
}

function isKey({ kind }: TypeInfo): boolean {
  return !['binary', 'struct', 'list', 'set', 'map'].includes(kind);
}

function structOf(codec: Codec, depth: number): Fields {
  const fields = depth <= 0 || budget <= 0 ? codec.fields.filter(({ type }) => isKey(type)) : codec.fields;
  if (codec.form === 'union') {
    const { localName, type } = random.pick(fields);
    return { $case: localName, value: value(type, depth - 1) };
  }
  const chance = random.pick([0, 0.1, 0.3]);
  const made: Fields = {};
  for (const { localName, type } of fields) if (random.chance(chance)) made[localName] = value(type, depth - 1);
  return codec.form === 'exception' ? codec.create(made) : made;
}

/** The same message as often as it takes to see it in the heap. */
function measured(codec: Codec, bytes: Uint8Array): { readonly charged: number; readonly gained: number } {
  const account: DecodeAccount = { finished: false, decodedBytes: 0 };
  codec.decode(bytes, encoding, account);
  const times = Math.min(20_000, Math.ceil(600_000 / Math.max(1, account.decodedBytes)));
  releaseDecoded(account);
  const kept: unknown[] = new Array(times).fill(undefined);
  const once = (): number => {
    kept.fill(undefined);
    gc();
    const before = process.memoryUsage().heapUsed;
    for (let i = 0; i < times; i++) kept[i] = codec.decode(bytes, encoding, account);
    gc();
    return process.memoryUsage().heapUsed - before;
  };
  let gained = once();
  const charged = account.decodedBytes;
  releaseDecoded(account);
  // The heap has other things to do now and then: what does not repeat was not the message.
  for (let again = 0; again < 4 && charged < gained * 0.8; again++) {
    gained = Math.min(gained, once());
    releaseDecoded(account);
  }
  return { charged, gained };
}

const result = {
  messages: 0,
  refused: 0,
  malformed: 0,
  charged: 0,
  gained: 0,
  worst: Number.POSITIVE_INFINITY,
  of: '',
};
while (result.messages + result.refused + result.malformed < Number(count)) {
  const codec = random.pick(codecs);
  budget = random.pick([20, 300, 3000]);
  const bytes = Buffer.from(codec.encode(structOf(codec, 4), encoding));
  if (random.chance(0.2)) bytes[random.int(bytes.length)] = random.int(256);
  try {
    const { charged, gained } = measured(codec, bytes);
    result.messages++;
    result.charged += charged;
    result.gained += gained;
    const ratio = gained <= 0 ? Number.POSITIVE_INFINITY : charged / gained;
    if (ratio < result.worst) {
      result.worst = ratio;
      result.of = `${codec.typeName} ${charged} charged, ${gained} gained: ${bytes.toString('hex').slice(0, 400)}`;
    }
  } catch (error) {
    if (error instanceof DecodeBudgetError) result.refused++;
    else result.malformed++;
  }
}
if (decodedBytes() !== 0) throw new Error(`${decodedBytes()} bytes are still charged`);
console.log(JSON.stringify(result));
