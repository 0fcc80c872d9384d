/** A random schema as `.thrift`, and its structs over the wire. */
import { thriftStruct } from '../../../src/cli/dynamic-thrift.js';
import { defaultLimits } from '../../../src/codegen/thrift/limits.js';
import { parseFile } from '../../../src/codegen/thrift/parser.js';
import type { Program, StructDefinition } from '../../../src/codegen/thrift/program.js';
import { resolveFile } from '../../../src/codegen/thrift/resolver.js';
import { Source } from '../../../src/codegen/thrift/source.js';
import type { SeededRandom } from '../../../src/testing/random.js';
import type { Model, ModelField, ModelStruct, ModelType } from './edits.js';

export function thriftProgram(model: Model): Program {
  const source = new Source('model.thrift', 'model.thrift', thriftText(model), 10);
  const tree = parseFile(source, defaultLimits);
  const { program } = resolveFile(source, 'model', { ...tree, lostIncludes: [] }, [], defaultLimits);
  if (source.errors > 0) throw new Error(`${JSON.stringify(source.diagnostics)}\n${source.text}`);
  return program;
}

function thriftText({ structs, enums }: Model): string {
  const lines = enums.map(
    ({ values }, index) => `enum E${index} { ${values.map(({ name, number }) => `${name} = ${number}`).join(', ')} }`,
  );
  structs.forEach(({ form, fields }, index) => {
    const body = fields.map((field) => {
      const presence = form === 'union' || field.presence === 'implicit' ? '' : `${field.presence} `;
      const value = field.default === undefined ? '' : ` = ${field.default}`;
      return `  ${field.id}: ${presence}${typeText(field.type)} ${field.name}${value}`;
    });
    lines.push(`${form} M${index} {\n${body.join('\n')}\n}`);
  });
  return lines.join('\n');
}

function typeText(type: ModelType): string {
  switch (type.kind) {
    case 'scalar':
      return type.name;
    case 'enum':
      return `E${type.index}`;
    case 'struct':
      return `M${type.index}`;
    case 'list':
      return `list<${typeText(type.element)}>`;
    default:
      return `map<${type.key}, ${typeText(type.value)}>`;
  }
}

interface Version {
  readonly model: Model;
  readonly program: Program;
}

/** Sends a random struct of one version through the wire to the other; a sentence when it fails or reads differently. */
export function thriftExchange(from: Version, to: Version, random: SeededRandom): string | undefined {
  for (const [index, struct] of from.model.structs.entries()) {
    const name = `M${index}`;
    const encoding = random.pick(['binary', 'compact'] as const);
    const value = randomStruct(from.model, struct, random);
    let read: Record<string, unknown>;
    try {
      const bytes = thriftStruct(definition(from.program, name)).encode(value, encoding);
      read = thriftStruct(definition(to.program, name)).decode(bytes, encoding);
    } catch (error) {
      return `${name} cannot be read: ${String(error)}`;
    }
    const other = to.model.structs[index];
    for (const field of struct.fields) {
      const known = other?.fields.find(({ id }) => id === field.id);
      if (known === undefined) continue;
      const a = readingOf(value, field, struct.form);
      const b = readingOf(read, known, other?.form ?? 'struct');
      if (a !== b) return `${name}.${field.name} was sent as ${a} and is read as ${b}`;
    }
  }
  return undefined;
}

function definition(program: Program, name: string): StructDefinition {
  return program.definitions.find((one) => one.name === name) as StructDefinition;
}

function randomStruct(model: Model, struct: ModelStruct, random: SeededRandom): Record<string, unknown> {
  if (struct.form === 'union') {
    const field = random.pick(struct.fields);
    return { $case: field.name, value: randomValue(model, field.type, random) };
  }
  const value: Record<string, unknown> = {};
  for (const field of struct.fields) {
    if (field.presence !== 'optional' || random.chance(0.8)) value[field.name] = randomValue(model, field.type, random);
  }
  return value;
}

function randomValue(model: Model, type: ModelType, random: SeededRandom): unknown {
  switch (type.kind) {
    case 'enum':
      return random.pick(model.enums[type.index]?.values ?? []).number;
    case 'struct':
      return randomStruct(model, model.structs[type.index] as ModelStruct, random);
    case 'list':
      return Array.from({ length: random.int(3) }, () => randomValue(model, type.element, random));
    case 'map':
      return new Map(
        Array.from({ length: random.int(3) }, (_, at) => [
          type.key === 'string' ? `k${at}` : at,
          randomValue(model, type.value, random),
        ]),
      );
    default:
      return randomScalar(type.name, random);
  }
}

function randomScalar(name: string, random: SeededRandom): unknown {
  switch (name) {
    case 'bool':
      return random.chance(0.5);
    case 'i8':
      return random.pick([0, 1, -128]);
    case 'i16':
      return random.pick([0, 1, -32768]);
    case 'i32':
      return random.pick([0, 1, -(2 ** 31)]);
    case 'i64':
      return random.pick([0n, 1n, -(2n ** 63n)]);
    case 'double':
      return random.pick([0, 0.5, -2]);
    case 'string':
      return random.pick(['', 'halibut', 'ſ\u{1f41f}']);
    default:
      return random.pick([new Uint8Array(), Uint8Array.of(0xff, 0xfe)]);
  }
}

/** Absent is as good as the default, and the default as good as zero where there is none. */
function readingOf(value: Record<string, unknown>, field: ModelField, form: ModelStruct['form']): string {
  const at = form === 'union' ? (value.$case === field.name ? value.value : undefined) : value[field.name];
  if (at === undefined) return form === 'union' ? 'unset' : String(field.default ?? zero(field.type));
  return text(at);
}

function zero(type: ModelType): string {
  switch (type.kind) {
    case 'list':
      return '[]';
    case 'map':
      return '{}';
    case 'struct':
      return 'unset';
    case 'enum':
      return '0';
    default:
      return type.name === 'bool' ? 'false' : type.name === 'string' ? '' : type.name === 'binary' ? 'bytes ' : '0';
  }
}

/** Nested structs are compared where they are declared: each version may know other fields of them. */
function text(value: unknown): string {
  if (value instanceof Uint8Array) return `bytes ${Buffer.from(value).toString('hex')}`;
  if (Array.isArray(value)) return `[${value.map(text).join(', ')}]`;
  if (value instanceof Map) return `{${[...value].map(([key, one]) => `${key}: ${text(one)}`).join(', ')}}`;
  if (typeof value === 'object' && value !== null) return 'a struct';
  return String(value);
}
