/** The fields of two versions of a message, a struct, or the arguments of a function. */
import type { Changes } from './change.js';
import { compareTypes, type TypeContext } from './compare-types.js';
import { type FieldDecl, type Idl, type StructDecl, typeText } from './schema.js';

export type Fields = Pick<StructDecl, 'fields' | 'reserved' | 'reservedNames' | 'form'>;

export interface FieldContext extends TypeContext {
  readonly changes: Changes;
  /** Full name in the new version: `market.v1.Trade`. */
  readonly name: string;
  /** Full name in the old version: another where a method or a field names another struct now. */
  readonly oldName: string;
  /** Whether a response may hold it. */
  readonly answered: boolean;
}

/** For messages: the struct, and where it stands for another, that one too. */
function newText({ name, oldName }: FieldContext): string {
  return name === oldName ? name : `${name} (in place of ${oldName})`;
}

function oldText({ name, oldName }: FieldContext): string {
  return name === oldName ? name : `${oldName} (${name} is in its place)`;
}

export function compareFields(before: Fields, after: Fields, context: FieldContext): void {
  const { changes, oldName } = context;
  const now = new Map(after.fields.map((field) => [field.id, field]));
  const known = new Set(before.fields.map((field) => field.id));
  for (const field of before.fields) {
    const next = now.get(field.id);
    if (next === undefined) removed(field, after, context);
    else compareField(field, next, before, after, context);
  }
  for (const field of after.fields) {
    if (!known.has(field.id)) added(field, before, after, context);
  }
  const oneofs = new Set(after.fields.map(({ oneof }) => oneof));
  const gone = new Map(before.fields.map((field) => [field.oneof, field.place]));
  for (const [oneof, place] of gone) {
    if (oneof !== undefined && !oneofs.has(oneof)) {
      changes.gone(
        'ONEOF_NO_DELETE',
        `${oldName}.${oneof}`,
        place,
        `The oneof ${oneof} of ${oldText(context)} is gone.`,
      );
    }
  }
}

function removed(field: FieldDecl, after: Fields, context: FieldContext): void {
  const { changes, oldName, idl } = context;
  const element = `${oldName}.${field.name}`;
  const what = `${fieldText(field, idl)} of ${oldText(context)} is gone`;
  if (field.presence === 'required') {
    changes.gone('MESSAGE_SAME_REQUIRED_FIELDS', element, field.place, `${what}, and it was required.`);
  } else if (!inRanges(field.id, after.reserved)) {
    const hint = idl === 'proto' ? `, and ${field.id} is not reserved` : '';
    changes.gone('FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED', element, field.place, `${what}${hint}.`);
  } else if (!after.reservedNames.includes(field.name)) {
    changes.gone(
      'FIELD_NO_DELETE_UNLESS_NAME_RESERVED',
      element,
      field.place,
      `${what}, and the name "${field.name}" is not reserved.`,
    );
  } else changes.gone('FIELD_NO_DELETE', element, field.place, `${what}; its number and name are reserved.`);
}

function added(field: FieldDecl, before: Fields, after: Fields, context: FieldContext): void {
  const { changes, name, idl, answered } = context;
  const whole = newText(context);
  const element = `${name}.${field.name}`;
  const what = fieldText(field, idl);
  if (field.presence === 'required') {
    changes.add('MESSAGE_SAME_REQUIRED_FIELDS', element, field.place, `${what} of ${whole} is new, and required.`);
  } else if (inRanges(field.id, before.reserved)) {
    changes.add(
      'FIELD_ID_REUSED',
      element,
      field.place,
      `${what} of ${whole} takes the number ${field.id}, which was reserved.`,
    );
  } else if (after.form === 'union' && answered && field.feature === undefined) {
    changes.add(
      'UNION_MEMBER_ADDED_TO_RESPONSE',
      element,
      field.place,
      `${what} is a new member of the union ${whole}, which responses hold.`,
    );
  } else changes.add('FIELD_ADDED', element, field.place, `${what} of ${whole} is new.`);
}

function compareField(before: FieldDecl, after: FieldDecl, old: Fields, now: Fields, context: FieldContext): void {
  const { changes, name, idl } = context;
  const whole = newText(context);
  const element = `${name}.${after.name}`;
  const what = fieldText(after, idl);
  const renamed = before.name !== after.name;
  const type = typeVerdict(before, after, context);
  const change = `from ${typeText(before.type)} to ${typeText(after.type)}`;
  if (type === 'FIELD_WIRE_COMPATIBLE_TYPE' && renamed && idl === 'thrift') {
    changes.add(
      'FIELD_ID_REUSED',
      element,
      after.place,
      `The id ${after.id} of ${whole} was ${before.name}, a ${typeText(before.type)}, and is now ${after.name}, a ${typeText(after.type)}.`,
    );
    return;
  }
  if (type !== undefined) changes.add(type, element, after.place, `${what} of ${whole} changed its type ${change}.`);
  if (renamed) {
    changes.add(
      'FIELD_SAME_NAME',
      element,
      after.place,
      `The ${idWord(idl)} ${after.id} of ${whole} is now called ${after.name}, and was ${before.name}.`,
    );
  } else if (before.jsonName !== after.jsonName) {
    changes.add(
      'FIELD_SAME_JSON_NAME',
      element,
      after.place,
      `${what} of ${whole} is "${after.jsonName}" in JSON, and was "${before.jsonName}".`,
    );
  }
  comparePresence(before, after, element, context);
  if (before.default !== after.default && after.presence !== 'required' && before.presence !== 'required') {
    changes.add(
      'FIELD_SAME_DEFAULT',
      element,
      after.place,
      `${what} of ${whole} is ${after.default ?? 'without a default'} when absent, and was ${before.default ?? 'without one'}.`,
    );
  }
  compareOneof(before, after, old, now, element, context);
  compareTraits(before, after, element, context);
}

