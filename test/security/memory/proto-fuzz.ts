/**
 * Hostile messages of protobuf, for measure.ts. Run with --expose-gc in a process of its own: `proto-fuzz.ts COUNT SEED FOLDER`;
 * FOLDER has the code generated of hoard.proto.
 */
import { pathToFileURL } from 'node:url';
import type { MessageType } from 'hawser/proto';
import { seededRandom } from 'hawser/testing';
import type { DecodeAccount } from '../../../src/contract/decode-budget.js';
import type { Field, FieldType, ScalarName } from '../../../src/contract/proto/message-type.js';
import { measure } from './measure.js';

const [count, seed, folder] = process.argv.slice(2) as [string, string, string];
const random = seededRandom(seed);
const types = (await import(pathToFileURL(`${folder}/hoard.ts`).href)) as Record<'Bag' | 'OldBag', MessageType<object>>;

/** How many values the message may still get. */
let budget = 0;
const lengths = [0, 1, 2, 3, 8, 9, 12, 13, 16, 17, 40, 200];

function messageOf(type: MessageType<object>, depth: number): Record<string, unknown> {
  const chance = random.pick([0, 0.05, 0.2]);
  const made: Record<string, unknown> = {};
  for (const field of type.fields) {
    if (budget <= 0 || !random.chance(chance)) continue;
    if (isMessage(field.type) && depth <= 0) continue;
    const held = fieldOf(field, depth);
    if (field.oneof === undefined) made[field.localName] = held;
    else made[field.oneof] = { $case: field.localName, value: held };
  }
  return made;
}

function fieldOf({ form, type, key, container }: Field, depth: number): unknown {
  if (form === 'single') return value(type, depth);
  const size = Math.max(0, Math.min(budget, random.pick([0, 1, 1, 2, 5, 17, 18, 100, 1000])));
  if (form === 'list') return Array.from({ length: size }, () => value(type, depth));
  const entries = Array.from({ length: size }, () => [value(key as ScalarName, depth), value(type, depth)] as const);
  return container === 'Map' ? new Map(entries) : Object.fromEntries(entries);
}

function value(type: FieldType, depth: number): unknown {
  budget--;
  switch (type) {
    case 'bool':
      return random.chance(0.5);
    case 'double':
      return random.int(1000) / 7;
    case 'string':
      return text();
    case 'bytes':
      return new Uint8Array(random.pick(lengths));
    case 'int64':
    case 'uint64':
      return BigInt(random.int(1_000_000));
    case 'int32':
      return random.int(100);
  }
  if (typeof type === 'string') throw new Error(`hoard.proto has a ${type}`);
  if ('numbers' in type) return random.int(2);
  switch (type.typeName) {
    case 'google.protobuf.StringValue':
      return text();
    case 'google.protobuf.Int64Value':
      return BigInt(random.int(1_000_000));
    case 'google.protobuf.Struct':
      return { a: text(), b: random.int(10), c: [null, true, { d: text() }] };
    default:
      return messageOf(type as MessageType<object>, depth - 1);
  }
}

function isMessage(type: FieldType): boolean {
  return typeof type === 'object' && 'fields' in type;
}

function text(): string {
  const alphabet = [...(random.chance(0.8) ? 'abcdefgh' : 'aé漢🐟')];
  return Array.from({ length: random.pick(lengths) }, () => random.pick(alphabet)).join('');
}

interface Hostile {
  readonly type: MessageType<object>;
  readonly bytes: Buffer;
}

function hostile(): Hostile {
  budget = random.pick([20, 300, 3000]);
  const bytes = Buffer.from(types.Bag.encode(messageOf(types.Bag, 4)));
  if (bytes.length > 0 && random.chance(0.2)) bytes[random.int(bytes.length)] = random.int(256);
  return { type: random.chance(0.7) ? types.Bag : types.OldBag, bytes };
}

function decoded({ type, bytes }: Hostile, account: DecodeAccount): unknown {
  return type.decode(bytes, account);
}

measure(Number(count), { hostile, decoded });
