/**
 * What tells two versions of a service apart on first contact: a hash over everything that shows on the
 * wire, the methods and all messages and enums they reach, in an order of its own. Comments, options and
 * the order in the file change nothing.
 */
import { createHash } from 'node:crypto';
import { type DescEnum, type DescField, type DescMessage, type DescService, ScalarType } from '@bufbuild/protobuf';
import { FeatureSet_FieldPresence } from '@bufbuild/protobuf/wkt';

export function fingerprint(service: DescService): string {
  const types = new Map<string, DescMessage | DescEnum>();
  const lines = [`service ${service.typeName}`];
  for (const { name, methodKind, input, output } of service.methods) {
    lines.push(`rpc ${name} ${methodKind} ${input.typeName} ${output.typeName}`);
    reach(input, types);
    reach(output, types);
  }
  lines.push(...[...types.values()].map(canonical).sort());
  return createHash('sha256').update(lines.sort().join('\n')).digest('hex');
}

function reach(type: DescMessage | DescEnum, types: Map<string, DescMessage | DescEnum>): void {
  const pending = [type];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (types.has(next.typeName)) continue;
    types.set(next.typeName, next);
    if (next.kind === 'enum') continue;
    for (const field of next.fields) {
      if (field.message !== undefined) pending.push(field.message);
      if (field.enum !== undefined) pending.push(field.enum);
    }
  }
}

function canonical(type: DescMessage | DescEnum): string {
  if (type.kind === 'enum') {
    return [`enum ${type.typeName}`, ...type.values.map(({ name, number }) => `${number} ${name}`).sort()].join('\n ');
  }
  return [`message ${type.typeName}`, ...type.fields.map(fieldLine).sort()].join('\n ');
}

function fieldLine(field: DescField): string {
  const parts: (string | number)[] = [field.number, field.name, field.fieldKind, typeOf(field)];
  if (field.fieldKind === 'map') parts.push(`key ${ScalarType[field.mapKey]}`);
  if (field.oneof !== undefined) parts.push(`oneof ${field.oneof.name}`);
  if (field.presence === FeatureSet_FieldPresence.LEGACY_REQUIRED) parts.push('required');
  if (field.presence === FeatureSet_FieldPresence.EXPLICIT) parts.push('presence');
  if (field.fieldKind === 'list' && field.packed) parts.push('packed');
  if ('delimitedEncoding' in field && field.delimitedEncoding) parts.push('delimited');
  return parts.join(' ');
}

function typeOf(field: DescField): string {
  if (field.message !== undefined) return field.message.typeName;
  if (field.enum !== undefined) return field.enum.typeName;
  return field.scalar === undefined ? '' : ScalarType[field.scalar];
}
