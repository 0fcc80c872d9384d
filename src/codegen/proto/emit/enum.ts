/** Prints the table of an enum: the names that ProtoJSON has, out of the constants that ts-proto prints where they differ in a prefix only. */
import type { DescEnum } from '@bufbuild/protobuf';
import { valueNames } from '../names.js';
import type { ModuleScope } from './module.js';

export function printEnum(type: DescEnum, scope: ModuleScope): string {
  const local = scope.local(type);
  const short = valueNames(type.proto);
  const [first] = type.values;
  const prefix = first === undefined ? '' : first.name.slice(0, first.name.length - (short[0]?.length ?? 0));
  const regular = type.values.every(({ name }, index) => name === prefix + short[index]);
  const values = regular
    ? local
    : `{ ${type.values.map(({ name, number }) => `${propertyName(name)}: ${number}`).join(', ')} }`;
  const more = type.open
    ? regular && prefix !== ''
      ? [JSON.stringify(prefix)]
      : []
    : [JSON.stringify(regular ? prefix : ''), 'true'];
  const args = [JSON.stringify(type.typeName), values, ...more].join(', ');
  return `export const ${local}$Enum: ${scope.runtime('EnumType')} = /* @__PURE__ */ ${scope.runtime('enumType')}(${args});`;
}

function propertyName(name: string): string {
  return name === '__proto__' ? '["__proto__"]' : name;
}
