/**
 * Hostile messages, decoded and kept by the hundred: what the decoder charged for all of them beside what the heap gained, as one
 * message alone is lost in what else a heap does. Run with --expose-gc in a process of its own: `fuzz.ts WIRE COUNT SEED FOLDER`;
 * FOLDER has the code generated of hoard.thrift. On the wire `header` messages come with a list of headers.
 */
import { pathToFileURL } from 'node:url';
import { seededRandom } from 'hawser/testing';
import { dynamicStruct, type FieldInfo, type StructCodec, type TypeInfo } from 'hawser/thrift';
import { HeaderMap } from '../../../src/call/headers.js';
import type { Encoding } from '../../../src/contract/codec.js';
import {
  type DecodeAccount,
  DecodeBudgetError,
  decodedBytes,
  holdDecoded,
  releaseDecoded,
} from '../../../src/contract/decode-budget.js';
import { defaultLimits } from '../../../src/transports/thrift/limits.js';
import type { ThriftProtocol } from '../../../src/transports/thrift/sniff.js';
import { decodeHeaderFrame, encodeHeaderFrame } from '../../../src/transports/thrift/theader.js';

type Fields = Record<string, unknown>;
type Codec = StructCodec<Fields>;

const [wire, count, seed, folder] = process.argv.slice(2) as [Encoding | 'header', string, string, string];
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

const result = { messages: 0, refused: 0, malformed: 0, charged: 0, gained: 0, worst: Number.POSITIVE_INFINITY };

/** Those that decode: once, so that the code is compiled and its shapes are known before anything is measured. */
function decodable(batch: readonly Hostile[]): Hostile[] {
  return batch.filter((one) => {
    const account: DecodeAccount = { finished: false, decodedBytes: 0 };
    try {
      decoded(one, account);
      return true;
    } catch (error) {
      if (error instanceof DecodeBudgetError) result.refused++;
      else result.malformed++;
      return false;
    } finally {
      releaseDecoded(account);
    }
  });
}

function measured(batch: readonly Hostile[]): { readonly charged: number; readonly gained: number } {
  const account: DecodeAccount = { finished: false, decodedBytes: 0 };
  const kept: unknown[] = new Array(batch.length).fill(undefined);
  const once = (): { readonly charged: number; readonly gained: number } => {
    kept.fill(undefined);
    gc();
    const before = process.memoryUsage().heapUsed;
    for (const [at, one] of batch.entries()) kept[at] = decoded(one, account);
    gc();
    const gained = process.memoryUsage().heapUsed - before;
    const charged = account.decodedBytes;
    releaseDecoded(account);
    return { charged, gained };
  };
  let best = once();
  // The heap has other things to do now and then: what does not repeat was not the messages.
  for (let again = 0; again < 3 && best.charged < best.gained * 0.8; again++) {
    const next = once();
    if (next.gained < best.gained) best = next;
  }
  return best;
}

const perBatch = 250;
for (let made = 0; made < Number(count); made += perBatch) {
  const batch = decodable(Array.from({ length: Math.min(perBatch, Number(count) - made) }, hostile));
  const { charged, gained } = measured(batch);
  result.messages += batch.length;
  result.charged += charged;
  result.gained += gained;
  result.worst = Math.min(result.worst, charged / gained);
}
if (decodedBytes() !== 0) throw new Error(`${decodedBytes()} bytes are still charged`);
console.log(JSON.stringify(result));
