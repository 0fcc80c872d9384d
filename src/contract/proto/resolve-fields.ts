/** From the fields as the generator prints them to the fields as the runtime uses them. */
import type { Field, FieldSpec, ScalarName } from './message-type.js';
import { wireTypes } from './wire-types.js';

export function resolveFields(specs: readonly FieldSpec[]): readonly Field[] {
  return Object.freeze(specs.map(resolve));
}

function resolve([number, localName, type, more = {}]: FieldSpec): Field {
  const message = typeof type === 'object' && 'typeName' in type;
  const form = more.map !== undefined ? 'map' : more.list === true ? 'list' : 'single';
  const explicit = form === 'single' && (message || more.optional === true || more.oneof !== undefined);
  return Object.freeze({
    number,
    name: more.name ?? snakeCase(localName),
    localName,
    jsonName: more.json ?? localName,
    form,
    type,
    key: more.map,
    container: more.map === undefined ? undefined : keysAreText(more.map, more.int64) ? 'object' : 'Map',
    presence: more.required === true ? 'required' : explicit ? 'explicit' : 'implicit',
    oneof: more.oneof,
    packed: form === 'list' && !message && more.packed !== false && (typeof type === 'object' || wireTypes[type] !== 2),
    delimited: more.delimited === true,
    int64: more.int64 ?? 'bigint',
  });
}

/** Whether the keys of a map can stand as the properties of an object. */
function keysAreText(key: ScalarName, int64: string | undefined): boolean {
  return key !== 'bool' && (!key.endsWith('64') || int64 === 'string');
}

/** `priceCents` -> `price_cents`. The generator gives the name where this is not it. */
export function snakeCase(localName: string): string {
  return localName.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
