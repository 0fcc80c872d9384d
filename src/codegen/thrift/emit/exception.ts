/**
 * Exceptions: classes that a handler throws and a caller catches. The constructor takes the IDL's
 * fields; the error's message is the field `message` when the IDL has such a string, else a
 * summary of all fields.
 */
import { docLines, propertyName } from '../../service-printer.js';
import type { StructDefinition } from '../program.js';
import { isString } from './export-names.js';
import type { ModuleWriter } from './module.js';
import { block } from './read-write.js';
import {
  access,
  type FieldModel,
  fieldInfos,
  fieldModels,
  readMethod,
  type StructModel,
  writeMethod,
} from './struct.js';
import { indent, quote } from './text.js';
import { typeText } from './types.js';

export function printException(model: StructModel, definition: StructDefinition, module: ModuleWriter): string {
  const fields = fieldModels(model, module);
  const { localName, typeName } = model;
  const init = module.names.inits.get(definition) ?? `${localName}Init`;
  const codec = `${module.use('StructCodec')}<${localName}>`;
  const members = [
    `static readonly typeName: string = ${quote(typeName)};`,
    '',
    `static readonly codec: ${codec} = ${module.use('defineStruct')}<${localName}>({`,
    indent(
      [
        `name: ${quote(typeName)},`,
        'form: "exception",',
        `fields: () => ${fieldInfos(fields, module)},`,
        `${writeMethod(model, fields, module)},`,
        `${readMethod(model, fields, module, (object) => `return new ${localName}(${object});`)},`,
        `create: (init) => new ${localName}((init ?? {}) as ${init}),`,
      ].join('\n'),
    ),
    '});',
    '',
  ];
  const message = fields.find((each) => each.name === 'message' && isString(each.field));
  for (const each of fields) {
    if (each === message) continue;
    members.push(...docLines(each.field.doc, ''), declarationText(each, module));
  }
  if (fields.length > 0) members.push('');
  members.push(constructorText(model, fields, message, init, module));
  return [
    `/** What the constructor of ${localName} takes. */`,
    fields.length === 0 ? `export interface ${init} {}` : block(`export interface ${init}`, initText(fields, module)),
    '',
    ...docLines(model.doc, ''),
    block(`export class ${localName} extends ${module.use('DeclaredError')}`, members.join('\n')),
  ].join('\n');
}

function declarationText({ field, name, optional }: FieldModel, module: ModuleWriter): string {
  return `${propertyName(name)}: ${typeText(field.type, module)}${optional ? ' | undefined' : ''};`;
}

/** All may be left out but what is required. */
function initText(fields: readonly FieldModel[], module: ModuleWriter): string {
  return fields
    .map(({ field, name, absent }) => {
      const type = typeText(field.type, module);
      const must = field.requiredness === 'required' && absent === undefined;
      const text = must ? `${propertyName(name)}: ${type};` : `${propertyName(name)}?: ${type} | undefined;`;
      return [...docLines(field.doc, ''), text].join('\n');
    })
    .join('\n');
}

function constructorText(
  { typeName }: StructModel,
  fields: readonly FieldModel[],
  message: FieldModel | undefined,
  init: string,
  module: ModuleWriter,
): string {
  const must = fields.some(({ field, absent }) => field.requiredness === 'required' && absent === undefined);
  const text =
    message === undefined
      ? `${module.use('describeError')}(${quote(typeName)}, init)`
      : `init.message${message.field.requiredness === 'required' && message.absent === undefined ? '' : ` ?? ${message.absent ?? '""'}`}`;
  const lines = [`super(${quote(typeName)}, ${text});`];
  for (const each of fields) {
    if (each === message) continue;
    const { name, absent } = each;
    lines.push(`${access('this', name)} = ${access('init', name)}${absent === undefined ? '' : ` ?? ${absent}`};`);
  }
  return block(`constructor(init: ${init}${must ? '' : ' = {}'})`, lines.join('\n'));
}