/** One value and many are told apart by cardinality, so here what counts is one of them. */
function typeVerdict(before: FieldDecl, after: FieldDecl, context: FieldContext): ReturnType<typeof compareTypes> {
  if (context.idl === 'thrift') return compareTypes(before.type, after.type, context);
  const one = (field: FieldDecl): FieldDecl['type'] => (field.type.kind === 'list' ? field.type.element : field.type);
  return compareTypes(one(before), one(after), context);
}

function comparePresence(before: FieldDecl, after: FieldDecl, element: string, context: FieldContext): void {
  const { changes, idl } = context;
  const whole = newText(context);
  const { presence: was } = before;
  const { presence: is, place } = after;
  if (was === is) return;
  const what = `${fieldText(after, idl)} of ${whole} is ${is}, and was ${was}.`;
  if (was === 'repeated' || is === 'repeated') changes.add('FIELD_WIRE_COMPATIBLE_CARDINALITY', element, place, what);
  else if (was === 'required' || is === 'required') changes.add('MESSAGE_SAME_REQUIRED_FIELDS', element, place, what);
  else changes.add('FIELD_SAME_CARDINALITY', element, place, what);
}

/** What matters is with which of the fields that both versions know it shares a oneof; its name is for code. */
function compareOneof(
  before: FieldDecl,
  after: FieldDecl,
  old: Fields,
  now: Fields,
  element: string,
  context: FieldContext,
): void {
  const { changes, idl } = context;
  const whole = newText(context);
  if (before.oneof === after.oneof) return;
  const common = new Set(old.fields.map(({ id }) => id).filter((id) => now.fields.some((field) => field.id === id)));
  const siblings = (fields: Fields, oneof: string | undefined): string =>
    oneof === undefined
      ? ''
      : fields.fields
          .filter((field) => field.oneof === oneof && field.id !== after.id && common.has(field.id))
          .map((field) => field.id)
          .sort((a, b) => a - b)
          .join(' ');
  const where = (oneof: string | undefined): string => (oneof === undefined ? 'in none' : `in the oneof ${oneof}`);
  const message = `${fieldText(after, idl)} of ${whole} is ${where(after.oneof)}, and was ${where(before.oneof)}.`;
  const same = siblings(old, before.oneof) === siblings(now, after.oneof);
  changes.add(same ? 'FIELD_SAME_ONEOF_NAME' : 'FIELD_SAME_ONEOF', element, after.place, message);
}

function compareTraits(before: FieldDecl, after: FieldDecl, element: string, context: FieldContext): void {
  const { changes, idl } = context;
  const whole = newText(context);
  const has = (field: FieldDecl, trait: string): boolean => field.traits.includes(trait);
  const what = `${fieldText(after, idl)} of ${whole}`;
  if (has(before, 'delimited') !== has(after, 'delimited')) {
    const form = has(after, 'delimited') ? 'delimited, as groups are,' : 'length-prefixed';
    changes.add('FIELD_SAME_ENCODING', element, after.place, `${what} is now ${form} on the wire.`);
  }
  const isText = (field: FieldDecl): boolean => typeText(field.type) === typeText(after.type);
  if (isText(before) && has(before, 'utf8') !== has(after, 'utf8')) {
    const word = has(after, 'utf8') ? 'now checked to be UTF-8' : 'no longer checked to be UTF-8';
    changes.add('FIELD_SAME_UTF8_VALIDATION', element, after.place, `${what} is ${word}.`);
  }
  for (const option of ['ctype', 'jstype']) {
    const value = (field: FieldDecl): string => field.traits.find((one) => one.startsWith(option)) ?? option;
    if (value(before) !== value(after)) {
      changes.add('FIELD_SAME_LANGUAGE_TYPE', element, after.place, `${what} has another ${option}.`);
    }
  }
}

export function inRanges(id: number, ranges: readonly (readonly [number, number])[]): boolean {
  return ranges.some(([first, last]) => id >= first && id <= last);
}

function fieldText(field: FieldDecl, idl: Idl): string {
  return `The field ${field.name} (${idWord(idl)} ${field.id})`;
}

function idWord(idl: Idl): string {
  return idl === 'proto' ? 'number' : 'id';
}
