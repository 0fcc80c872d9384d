/**
 * Random messages of random types, between generated code, protobuf-es and Google's Python library: each reads what the others
 * wrote, in binary and in JSON. The seed of a failure is in the name of what failed: HAWSER_FUZZ_SEED repeats it.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import {
  create,
  type DescMessage,
  type Message as EsMessage,
  type FileRegistry,
  fromBinary,
  fromJson,
  toBinary,
  toJson,
} from '@bufbuild/protobuf';
import { type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { type FileDescriptorProto, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { afterAll, beforeAll, expect, it, onTestFinished } from 'vitest';
import { typesOf } from '../../../../src/cli/described-types.js';
import { registryOf } from '../../../../src/cli/dynamic-proto.js';
import { loadProto } from '../../../../src/codegen/proto/load.js';
import { parseJson } from '../../../../src/contract/proto/json/parse.js';
import type { JsonValue, MessageType } from '../../../../src/contract/proto/message-type.js';
import { orderedMessage } from '../../../../src/contract/proto/ordered.js';
import { seededRandom } from '../../../../src/testing/random.js';
import { describeWith, hasTool } from '../../../requires.js';
import { hawser } from '../../../support/program.js';
import { scratchFolder } from '../../../support/scratch.js';
import { runs } from '../../../support/soak.js';
import { type Message, randomMessage } from './random-message.js';
import { randomFile, type Syntax } from './random-proto.js';

const python = '/usr/bin/python3';
const seed = process.env.HAWSER_FUZZ_SEED ?? String(Date.now());
const random = seededRandom(seed);
const soak = runs(1) > 1;
const types = soak ? 100 : 10;
const messages = soak ? 100_000 : 5_000;
const syntaxes: readonly Syntax[] = ['proto2', 'proto3', 'editions'];

interface Subject {
  readonly ours: MessageType<unknown>;
  readonly theirs: DescMessage;
  /** Debian's Python library knows no editions. */
  readonly python: boolean;
}

let registry: FileRegistry;
const subjects: Subject[] = [];
const folder = scratchFolder('proto-fuzz');
afterAll(() => folder.remove());

beforeAll(async () => {
  const input = join(folder.path, 'in');
  mkdirSync(input);
  for (const syntax of syntaxes)
    writeFileSync(join(input, `${syntax}.proto`), randomFile(random.fork(syntax), syntax, types));
  const generated = await hawser('generate', '--proto', input, '--out', join(folder.path, 'out'));
  expect(generated.stderr.replace(/^.*import.*$/gm, ''), `seed ${seed}`).toBe('');
  const files = await loadProto([input], []);
  registry = registryOf(files);
  writeImage(files.filter(({ name }) => !name.startsWith('editions')));
  for (const syntax of syntaxes) {
    const module = (await import(join(folder.path, `out/${syntax}.ts`))) as Record<string, MessageType<unknown>>;
    for (let i = 0; i < types; i++) {
      const theirs = registry.getMessage(`fuzz.${syntax}.M${i}`);
      const ours = module[`M${i}`];
      if (theirs === undefined || ours === undefined) throw new Error(`there is no fuzz.${syntax}.M${i}`);
      subjects.push({ ours, theirs, python: syntax !== 'editions' });
    }
  }
}, 240_000);

function writeImage(file: readonly FileDescriptorProto[]): void {
  const set = create(FileDescriptorSetSchema, { file: [...file] });
  writeFileSync(join(folder.path, 'image.binpb'), toBinary(FileDescriptorSetSchema, set));
}

/** Bytes of protobuf-es, with map entries in one order: an object has an order of its own for names that are numbers. */
function canonical(type: DescMessage, message: EsMessage): string {
  const view = reflect(type, message);
  sortMaps(view);
  return Buffer.from(toBinary(type, view.message)).toString('hex');
}

