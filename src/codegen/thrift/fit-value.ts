/**
 * A constant that another one names, where its elements are of another type: Apache looks at its outer kind alone, and what its
 * generators make of a `list<string>` that is a `list<i32>` does not compile. So each element is checked, and the value copied.
 */
import type { TrueType, Type, Value } from './program.js';

/** A type with all typedefs followed; undefined where it is not known yet. */
type Known = (type: Type) => TrueType | undefined;

export function sameType(one: TrueType | undefined, other: TrueType | undefined, known: Known): boolean {
  if (one === undefined || other === undefined) return false;
  if (one.kind === 'base') return other.kind === 'base' && other.base === one.base;
  if (one.kind === 'enum' || one.kind === 'struct')
    return other.kind === one.kind && other.definition === one.definition;
  if (one.kind === 'map') {
    return (
      other.kind === 'map' &&
      sameType(known(one.key), known(other.key), known) &&
      sameType(known(one.value), known(other.value), known)
    );
  }
  return other.kind === one.kind && sameType(known(one.element), known((other as typeof one).element), known);
}

/** `value`, which is a `from`, as a `to`; undefined where it fits none. */
export function fitValue(value: Value, from: TrueType, to: TrueType, known: Known): Value | undefined {
  if (sameType(from, to, known)) return value;
  if (value.kind === 'constant') return fitValue(value.definition.value, from, to, known);
  if ((from.kind === 'list' || from.kind === 'set') && from.kind === to.kind && value.kind === 'list') {
    const items = value.items.map((item) => fitItem(item, from.element, (to as typeof from).element, known));
    return items.every((item) => item !== undefined) ? { kind: 'list', items } : undefined;
  }
  if (from.kind === 'map' && to.kind === 'map' && value.kind === 'map') {
    const entries = value.entries.map(
      ([key, held]) => [fitItem(key, from.key, to.key, known), fitItem(held, from.value, to.value, known)] as const,
    );
    const whole = (entry: readonly [Value | undefined, Value | undefined]): entry is readonly [Value, Value] =>
      entry[0] !== undefined && entry[1] !== undefined;
    return entries.every(whole) ? { kind: 'map', entries } : undefined;
  }
  return fitScalar(value, to);
}

function fitItem(value: Value, from: Type, to: Type, known: Known): Value | undefined {
  const [was, is] = [known(from), known(to)];
  return was === undefined || is === undefined ? undefined : fitValue(value, was, is, known);
}

function fitScalar(value: Value, to: TrueType): Value | undefined {
  const number = value.kind === 'integer' ? value.value : value.kind === 'enum' ? BigInt(value.value.value) : undefined;
  if (to.kind === 'enum') {
    const found = to.definition.values.find((one) => BigInt(one.value) === number);
    return found === undefined ? undefined : { kind: 'enum', definition: to.definition, value: found };
  }
  if (to.kind !== 'base') return undefined;
  switch (to.base) {
    case 'string':
    case 'binary':
      return value.kind === 'string' ? value : undefined;
    case 'uuid':
      return undefined; // no other type has its form
    case 'double':
      return value.kind === 'double' || number !== undefined ? value : undefined;
    default:
      return number === undefined ? undefined : value;
  }
}
