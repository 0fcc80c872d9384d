/**
 * Constants and defaults as TypeScript expressions. Each use of an expression makes a fresh
 * value, so that a default is never shared between two structs.
 */

import { propertyName } from '../../service-printer.js';
import {
  type EnumDefinition,
  type StructDefinition,
  type TrueType,
  type Type,
  trueType,
  type Value,
} from '../program.js';
import { uuid } from '../resolve-values.js';
import { namesOfFields } from './export-names.js';
import type { ModuleWriter } from './module.js';
import { group, quote } from './text.js';
import { codecText, emptyText, enumMember, isScalar, typeText, zeroText } from './types.js';

export function valueText(value: Value, type: Type, module: ModuleWriter): string {
  const known = trueType(type);
  if (value.kind === 'constant') return valueText(value.definition.value, type, module);
  switch (known.kind) {
    case 'base':
      return scalarText(value, known.base, type, module);
    case 'enum':
      return value.kind === 'enum' ? enumText(value, known.definition, module) : '0';
    case 'struct':
      return structText(value, known.definition, module);
    default:
      return containerText(value, known, module);
  }
}

function scalarText(
  value: Exclude<Value, { kind: 'constant' }>,
  base: string,
  type: Type,
  module: ModuleWriter,
): string {
  const number = value.kind === 'enum' ? BigInt(value.value.value) : value.kind === 'integer' ? value.value : undefined;
  switch (base) {
    case 'bool':
      if (number !== undefined) return number === 0n ? 'false' : 'true';
      break;
    case 'i64':
      if (number !== undefined) return `${number}n`;
      break;
    case 'double':
      if (number !== undefined) return numberText(Number(number));
      if (value.kind === 'double') return numberText(value.value);
      break;
    case 'string':
      if (value.kind === 'string') return quote(value.value);
      break;
    case 'uuid':
      if (value.kind === 'string') return quote(uuid(value.value) ?? value.value);
      break;
    case 'binary':
      if (value.kind === 'string') {
        const bytes = [...Buffer.from(value.value, 'utf8')];
        const bytesType = module.global('Uint8Array');
        return bytes.length === 0 ? `new ${bytesType}(0)` : `new ${bytesType}([${bytes.join(', ')}])`;
      }
      break;
    default:
      if (number !== undefined) return numberText(Number(number));
  }
  // Apache lets a value of another kind pass where a typedef hides the type; it was warned of.
  return zeroText(type, module) ?? 'undefined';
}

function numberText(value: number): string {
  if (Object.is(value, -0)) return '-0';
  return String(value);
}

function enumText(value: Value & { kind: 'enum' }, definition: EnumDefinition, module: ModuleWriter): string {
  return enumMember(definition, value.value.name, module);
}

function containerText(
  value: Exclude<Value, { kind: 'constant' }>,
  known: Extract<TrueType, { kind: 'list' | 'set' | 'map' }>,
  module: ModuleWriter,
): string {
  if (known.kind === 'map') {
    if (value.kind !== 'map' || value.entries.length === 0) return emptyText(known, module);
    const entries = value.entries.map(([key, item]) =>
      group('[', [valueText(key, known.key, module), valueText(item, known.value, module)], ']'),
    );
    if (!isScalar(known.key)) return group('[', entries, ']');
    const types = `${typeText(known.key, module)}, ${typeText(known.value, module)}`;
    return `new ${module.global('Map')}<${types}>(${group('[', entries, ']')})`;
  }
  if (value.kind !== 'list' || value.items.length === 0) return emptyText(known, module);
  const items = group(
    '[',
    value.items.map((item) => valueText(item, known.element, module)),
    ']',
  );
  if (known.kind === 'list' || !isScalar(known.element)) return items;
  return `new ${module.global('Set')}<${typeText(known.element, module)}>(${items})`;
}

function structText(
  value: Exclude<Value, { kind: 'constant' }>,
  definition: StructDefinition,
  module: ModuleWriter,
): string {
  const given = new Map<string, Value>();
  if (value.kind === 'map') {
    for (const [key, item] of value.entries) if (key.kind === 'string') given.set(key.value, item);
  }
  const names = namesOfFields(definition.fields, definition.kind);
  const fields = definition.fields.filter(({ name }) => given.has(name));
  const texts = fields.map((field) => {
    const item = given.get(field.name);
    return {
      name: names.get(field) ?? field.name,
      text: item === undefined ? '' : valueText(item, field.type, module),
    };
  });
  if (definition.kind === 'union') {
    const [first] = texts;
    return first === undefined
      ? '{ $case: "$unknown", value: 0 }'
      : group('{', [`$case: ${quote(first.name)}`, `value: ${first.text}`], '}');
  }
  const init = group(
    '{',
    texts.map(({ name, text }) => `${propertyName(name)}: ${text}`),
    '}',
  );
  return `${codecText(definition, module)}.create(${texts.length === 0 ? '' : init})`;
}
