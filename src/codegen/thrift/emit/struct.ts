/**
 * Structs, and the arguments of functions, which are structs too: an interface, and a codec whose
 * `write` and `read` are straight-line code for just this struct. One switch on the field's id and
 * wire type together: a known id with another wire type is skipped like an unknown one.
 */
import { structCost } from '../../../contract/thrift/cost.js';
import { docLines, propertyName } from '../../service-printer.js';
import type { Field, StructDefinition } from '../program.js';
import { trueType } from '../program.js';
import { contentsCost } from './contents-cost.js';
import { namesOfFields } from './export-names.js';
import type { ModuleWriter } from './module.js';
import { block, type Frame, isContainer, readText, writeText } from './read-write.js';
import { group, indent, quote } from './text.js';
import { isScalar, typeInfo, typeText, wireType, zeroText } from './types.js';
import { valueText } from './values.js';

/** What is printed as a struct. */
export interface StructModel {
  /** Full name in the IDL. */
  readonly typeName: string;
  readonly localName: string;
  readonly kind: StructDefinition['kind'];
  readonly doc: string | undefined;
  readonly fields: readonly Field[];
}

/** A field as it is printed. */
export interface FieldModel {
  readonly field: Field;
  readonly name: string;
  /** The id as it travels: 16 bits. */
  readonly id: number;
  /** Whether a value may lack it. */
  readonly optional: boolean;
  /** What an absent field reads as, and an unset one is made of; undefined: nothing. */
  readonly absent: string | undefined;
}

export function printStruct(model: StructModel, module: ModuleWriter): string {
  const fields = fieldModels(model, module);
  const lines = [
    ...docLines(model.doc, ''),
    fields.length === 0 ? `export interface ${model.localName} {}` : `export interface ${model.localName} {`,
  ];
  if (fields.length > 0) lines.push(indent(propertiesText(fields, module)), '}');
  const { localName } = model;
  lines.push('', codecHead(localName, module));
  lines.push(
    indent(
      [
        `name: ${quote(model.typeName)},`,
        `form: "${model.kind}",`,
        `fields: () => ${fieldInfos(fields, module)},`,
        `${writeMethod(model, fields, module)},`,
        `${readMethod(model, fields, module, (text) => `return ${text};`)},`,
        `${createMethod(fields)},`,
      ].join('\n'),
    ),
    '});',
  );
  return lines.join('\n');
}

/** `export const Trade: StructCodec<Trade> = defineStruct<Trade>({` */
export function codecHead(name: string, module: ModuleWriter): string {
  const left = `export const ${name}: ${module.use('StructCodec')}<${name}> =`;
  const right = `${module.use('defineStruct')}<${name}>({`;
  return left.length + right.length < 120 ? `${left} ${right}` : `${left}\n  ${right}`;
}

export function fieldModels(
  { fields, kind }: Pick<StructModel, 'fields' | 'kind'>,
  module: ModuleWriter,
): FieldModel[] {
  const names = namesOfFields(fields, kind);
  return fields.map((field) => {
    const value = field.value === undefined ? undefined : valueText(field.value, field.type, module);
    const zero = field.requiredness === 'default' ? zeroText(field.type, module) : undefined;
    const absent = value ?? zero;
    const optional = field.requiredness === 'optional' || (field.requiredness === 'default' && absent === undefined);
    return { field, name: names.get(field) ?? field.name, id: (field.id << 16) >> 16, optional, absent };
  });
}

/** The members of an interface. */
function propertiesText(fields: readonly FieldModel[], module: ModuleWriter): string {
  return fields
    .map(({ field, name, optional }) => {
      const type = typeText(field.type, module);
      const property = optional ? `${propertyName(name)}?: ${type} | undefined;` : `${propertyName(name)}: ${type};`;
      return [...docLines(field.doc, ''), property].join('\n');
    })
    .join('\n');
}

export function byId(fields: readonly FieldModel[]): FieldModel[] {
  return [...fields].sort((a, b) => a.id - b.id);
}

export function fieldInfos(fields: readonly FieldModel[], module: ModuleWriter): string {
  const infos = byId(fields).map(({ field, name, id }) => {
    const parts = [
      `id: ${id}`,
      `name: ${quote(field.name)}`,
      `localName: ${quote(name)}`,
      `type: ${typeInfo(field.type, module)}`,
      `requiredness: "${field.requiredness}"`,
    ];
    if (field.value !== undefined) {
      const value = valueText(field.value, field.type, module);
      parts.push(`default: () => ${value.startsWith('{') ? `(${value})` : value}`);
    }
    return group('{', parts, '}');
  });
  return infos.length === 0 ? '[]' : `[\n${infos.map((info) => `${indent(info)},\n`).join('')}]`;
}

export function writeMethod(model: StructModel, fields: readonly FieldModel[], module: ModuleWriter): string {
  const locals = module.locals();
  const [port, value] = [locals.declare('w'), locals.declare('v')];
  const statements = byId(fields).map((each) => writeField(model, each, { module, locals, port }, value));
  const parameters = fields.length === 0 ? port : `${port}, ${value}`;
  return block(`write(${parameters})`, [`${port}.structBegin();`, ...statements, `${port}.structEnd();`].join('\n'));
}

