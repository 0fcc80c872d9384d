/**
 * Prints a message: its table of fields, its fresh form, and the functions that write and read it. Fields are written in the order
 * of their numbers, as every library does.
 */
import type { DescField, DescMessage } from '@bufbuild/protobuf';
import { propertyName } from '../../service-printer.js';
import { memberNames } from '../names.js';
import { access } from './access.js';
import { type EmittedField, fieldsOf, specOf, zeroOf } from './field.js';
import type { ModuleScope } from './module.js';
import { readCases } from './read.js';
import { writeField } from './write.js';

export function printMessage(message: DescMessage, scope: ModuleScope): string {
  const local = scope.local(message);
  const fields = fieldsOf(message, scope);
  const lines = [
    `export const ${local}: ${scope.runtime('MessageType')}<${local}> = /* @__PURE__ */ ${scope.runtime('defineMessage')}<${local}>({`,
    `  name: ${JSON.stringify(message.typeName)},`,
    ...printFields(fields),
    `  init: () => (${printInit(message, fields, scope)}),`,
    ...printWrite(fields, scope),
    ...printRead(fields, scope),
    '});',
  ];
  return lines.join('\n');
}

function printFields(fields: readonly EmittedField[]): string[] {
  if (fields.length === 0) return ['  fields: () => [],'];
  return ['  fields: () => [', ...fields.map((field) => `    ${specOf(field)},`), '  ],'];
}

/** All properties, in the order of the IDL: so all messages of a type have one hidden class. */
function printInit(message: DescMessage, fields: readonly EmittedField[], scope: ModuleScope): string {
  const { oneofs } = memberNames(message.proto);
  const byField = new Map<DescField, EmittedField>(fields.map((one) => [one.desc, one]));
  const properties = message.members.map((member) => {
    if (member.kind === 'oneof') {
      return `${propertyName(oneofs[message.proto.oneofDecl.indexOf(member.proto)] ?? member.name)}: undefined`;
    }
    const field = byField.get(member) as EmittedField; // of this message
    return `${propertyName(field.local)}: ${zeroOf(field, scope)}`;
  });
  return properties.length === 0 ? '{}' : `{ ${properties.join(', ')} }`;
}

function printWrite(fields: readonly EmittedField[], scope: ModuleScope): string[] {
  const lines: string[] = [];
  const done = new Set<string>();
  for (const field of [...fields].sort((a, b) => a.desc.number - b.desc.number)) {
    if (field.oneof === undefined) lines.push(`    ${writeField(field, `m${access(field.local)}`, scope)};`);
    else if (!done.has(field.oneof)) {
      done.add(field.oneof);
      const oneof = `m${access(field.oneof)}`;
      lines.push(`    switch (${oneof}?.$case) {`);
      for (const one of fields) {
        if (one.oneof !== field.oneof) continue;
        lines.push(`      case ${JSON.stringify(one.local)}: ${writeField(one, `${oneof}.value`, scope)}; break;`);
      }
      lines.push(`      default: w.none(${oneof});`, '    }');
    }
  }
  return ['  write(w, m) {', ...lines, `    w.rest(m[${scope.runtime('unknownFields')}]);`, '  },'];
}

function printRead(fields: readonly EmittedField[], scope: ModuleScope): string[] {
  const cases = fields.flatMap((field) => readCases(field, scope)).map((line) => `      ${line}`);
  if (cases.length === 0)
    return ['  read(r, m) {', '    for (let t = r.tag(); t !== 0; t = r.tag()) r.other(t, m);', '  },'];
  return [
    '  read(r, m) {',
    '    for (let t = r.tag(); t !== 0; t = r.tag()) switch (t) {',
    ...cases,
    '      default: r.other(t, m);',
    '    }',
    '  },',
  ];
}