function sortMaps(view: ReflectMessage): void {
  const sorted = <T>(value: T): T => {
    sortMaps(value as ReflectMessage);
    return value;
  };
  for (const field of view.fields) {
    if (!view.isSet(field)) continue;
    if (field.fieldKind === 'map') {
      const map = view.get(field);
      const entries = [...map].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
      map.clear();
      for (const [key, value] of entries) map.set(key, field.mapKind === 'message' ? sorted(value) : value);
    } else if (field.fieldKind === 'list' && field.listKind === 'message') {
      const list = view.get(field);
      // What is read of a Struct is a copy, which has to be put back.
      for (let i = 0; i < list.size; i++) list.set(i, sorted(list.get(i)));
    } else if (field.fieldKind === 'message') {
      view.set(field, sorted(view.get(field)));
    }
  }
}

/** Numbers as floats where they are the same float: libraries differ in how many digits they write. */
function sameJson(a: unknown, b: unknown): boolean {
  if (typeof a === 'number' && typeof b === 'number')
    return Object.is(a, b) || Object.is(Math.fround(a), Math.fround(b));
  if (typeof a !== 'object' || a === null || typeof b !== 'object' || b === null) return a === b;
  const keys = Object.keys(a);
  return (
    Array.isArray(a) === Array.isArray(b) &&
    keys.length === Object.keys(b).length &&
    keys.every((key) => Object.hasOwn(b, key) && sameJson((a as Message)[key], (b as Message)[key]))
  );
}

it(`writes and reads as protobuf-es does, in binary and JSON (seed ${seed})`, () => {
  for (let i = 0; i < messages; i++) {
    const draw = random.fork(`es ${i}`);
    const { ours, theirs } = draw.pick(subjects);
    const where = `seed ${seed}, message ${i}, ${ours.typeName}`;
    const message = randomMessage(draw, ours);
    const bytes = ours.encode(message);
    const read = fromBinary(theirs, bytes);
    const canon = canonical(theirs, read);
    // Both ways in binary: their bytes are ours again, and what we read is what we wrote.
    const back = ours.decode(toBinary(theirs, read));
    if (canonical(theirs, fromBinary(theirs, ours.encode(back as object))) !== canon) expect.fail(`${where}: binary`);
    if (!ours.equals(back, message)) expect(back, `${where}: equals`).toStrictEqual(message);
    if (!ours.equals(ours.clone(message), message)) expect.fail(`${where}: clone`);
    // And in JSON.
    const json = ours.toJson(message, { registry: typesOf(registry) });
    const theirJson = toJson(theirs, read, { registry });
    if (!sameJson(json, theirJson)) expect(json, `${where}: JSON`).toEqual(theirJson);
    if (canonical(theirs, fromJson(theirs, json as never, { registry })) !== canon) expect.fail(`${where}: our JSON`);
    const parsed = ours.fromJson(theirJson as JsonValue, { registry: typesOf(registry) });
    if (!ours.equals(parsed, message)) expect(parsed, `${where}: their JSON`).toStrictEqual(message);
  }
}, 3_600_000);

/** JSON.stringify writes -0 as 0; as text it is read as what it is. */
function textOf(json: JsonValue): string {
  return JSON.stringify(json, (_, value) => (Object.is(value, -0) ? '-0' : value));
}

function withZeroes(text: string): unknown {
  return JSON.parse(text, (_, value) => (value === '-0' ? -0 : value));
}

function attempt<T>(work: () => T): T | Error {
  try {
    return work();
  } catch (error) {
    return error as Error;
  }
}

interface Answer {
  readonly bytes: string;
  readonly json: string;
  readonly read: string;
  readonly error?: string;
}

