/** The call that writes a field. */
import { type EmittedField, isLong } from './field.js';
import type { ModuleScope } from './module.js';

export function writeField(field: EmittedField, value: string, scope: ModuleScope): string {
  const { tag, form, scalar, type, key, explicit, oneof, long } = field;
  if (form === 'map') return `w.map(${tag}, ${JSON.stringify(key)}, ${itemOf(field, scope)}, ${value})`;
  if (form === 'list') {
    if (scalar === undefined) return `w.messages(${tag}, ${type}, ${value})`;
    return `w.list(${tag}, ${itemOf(field, scope)}, ${value})`;
  }
  if (scalar === undefined) return `w.message(${tag}, ${type}, ${value}${oneof === undefined ? '' : ', true'})`;
  const converted =
    isLong(scalar) && long !== 'bigint'
      ? `${scope.runtime(long === 'number' ? 'bigintOfNumber' : 'bigintOfText')}(${value})`
      : value;
  return `w.${scalar === 'bytes' ? 'binary' : scalar}(${tag}, ${converted}${explicit ? ', true' : ''})`;
}

/** The type of a list's elements or a map's values, as the runtime wants it. */
export function itemOf({ scalar, type, long }: EmittedField, scope: ModuleScope): string {
  if (scalar === undefined) return type ?? '';
  if (!isLong(scalar) || long === 'bigint') return JSON.stringify(scalar);
  return `${scope.runtime(long === 'number' ? 'numbers' : 'texts')}(${JSON.stringify(scalar)})`;
}