function writeField(
  model: StructModel,
  { field, name, id, optional, absent }: FieldModel,
  { module, locals, port }: Omit<Frame, 'place'>,
  value: string,
): string {
  const frame: Frame = { module, locals, port, place: `${quote(model.typeName)}, ${quote(field.name)}` };
  const property = access(value, name);
  const head = `${port}.field(${wireType(field.type)}, ${id});`;
  // An error always has a message; one that the IDL calls optional is unset when it is empty.
  const test = model.kind === 'exception' && name === 'message' ? `${property} !== ""` : `${property} != null`;
  if (optional) return block(`if (${test})`, `${head}\n${writeText(field.type, property, frame)}`);
  if (absent === undefined) {
    const check = `if (${property} == null) ${module.use('requiredUnset')}(${frame.place});`;
    return `${check}\n${head}\n${writeText(field.type, property, frame)}`;
  }
  // A caller in JavaScript may leave out what the IDL gives a value; the field is written all the same.
  const expression = `${property} ?? ${absent}`;
  if (!isContainer(trueType(field.type))) return `${head}\n${writeText(field.type, expression, frame)}`;
  const local = locals.declare(name);
  return `const ${local}: ${typeText(field.type, module)} = ${expression};\n${head}\n${writeText(field.type, local, frame)}`;
}

/** `finish` gets the object literal that holds the fields. */
export function readMethod(
  model: StructModel,
  fields: readonly FieldModel[],
  module: ModuleWriter,
  finish: (object: string) => string,
): string {
  const locals = module.locals();
  const [port, header] = [locals.declare('r'), locals.declare('f')];
  const variables = new Map(fields.map((each) => [each, locals.declare(each.name)]));
  const lines: string[] = [];
  for (const each of fields) {
    const type = typeText(each.field.type, module);
    const start = startsAt(each);
    lines.push(`let ${variables.get(each)}: ${type}${start === undefined ? ' | undefined' : ` = ${start}`};`);
  }
  lines.push(`${port}.structBegin(${structCost(model.kind, fields.length, contentsCost(fields))});`);
  const cases = byId(fields).map((each) => readCase(model, each, variables.get(each) ?? '', { module, locals, port }));
  const skip = `${port}.skip(${header} & 0xff);`;
  const body = cases.length === 0 ? skip : block(`switch (${header})`, [...cases, `default:\n  ${skip}`].join('\n'));
  lines.push(block(`for (let ${header} = ${port}.field(); ${header} !== 0; ${header} = ${port}.field())`, body));
  lines.push(`${port}.structEnd();`);
  for (const each of fields) {
    if (each.field.requiredness !== 'required') continue;
    const place = `${quote(model.typeName)}, ${quote(each.field.name)}`;
    lines.push(`if (${variables.get(each)} === undefined) ${module.use('missingRequired')}(${place});`);
  }
  const items = fields.map((each) => {
    const variable = variables.get(each) ?? '';
    const late = each.absent !== undefined && each.field.requiredness !== 'required' && startsAt(each) === undefined;
    const value = late ? `${variable} ?? ${each.absent}` : variable;
    const key = propertyName(each.name);
    return key === value ? key : `${key}: ${value}`;
  });
  lines.push(finish(group('{', items, '}')));
  return block(`read(${port})`, lines.join('\n'));
}

/** A value that nobody can change stands there from the beginning; others are made only when the field is absent. */
function startsAt({ field, absent }: FieldModel): string | undefined {
  return field.requiredness !== 'required' && isScalar(field.type) ? absent : undefined;
}

function readCase(
  model: StructModel,
  { field, id }: FieldModel,
  variable: string,
  { module, locals, port }: Omit<Frame, 'place'>,
): string {
  const frame: Frame = { module, locals, port, place: `${quote(model.typeName)}, ${quote(field.name)}` };
  const type = wireType(field.type);
  const statements = `${readText(field.type, frame, (text) => `${variable} = ${text};`)}\nbreak;`;
  // Ids are signed: -1 and wire type 8 make -248.
  const label = `case ${(id << 8) | type}:`;
  return isContainer(trueType(field.type)) ? `${label} {\n${indent(statements)}\n}` : `${label}\n${indent(statements)}`;
}

function createMethod(fields: readonly FieldModel[]): string {
  if (fields.length === 0) return 'create: () => ({})';
  const items = fields.map(({ name, absent, optional }) => {
    const key = propertyName(name);
    const given = `init?.${key}`;
    if (absent !== undefined) return `${key}: ${given} ?? ${absent}`;
    // A required field that is not given stays unset: writing the value will say so.
    return optional ? `${key}: ${given}` : `${key}: ${given}!`;
  });
  return `create: (init) => (${group('{', items, '}')})`;
}

/** `v.fish`. */
export function access(value: string, name: string): string {
  const key = propertyName(name);
  return key.startsWith('[') ? `${value}${key}` : `${value}.${key}`;
}

/** Fields that a caller of a function may leave out, though the IDL's type has them. */
export function omittable(fields: readonly FieldModel[]): FieldModel[] {
  return fields.filter(({ field, optional }) => !optional && field.value !== undefined);
}