/** Starts Google's library; `ask` is answered in order. */
function startPeer() {
  const args = [join(import.meta.dirname, 'peer.py'), join(folder.path, 'image.binpb')];
  const peer = spawn(python, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = createInterface({ input: peer.stdout })[Symbol.asyncIterator]();
  onTestFinished(() => void peer.kill());
  return async (type: string, bytes: Uint8Array, json?: string): Promise<Answer> => {
    peer.stdin.write(`${JSON.stringify({ type, bytes: Buffer.from(bytes).toString('base64'), json })}\n`);
    const { value, done } = await answers.next();
    if (done === true) throw new Error('the peer ended');
    return JSON.parse(value as string) as Answer;
  };
}

const bytesOf = (base64: string): Buffer => Buffer.from(base64, 'base64');

describeWith(
  "Google's Python library of protobuf",
  hasTool(python, ['-c', 'import google.protobuf']),
  'with Python',
  () => {
    it(`writes and reads as Google's library does, in binary and JSON (seed ${seed})`, async () => {
      const ask = startPeer();
      const served = subjects.filter((one) => one.python);
      for (let i = 0; i < messages; i++) {
        const draw = random.fork(`python ${i}`);
        const { ours, theirs } = draw.pick(served);
        const where = `seed ${seed}, message ${i}, ${ours.typeName}`;
        const message = randomMessage(draw, ours);
        const bytes = Buffer.from(ours.encode(message));
        const text = textOf(ours.toJson(message, { registry: typesOf(registry) }));
        const answer = await ask(ours.typeName, bytes, text);
        if (answer.error !== undefined) expect.fail(`${where}: ${answer.error}`);
        const theirBytes = bytesOf(answer.bytes);
        const canon = canonical(theirs, fromBinary(theirs, bytes));
        if (theirBytes.length !== bytes.length || canonical(theirs, fromBinary(theirs, theirBytes)) !== canon) {
          expect.fail(`${where}: ours is ${bytes.toString('hex')}, theirs ${theirBytes.toString('hex')}`);
        }
        if (!ours.equals(ours.decode(theirBytes), message)) expect.fail(`${where}: their binary`);
        if (!sameJson(withZeroes(answer.json), withZeroes(text))) {
          expect(withZeroes(answer.json), `${where}: JSON`).toEqual(withZeroes(text));
        }
        const parsed = ours.fromJson(parseJson(answer.json) as JsonValue, { registry: typesOf(registry) });
        if (!ours.equals(parsed, message)) expect(parsed, `${where}: their JSON`).toStrictEqual(message);
        if (canonical(theirs, fromBinary(theirs, bytesOf(answer.read))) !== canon) expect.fail(`${where}: our JSON`);
      }
    }, 3_600_000);

    it(`reads bytes of another type as Google's library does, and keeps what is unknown (seed ${seed})`, async () => {
      const ask = startPeer();
      const served = subjects.filter((one) => one.python);
      // Debian's version of it keeps a closed enum's unknown number in a map by the number alone, not as the whole entry.
      const open = served.filter(({ ours }) => ours.typeName.startsWith('fuzz.proto3.'));
      const inOrder = (type: MessageType<unknown>, message: unknown): Uint8Array =>
        type.encode(orderedMessage(type, message) as object);
      let accepted = 0;
      for (let i = 0; i < messages; i++) {
        const draw = random.fork(`unknown ${i}`);
        const { ours } = draw.pick(open);
        const from = draw.pick(served).ours;
        const bytes = Buffer.from(from.encode(randomMessage(draw, from)));
        const where = `seed ${seed}, message ${i}, ${from.typeName} read as ${ours.typeName}: ${bytes.toString('hex')}`;
        const mine = attempt(() => ours.decode(bytes));
        const answer = await ask(ours.typeName, bytes);
        if (mine instanceof Error !== (answer.error !== undefined)) {
          expect.fail(`${where}: ${mine instanceof Error ? mine : `they say ${answer.error}`}`);
        }
        if (mine instanceof Error) continue;
        accepted++;
        const theirBytes = bytesOf(answer.bytes);
        const theirs = ours.decode(theirBytes);
        if (Buffer.compare(inOrder(ours, mine), inOrder(ours, theirs)) !== 0) {
          expect.fail(
            `${where}: ours is ${Buffer.from(inOrder(ours, mine)).toString('hex')}, theirs ${theirBytes.toString('hex')}`,
          );
        }
      }
      expect(accepted).toBeGreaterThan(messages / 20);
    }, 3_600_000);
  },
);
