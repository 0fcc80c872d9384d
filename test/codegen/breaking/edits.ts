/** Random schemas, random edits of them, and random messages, for both IDLs; all of it from a seed. */
import type { SeededRandom } from '../../../src/testing/random.js';

export type ModelType =
  | { readonly kind: 'scalar'; readonly name: string }
  | { readonly kind: 'enum' | 'struct'; readonly index: number }
  | { readonly kind: 'list'; readonly element: ModelType }
  | { readonly kind: 'map'; readonly key: string; readonly value: ModelType };

export interface ModelField {
  id: number;
  name: string;
  type: ModelType;
  presence: 'implicit' | 'optional' | 'required';
  /** A whole number, for the scalars that take one. */
  default?: number;
  oneof?: string;
}

export interface ModelStruct {
  form: 'struct' | 'union';
  fields: ModelField[];
  reserved: number[];
}

export interface ModelEnum {
  values: { name: string; number: number }[];
  reserved: number[];
}

export interface Model {
  readonly dialect: Dialect;
  readonly structs: ModelStruct[];
  readonly enums: ModelEnum[];
}

export type Dialect = 'proto2' | 'proto3' | 'thrift';

const scalars: Readonly<Record<Dialect, readonly string[]>> = {
  proto2: ['int32', 'int64', 'uint32', 'sint32', 'fixed32', 'sfixed64', 'bool', 'float', 'double', 'string', 'bytes'],
  proto3: ['int32', 'int64', 'uint64', 'sint64', 'fixed64', 'sfixed32', 'bool', 'float', 'double', 'string', 'bytes'],
  thrift: ['bool', 'i8', 'i16', 'i32', 'i64', 'double', 'string', 'binary'],
};

export function randomModel(random: SeededRandom): Model {
  const dialect = random.pick(['proto2', 'proto3', 'thrift'] as const);
  const model: Model = { dialect, structs: [], enums: [] };
  for (let i = 0; i < 2; i++) {
    const values = Array.from({ length: 1 + random.int(3) }, (_, at) => ({ name: `E${i}V${at}`, number: at }));
    model.enums.push({ values, reserved: random.chance(0.3) ? [7] : [] });
  }
  for (let i = 0; i < 3; i++)
    model.structs.push({ form: 'struct', fields: [], reserved: random.chance(0.3) ? [19] : [] });
  for (const struct of model.structs) {
    if (dialect === 'thrift' && random.chance(0.2)) struct.form = 'union';
    for (let i = 1 + random.int(5); i > 0; i--) struct.fields.push(randomField(model, struct, random));
  }
  return model;
}

function randomField(model: Model, struct: ModelStruct, random: SeededRandom): ModelField {
  let id = 1 + random.int(18);
  while (struct.fields.some((field) => field.id === id)) id = (id % 18) + 1;
  const type = randomType(model, model.structs.indexOf(struct), random, 0);
  const field: ModelField = { id, name: `f${id}`, type, presence: randomPresence(model, struct, type, random) };
  settle(field, model);
  return field;
}

function randomPresence(
  { dialect }: Model,
  struct: ModelStruct,
  type: ModelType,
  random: SeededRandom,
): ModelField['presence'] {
  if (struct.form === 'union') return 'implicit';
  if (dialect === 'proto3')
    return type.kind === 'list' || type.kind === 'map' ? 'implicit' : random.pick(['implicit', 'optional']);
  const rare = random.chance(0.15) ? ['required' as const] : [];
  return random.pick(['optional', ...rare, ...(dialect === 'thrift' ? ['implicit' as const] : [])]);
}

