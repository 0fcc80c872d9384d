/** The cases of a field in the switch over tags. */
import { wireTypes } from '../../../contract/proto/wire-types.js';
import { access } from './access.js';
import { type EmittedField, isLong } from './field.js';
import type { ModuleScope } from './module.js';
import { itemOf } from './write.js';

export function readCases(field: EmittedField, scope: ModuleScope): string[] {
  const { form, scalar, tag, oneof, local, type, closed } = field;
  const target = `m${access(oneof ?? local)}`;
  const at = (read: string): string => `case ${tag}: ${read}; break;`;
  if (form === 'map') {
    const item = closed ? type : textOf(field, itemOf(field, scope));
    const key = field.key === 'string' ? textOf(field, '"string"') : JSON.stringify(field.key);
    return [at(`r.map(t, ${target}, ${key}, ${item}, m)`)];
  }
  if (form === 'list') {
    if (scalar === undefined) return [at(`r.add(t, ${target}, ${type})`)];
    const read = closed
      ? `r.closedList(t, ${target}, ${type}, m)`
      : `r.list(t, ${target}, ${textOf(field, itemOf(field, scope))})`;
    // Numbers may come packed or not, whatever the IDL says.
    const other = ((tag & ~7) | ((tag & 7) === 2 ? wireTypes[scalar] : 2)) >>> 0;
    return [`${wireTypes[scalar] === 2 ? '' : `case ${other}: `}${at(read)}`];
  }
  if (oneof !== undefined) {
    const name = JSON.stringify(local);
    if (scalar === undefined) return [at(`${target} = r.oneof(t, ${type}, m, ${JSON.stringify(oneof)}, ${name})`)];
    if (closed) {
      return [at(`${target} = r.closedCase(t, ${type}, m, ${JSON.stringify(oneof)}, ${name})`)];
    }
    return [at(`${target} = { $case: ${name}, value: ${readScalar(field)} }`)];
  }
  if (scalar === undefined) return [at(`${target} = r.message(t, ${type}, ${target})`)];
  if (closed) return [at(`${target} = r.closed(t, ${type}, m, ${target})`)];
  return [at(`${target} = ${readScalar(field)}`)];
}

/** Strings of proto2 need not be UTF-8. */
function textOf({ unchecked }: EmittedField, item: string): string {
  return unchecked && item === '"string"' ? '"unchecked"' : item;
}

function readScalar({ scalar, unchecked, long }: EmittedField): string {
  if (isLong(scalar) && long !== 'bigint') return `${long === 'number' ? 'Number' : 'String'}(r.${scalar}())`;
  if (scalar === 'string' && unchecked) return 'r.unchecked()';
  return `r.${scalar === 'bytes' ? 'binary' : scalar}()`;
}
