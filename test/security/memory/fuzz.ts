/**
 * Hostile messages of Thrift, for measure.ts. Run with --expose-gc in a process of its own: `fuzz.ts WIRE COUNT SEED FOLDER`;
 * FOLDER has the code generated of hoard.thrift. On the wire `header` messages come with a list of headers.
 */
import { pathToFileURL } from 'node:url';
import { seededRandom } from 'hawser/testing';
import { dynamicStruct, type FieldInfo, type StructCodec, type TypeInfo } from 'hawser/thrift';
import { HeaderMap } from '../../../src/call/headers.js';
import type { Encoding } from '../../../src/contract/codec.js';
import { type DecodeAccount, holdDecoded } from '../../../src/contract/decode-budget.js';
import { defaultLimits } from '../../../src/transports/thrift/limits.js';
import type { ThriftProtocol } from '../../../src/transports/thrift/sniff.js';
import { decodeHeaderFrame, encodeHeaderFrame } from '../../../src/transports/thrift/theader.js';
import { measure } from './measure.js';

type Fields = Record<string, unknown>;
type Codec = StructCodec<Fields>;

const [wire, count, seed, folder] = process.argv.slice(2) as [Encoding | 'header', string, string, string];
const random = seededRandom(seed);

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

interface Hostile {
  readonly codec: Codec;
  readonly encoding: Encoding;
  readonly bytes: Buffer;
}

/** Decodes as a server does, headers and all. Returns what is kept. */
function decoded({ codec, encoding, bytes }: Hostile, account: DecodeAccount): unknown {
  if (wire !== 'header') return codec.decode(bytes, encoding, account);
  const { headers, payload } = decodeHeaderFrame(bytes, { limits: defaultLimits, zlib: false });
  if (headers !== undefined) holdDecoded(account, headers.cost);
  return [headers, codec.decode(payload, encoding, account)];
}

function headersOf(): HeaderMap {
  const headers = new HeaderMap();
  const size = random.pick([0, 1, 3, 10, 24, 25, 100, 128]);
  for (let n = 0; n < size; n++) {
    const long = 'v'.repeat(random.pick([0, 1, 8, 12, 13, 40, 200]));
    if (random.chance(0.3)) headers.append(`x-${random.int(200)}-bin`, Buffer.from(long));
    else headers.append(`x-${random.chance(0.1) ? 'same' : random.int(10_000)}`, long);
  }
  return headers;
}

function hostile(): Hostile {
  const codec = random.pick(codecs);
  const encoding = wire === 'header' ? random.pick(['binary', 'compact'] as const) : wire;
  budget = random.pick([20, 300, 3000]);
  let bytes = Buffer.from(codec.encode(structOf(codec, 4), encoding));
  if (random.chance(0.2)) bytes[random.int(bytes.length)] = random.int(256);
  if (wire === 'header') {
    const headers = headersOf();
    const envelope = { protocol: encoding as ThriftProtocol, sequenceId: 1, zlib: false, headers };
    bytes = Buffer.from(encodeHeaderFrame(envelope, bytes, defaultLimits).subarray(4));
  }
  return { codec, encoding, bytes };
}

measure(Number(count), { hostile, decoded });
