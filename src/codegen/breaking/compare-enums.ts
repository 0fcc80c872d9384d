/** The values of two versions of an enum. One number may have several names (`allow_alias`). */
import type { Changes } from './change.js';
import { inRanges } from './compare-fields.js';
import type { EnumDecl, EnumValueDecl } from './schema.js';

export function compareEnums(before: EnumDecl, after: EnumDecl, answered: boolean, changes: Changes): void {
  const { name } = after;
  const whole = before.name === name ? name : `${name} (in place of ${before.name})`;
  const old = byNumber(before);
  const now = byNumber(after);
  for (const [number, values] of old) {
    const next = now.get(number);
    if (next === undefined) for (const value of values) removed(value, before, after, changes);
    else renamed(values, next, name, whole, changes);
  }
  for (const [number, values] of now) {
    if (old.has(number)) continue;
    const [value] = values as [EnumValueDecl];
    const what = `The value ${value.name} (${number}) of ${whole} is new`;
    const element = `${name}.${value.name}`;
    if (inRanges(number, before.reserved)) {
      changes.add(
        'FIELD_ID_REUSED',
        element,
        value.place,
        `${what} and takes the number ${number}, which was reserved.`,
      );
    } else if (before.closed && answered) {
      changes.add('ENUM_VALUE_ADDED_TO_RESPONSE', element, value.place, `${what}, and responses hold ${name}.`);
    } else changes.add('ENUM_VALUE_ADDED', element, value.place, `${what}.`);
  }
  if (before.closed !== after.closed) {
    const word = (one: EnumDecl): string => (one.closed ? 'closed' : 'open');
    changes.add('ENUM_SAME_TYPE', name, after.place, `The enum ${whole} is ${word(after)}, and was ${word(before)}.`);
  }
}

function removed(value: EnumValueDecl, before: EnumDecl, after: EnumDecl, changes: Changes): void {
  const element = `${before.name}.${value.name}`;
  const of = before.name === after.name ? before.name : `${before.name} (${after.name} is in its place)`;
  const what = `The value ${value.name} (${value.number}) of ${of} is gone`;
  if (!inRanges(value.number, after.reserved)) {
    const hint = before.idl === 'proto' ? `, and ${value.number} is not reserved` : '';
    changes.gone('ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED', element, value.place, `${what}${hint}.`);
  } else if (after.closed) {
    const message = `${what}, and the enum is closed.`;
    changes.gone('ENUM_VALUE_NO_DELETE_WHERE_CLOSED', element, value.place, message);
  } else if (!after.reservedNames.includes(value.name)) {
    changes.gone(
      'ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED',
      element,
      value.place,
      `${what}, and the name "${value.name}" is not reserved.`,
    );
  } else changes.gone('ENUM_VALUE_NO_DELETE', element, value.place, `${what}; its number and name are reserved.`);
}

function renamed(
  before: readonly EnumValueDecl[],
  after: readonly EnumValueDecl[],
  name: string,
  whole: string,
  changes: Changes,
): void {
  const names = after.map((value) => value.name);
  const lost = before.filter((value) => !names.includes(value.name));
  const [value] = after as [EnumValueDecl];
  for (const one of lost) {
    changes.add(
      'ENUM_VALUE_SAME_NAME',
      `${name}.${value.name}`,
      value.place,
      `The value ${one.number} of ${whole} is now called ${names.join(', ')}, and was ${one.name}.`,
    );
  }
}

function byNumber({ values }: EnumDecl): Map<number, EnumValueDecl[]> {
  const found = new Map<number, EnumValueDecl[]>();
  for (const value of values) {
    const known = found.get(value.number);
    if (known === undefined) found.set(value.number, [value]);
    else known.push(value);
  }
  return found;
}
