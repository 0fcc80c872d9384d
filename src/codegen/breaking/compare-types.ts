/** Two types of a field, or of an answer: what a peer of the other version makes of the bytes. */
import type { RuleId } from './rules.js';
import type { Idl, TypeRef } from './schema.js';

/** How a type differs; undefined: not at all. The strongest rule is named. */
export type TypeVerdict = Extract<
  RuleId,
  | 'FIELD_WIRE_COMPATIBLE_TYPE'
  | 'FIELD_SAME_RANGE'
  | 'FIELD_WIRE_JSON_COMPATIBLE_TYPE'
  | 'FIELD_SAME_TYPE'
  | 'STRUCT_RENAMED'
>;

/** Weakest first. */
const order: readonly TypeVerdict[] = [
  'STRUCT_RENAMED',
  'FIELD_SAME_TYPE',
  'FIELD_WIRE_JSON_COMPATIBLE_TYPE',
  'FIELD_SAME_RANGE',
  'FIELD_WIRE_COMPATIBLE_TYPE',
];

export interface TypeContext {
  readonly idl: Idl;
  /** Two structs stand for each other under different names: what differs inside is found there. */
  pair(kind: 'struct' | 'enum', before: string, after: string): void;
}

export function compareTypes(before: TypeRef, after: TypeRef, context: TypeContext): TypeVerdict | undefined {
  if (before.kind === 'map' && after.kind === 'map') {
    return stronger(compareTypes(before.key, after.key, context), compareTypes(before.value, after.value, context));
  }
  if ((before.kind === 'list' || before.kind === 'set') && before.kind === after.kind) {
    return compareTypes(before.element, after.element, context);
  }
  if ((before.kind === 'struct' || before.kind === 'enum') && after.kind === before.kind) {
    return compareNamed(before.kind, before.name, after.name, context);
  }
  if (before.kind === 'scalar' && after.kind === 'scalar') {
    if (before.name === after.name) return undefined;
    return context.idl === 'proto' ? protoScalars(before.name, after.name) : thriftScalars(before.name, after.name);
  }
  // A reader of the enum meets numbers that it has no name for.
  const [one, other] = before.kind === 'enum' ? [before, after] : [after, before];
  if (one.kind === 'enum' && other.kind === 'scalar' && other.name === (context.idl === 'thrift' ? 'i32' : 'int32')) {
    return 'FIELD_SAME_RANGE';
  }
  return 'FIELD_WIRE_COMPATIBLE_TYPE';
}

/** The stronger of two verdicts. */
function stronger(a: TypeVerdict | undefined, b: TypeVerdict | undefined): TypeVerdict | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return order.indexOf(a) > order.indexOf(b) ? a : b;
}

function compareNamed(
  kind: 'struct' | 'enum',
  before: string,
  after: string,
  context: TypeContext,
): TypeVerdict | undefined {
  if (before === after) return undefined;
  // A proto type is known by its name: to reflection, to Any, in JSON, and to every other tool.
  if (context.idl === 'proto') return 'FIELD_WIRE_COMPATIBLE_TYPE';
  context.pair(kind, before, after);
  return 'STRUCT_RENAMED';
}

const protoGroups: readonly (readonly string[])[] = [
  ['int32', 'int64', 'uint32', 'uint64', 'bool'],
  ['sint32', 'sint64'],
  ['fixed32', 'sfixed32'],
  ['fixed64', 'sfixed64'],
];

function protoScalars(before: string, after: string): TypeVerdict {
  if (before === 'string' && after === 'bytes') return 'FIELD_SAME_RANGE';
  return protoGroups.some((group) => group.includes(before) && group.includes(after))
    ? 'FIELD_SAME_RANGE'
    : 'FIELD_WIRE_COMPATIBLE_TYPE';
}

function thriftScalars(before: string, after: string): TypeVerdict {
  const text = ['string', 'binary'];
  return text.includes(before) && text.includes(after) ? 'FIELD_SAME_RANGE' : 'FIELD_WIRE_COMPATIBLE_TYPE';
}