/** Makes a field legal again after an edit: what its IDL cannot say goes. */
function settle(field: ModelField, { dialect }: Model): void {
  const many = field.type.kind === 'list' || field.type.kind === 'map';
  if (dialect !== 'thrift' && (many || field.oneof !== undefined)) {
    field.presence = dialect === 'proto2' && !many ? 'optional' : 'implicit';
  }
  if (dialect === 'proto3' && field.type.kind === 'struct') field.presence = 'implicit';
  if (dialect === 'proto2' && !many && field.presence === 'implicit') field.presence = 'optional';
  if (many || dialect === 'thrift') delete field.oneof;
  const numeric = field.type.kind === 'scalar' && /^(?:s?fixed|s?int|uint|i)\d+$/.test(field.type.name);
  if (dialect === 'proto3' || !numeric || field.oneof !== undefined) delete field.default;
}

function randomType(model: Model, below: number, random: SeededRandom, depth: number): ModelType {
  const plain = (): ModelType =>
    random.chance(0.8)
      ? { kind: 'scalar', name: random.pick(scalars[model.dialect]) }
      : { kind: 'enum', index: random.int(2) };
  const nested = (): ModelType => {
    // Only one that was declared before: a struct that requires itself could not be made.
    return below > 0 && random.chance(0.7) ? { kind: 'struct', index: random.int(below) } : plain();
  };
  const roll = random.int(10);
  if (roll < 2) {
    const element = model.dialect === 'thrift' && depth < 1 ? randomType(model, below, random, depth + 1) : nested();
    return { kind: 'list', element };
  }
  if (roll < 3) {
    const keys = model.dialect === 'thrift' ? ['i32', 'string'] : ['int32', 'string', 'bool'];
    return { kind: 'map', key: random.pick(keys), value: nested() };
  }
  return roll < 6 ? nested() : plain();
}

/** A copy with one to three edits, any of which may break it. */
export function edited(model: Model, random: SeededRandom): Model {
  const copy = structuredClone(model);
  for (let i = 1 + random.int(3); i > 0; i--) {
    if (random.chance(0.25)) editEnum(random.pick(copy.enums), random);
    else editStruct(copy, random.pick(copy.structs), random);
  }
  return copy;
}

function editEnum(one: ModelEnum, random: SeededRandom): void {
  const value = random.pick(one.values);
  switch (random.int(4)) {
    case 0:
      one.values.push({ name: `${value.name}N${one.values.length}`, number: 3 + random.int(6) });
      one.values = one.values.filter(
        ({ number }, at) => one.values.findIndex((other) => other.number === number) === at,
      );
      one.reserved = one.reserved.filter((number) => one.values.every((other) => other.number !== number));
      break;
    case 1:
      if (one.values.length > 1 && value !== one.values[0]) {
        one.values = one.values.filter((other) => other !== value);
        if (random.chance(0.5)) one.reserved.push(value.number);
      }
      break;
    case 2:
      value.name = `${value.name}R`;
      break;
    default:
      one.reserved = random.chance(0.5) ? [...new Set([...one.reserved, 11])] : [];
  }
}

function editStruct(model: Model, struct: ModelStruct, random: SeededRandom): void {
  const field = random.pick(struct.fields);
  switch (random.int(9)) {
    case 0:
    case 1: {
      const added = randomField(model, struct, random);
      added.name = `${added.name}n`;
      struct.fields.push(added);
      struct.reserved = struct.reserved.filter((id) => id !== added.id);
      break;
    }
    case 2:
      if (struct.fields.length > 1) {
        struct.fields = struct.fields.filter((other) => other !== field);
        if (random.chance(0.6)) struct.reserved.push(field.id);
      }
      break;
    case 3:
      field.name = `${field.name}r`;
      break;
    case 4:
    case 5:
      field.type = { kind: 'scalar', name: random.pick(scalars[model.dialect]) };
      break;
    case 6:
      if (struct.form === 'struct') field.presence = randomPresence(model, struct, field.type, random);
      break;
    case 7:
      if (field.default === undefined) field.default = 1 + random.int(5);
      else delete field.default;
      break;
    default:
      if (field.oneof !== undefined) delete field.oneof;
      else field.oneof = 'choice';
  }
  if (struct.form === 'union') for (const one of struct.fields) delete one.default;
  for (const one of struct.fields) settle(one, model);
}
