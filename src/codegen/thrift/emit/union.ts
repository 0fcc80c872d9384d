/**
 * Unions: `{ $case, value }`, as ts-proto has them, so that a switch on `$case` gives the value its
 * type. A union that came with only a field that this version does not know reads as the case
 * `$unknown`, whose value is the id of that field; it cannot be written.
 */
import { unionCost } from '../../../contract/bytes/object-cost.js';
import { docLines } from '../../service-printer.js';
import { trueType } from '../program.js';
import { unionContentCost } from './contents-cost.js';
import type { ModuleWriter } from './module.js';
import { block, isContainer, readText, writeText } from './read-write.js';
import { byId, codecHead, type FieldModel, fieldInfos, fieldModels, type StructModel } from './struct.js';
import { indent, quote } from './text.js';
import { typeText, wireType } from './types.js';

export function printUnion(model: StructModel, module: ModuleWriter): string {
  const fields = fieldModels(model, module);
  const { localName, typeName } = model;
  const cases = fields.map(({ field, name }) => {
    const text = `| { $case: ${quote(name)}; value: ${typeText(field.type, module)} }`;
    return [...docLines(field.doc, ''), text].join('\n');
  });
  cases.push(
    '/** A field that this version does not know: `value` is its id. */\n| { $case: "$unknown"; value: number }',
  );
  return [
    ...docLines(model.doc, ''),
    `export type ${localName} =`,
    `${indent(cases.join('\n'))};`,
    '',
    codecHead(localName, module),
    indent(
      [
        `name: ${quote(typeName)},`,
        'form: "union",',
        `fields: () => ${fieldInfos(fields, module)},`,
        `${writeMethod(model, fields, module)},`,
        `${readMethod(model, fields, module)},`,
        `${createMethod(model, fields, module)},`,
      ].join('\n'),
    ),
    '});',
  ].join('\n');
}

function writeMethod({ typeName }: StructModel, fields: readonly FieldModel[], module: ModuleWriter): string {
  const locals = module.locals();
  const unset = `${module.use('unionUnset')}(${quote(typeName)});`;
  if (fields.length === 0) return block('write()', unset);
  const [port, value] = [locals.declare('w'), locals.declare('v')];
  const cases = byId(fields).map(({ field, name, id }) => {
    const frame = { module, locals, port, place: `${quote(typeName)}, ${quote(field.name)}` };
    const body = [
      `${port}.field(${wireType(field.type)}, ${id});`,
      writeText(field.type, `${value}.value`, frame),
      'break;',
    ].join('\n');
    return `case ${quote(name)}:\n${indent(body)}`;
  });
  return block(
    `write(${port}, ${value})`,
    [
      `${port}.structBegin();`,
      block(`switch (${value}.$case)`, [...cases, `default:\n  ${unset}`].join('\n')),
      `${port}.structEnd();`,
    ].join('\n'),
  );
}

function readMethod({ typeName, localName }: StructModel, fields: readonly FieldModel[], module: ModuleWriter): string {
  const locals = module.locals();
  const [port, header] = [locals.declare('r'), locals.declare('f')];
  const [value, known, unknown] = [locals.declare('value'), locals.declare('known'), locals.declare('unknown')];
  const cases = byId(fields).map(({ field, name, id }) => {
    const frame = { module, locals, port, place: `${quote(typeName)}, ${quote(field.name)}` };
    const done = (text: string) => `${value} = { $case: ${quote(name)}, value: ${text} };\n${known}++;`;
    const body = `${readText(field.type, frame, done)}\nbreak;`;
    const label = `case ${(id << 8) | wireType(field.type)}:`;
    return isContainer(trueType(field.type)) ? `${label} {\n${indent(body)}\n}` : `${label}\n${indent(body)}`;
  });
  const skip = `${unknown} = ${header};\n${port}.skip(${header} & 0xff);`;
  const count = module.use('unionCount');
  const body =
    cases.length === 0 ? skip : block(`switch (${header})`, [...cases, `default:\n${indent(skip)}`].join('\n'));
  return block(
    `read(${port})`,
    [
      ...(cases.length === 0 ? [] : [`let ${value}: ${localName} | undefined;`, `let ${known} = 0;`]),
      `let ${unknown} = 0;`,
      `${port}.structBegin(${unionCost + unionContentCost(fields)});`,
      block(`for (let ${header} = ${port}.field(); ${header} !== 0; ${header} = ${port}.field())`, body),
      `${port}.structEnd();`,
      ...(cases.length === 0 ? [] : [`if (${value} !== undefined && ${known} === 1) return ${value};`]),
      `if (${cases.length === 0 ? '' : `${known} > 0 || `}${unknown} === 0) ${count}(${quote(typeName)}, ${cases.length === 0 ? '0' : known});`,
      `return { $case: "$unknown", value: ${unknown} >> 8 };`,
    ].join('\n'),
  );
}

/** Without an argument: the case to which the IDL gives a default, if there is one. */
function createMethod(
  { typeName, localName }: StructModel,
  fields: readonly FieldModel[],
  module: ModuleWriter,
): string {
  const first = fields.find(({ absent }) => absent !== undefined);
  const fallback =
    first === undefined
      ? `${module.use('unionUnset')}(${quote(typeName)})`
      : `{ $case: ${quote(first.name)}, value: ${first.absent} }`;
  return `create: (init) => (init as ${localName} | undefined) ?? ${fallback}`;
}
