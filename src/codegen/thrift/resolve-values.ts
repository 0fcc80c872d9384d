/**
 * Constants and defaults: looks up the names in them and checks them against their type. What is
 * refused is what Apache's compiler refuses (`t_scope::resolve_const_value` and
 * `validate_const_rec`), also where that is lenient: it checks no value against a typedef.
 * Where we know better, it is a warning.
 */
import { fitValue } from './fit-value.js';
import type { EnumDefinition, EnumValue, StructDefinition, TrueType, Type, Value } from './program.js';
import type { TypeResolver } from './resolve-types.js';
import type { ThriftScope } from './scope.js';
import type { Source } from './source.js';
import type { ValueNode } from './syntax.js';

const integerBits: Readonly<Record<string, bigint>> = { i8: 8n, i16: 16n, i32: 32n, i64: 64n };

export class ValueResolver {
  constructor(
    private readonly source: Source,
    private readonly scope: ThriftScope,
    private readonly types: TypeResolver,
    private readonly excuse: (name: string) => boolean,
  ) {}

  /** The value of `node` as a `type`; undefined when it is wrong. `what` names it: `the constant LIMIT`. */
  resolve(node: ValueNode, type: Type, what: string): Value | undefined {
    const known = this.types.known(type);
    if (known === undefined) {
      this.types.reportUnknown(type, node, what);
      return undefined;
    }
    const checked = this.types.isChecked(type);
    switch (known.kind) {
      case 'list':
      case 'set':
        if (node.kind === 'list') {
          const items = node.items.map((item) => this.resolve(item, known.element, what));
          return items.every(isDefined) ? { kind: 'list', items } : undefined;
        }
        return this.container(node, known, checked, what);
      case 'map':
        if (node.kind === 'map') {
          const entries = node.entries.map(([key, value]): readonly [Value | undefined, Value | undefined] => [
            this.resolve(key, known.key, what),
            this.resolve(value, known.value, what),
          ]);
          return entries.every(isEntry) ? { kind: 'map', entries } : undefined;
        }
        return this.container(node, known, checked, what);
      case 'struct':
        return this.struct(node, known.definition, checked, what);
      case 'enum':
        return this.enum(node, known.definition, checked, what);
      case 'base':
        return this.scalar(node, known.base, checked, what);
    }
  }

  /** Something else where a list, set or map should be. Through a typedef Apache reads nothing from it. */
  private container(node: ValueNode, type: TrueType, checked: boolean, what: string): Value | undefined {
    if (node.kind === 'identifier') return this.reference(node, type, what);
    const message = `${what} is declared as a ${type.kind}, but this is ${describe(node)}`;
    // Apache's own test suite has `set<binary> bin_set = {}`.
    const emptySet = type.kind === 'set' && node.kind === 'map' && node.entries.length === 0;
    if (checked && !emptySet) {
      this.source.error(node, `${message}; write ${type.kind === 'map' ? '{key: value}' : '[value]'}`);
      return undefined;
    }
    this.source.warning(node, `${message}; it counts as empty`);
    return type.kind === 'map' ? { kind: 'map', entries: [] } : { kind: 'list', items: [] };
  }

  /** Another constant, by name, where a container or struct is due. */
  private reference(node: ValueNode & { kind: 'identifier' }, type: TrueType, what: string): Value | undefined {
    const constant = this.scope.constants.get(node.name);
    if (constant === undefined) return this.unknown(node);
    const other = constant.kind === 'const' ? this.types.known(constant.definition.type) : undefined;
    if (constant.kind === 'const' && other?.kind === type.kind) {
      const { definition } = constant;
      const known = (one: Type): TrueType | undefined => this.types.known(one);
      // One that only names another is as good as the other.
      const named: Value = definition.value.kind === 'constant' ? definition.value : { kind: 'constant', definition };
      const fitting = type.kind === 'struct' ? named : fitValue(named, other, type, known);
      if (fitting === undefined) {
        this.source.error(node, `${what} is a ${type.kind} of other elements than ${node.name} has`);
      }
      return fitting;
    }
    this.source.error(node, `${what} is declared as a ${type.kind}, but ${node.name} is none`);
    return undefined;
  }

  private struct(node: ValueNode, definition: StructDefinition, checked: boolean, what: string): Value | undefined {
    if (node.kind !== 'map') {
      if (node.kind === 'identifier' && !checked) return this.reference(node, { kind: 'struct', definition }, what);
      const message = `${what} is declared as ${definition.name}, but this is ${describe(node)}; write a map from the names of its fields`;
      if (checked) {
        this.source.error(node, message);
        return undefined;
      }
      this.source.warning(node, message);
      return { kind: 'map', entries: [] };
    }
    let sound = true;
    const given = new Set<string>();
    const entries: (readonly [Value, Value])[] = [];
    for (const [key, value] of node.entries) {
      const field = key.kind === 'string' ? definition.fields.find(({ name }) => name === key.value) : undefined;
      if (field === undefined) {
        sound = false;
        if (key.kind === 'string' && this.excuse(key.value)) continue;
        const message =
          key.kind === 'string'
            ? `${definition.name} has no field "${key.value}"`
            : `the fields of ${definition.name} are named by strings, but this is ${describe(key)}`;
        this.source.error(key, message);
        continue;
      }
      given.add(field.name);
      const resolved = this.resolve(value, field.type, `the field ${definition.name}.${field.name}`);
      if (resolved === undefined) sound = false;
      else entries.push([{ kind: 'string', value: field.name }, resolved]);
    }
    if (definition.kind === 'union') {
      if (given.size !== 1)
        this.source.warning(
          node,
          `a value of the union ${definition.name} has exactly one field, this one has ${given.size}`,
        );
    } else {
      const missing = definition.fields.find(
        (field) => field.requiredness === 'required' && field.value === undefined && !given.has(field.name),
      );
      if (missing !== undefined)
        this.source.warning(node, `the required field "${missing.name}" of ${definition.name} is missing here`);
    }
    return sound ? { kind: 'map', entries } : undefined;
  }

  private enum(node: ValueNode, definition: EnumDefinition, checked: boolean, what: string): Value | undefined {
    if (node.kind !== 'identifier') {
      // Apache takes anything that is no name for a number, and anything that is no number for 0.
      const number = node.kind === 'integer' ? node.value : 0n;
      const value = valueNumbered(definition, number);
      if (value === undefined) {
        this.source.error(node, `${definition.name} has no value ${number}`);
        return undefined;
      }
      if (node.kind !== 'integer') {
        this.source.warning(
          node,
          `${what} is declared as ${definition.name}, but this is ${describe(node)}; it counts as ${definition.name}.${value.name}`,
        );
      }
      return { kind: 'enum', definition, value };
    }
    // Of `file.Enum.NAME` only the last part counts.
    const parts = node.name.split('.');
    const name = checked ? parts.slice(Math.min(parts.length - 1, 2)).join('.') : (parts.at(-1) ?? '');
    if (checked && parts.length === 1) {
      this.source.error(node, `write ${definition.name}.${node.name}: a value of an enum is named with its enum`);
      return undefined;
    }
    const value = valueNamed(definition, name);
    if (value === undefined) {
      if (!this.excuse(name)) this.source.error(node, `${definition.name} has no value "${name}"`);
      return undefined;
    }
    return { kind: 'enum', definition, value };
  }

  private scalar(node: ValueNode, base: string, checked: boolean, what: string): Value | undefined {
    const value = node.kind === 'identifier' ? this.named(node) : literal(node);
    if (value === undefined) return undefined;
    const fits = accepts(base, value);
    if (!fits || (base === 'uuid' && value.kind === 'string' && uuid(value.value) === undefined)) {
      const found = fits
        ? `${JSON.stringify(value.kind === 'string' ? value.value : '')} is not written as one`
        : `this is ${describe(node)}`;
      const message = `${what} is declared as ${base}, but ${found}`;
      if (checked || node.kind === 'identifier') {
        this.source.error(node, message);
        return undefined;
      }
      this.source.warning(node, message);
      return value;
    }
    const bits = integerBits[base];
    if (bits !== undefined && value.kind === 'integer' && BigInt.asIntN(Number(bits), value.value) !== value.value) {
      this.source.warning(node, `${value.value} does not fit into the ${bits} bits of an ${base}`);
    }
    return value;
  }

  /** What a name stands for, where a scalar is due. Apache copies the value. */
  private named(node: ValueNode & { kind: 'identifier' }): Value | undefined {
    const constant = this.scope.constants.get(node.name);
    if (constant === undefined) return this.unknown(node);
    if (constant.kind === 'enum value') return { kind: 'enum', definition: constant.definition, value: constant.value };
    const { value, type } = constant.definition;
    if (value.kind !== 'enum') return value;
    // A constant of type i32 may hold the value of an enum; one of the enum's type is no number to Apache.
    return this.types.known(type)?.kind === 'enum' ? { kind: 'constant', definition: constant.definition } : value;
  }

  private unknown(node: ValueNode & { kind: 'identifier' }): undefined {
    if (this.excuse(node.name)) return undefined;
    this.source.error(node, `there is no constant and no value of an enum called ${node.name} before this place`);
    return undefined;
  }
}

const valueIndex = new WeakMap<EnumDefinition, ReadonlyMap<string, EnumValue>>();

/** A long constant may name the values of a long enum. */
function valueNamed(definition: EnumDefinition, name: string): EnumValue | undefined {
  let index = valueIndex.get(definition);
  if (index === undefined) {
    index = new Map([...definition.values].reverse().map((value) => [value.name, value]));
    valueIndex.set(definition, index);
  }
  return index.get(name);
}

const numberIndex = new WeakMap<EnumDefinition, ReadonlyMap<bigint, EnumValue>>();

/** The first value with a number. */
function valueNumbered(definition: EnumDefinition, number: bigint): EnumValue | undefined {
  let index = numberIndex.get(definition);
  if (index === undefined) {
    index = new Map([...definition.values].reverse().map((value) => [BigInt(value.value), value]));
    numberIndex.set(definition, index);
  }
  return index.get(number);
}

function accepts(base: string, value: Value): boolean {
  switch (base) {
    case 'string':
    case 'binary':
    case 'uuid':
      return value.kind === 'string';
    case 'double':
      return value.kind === 'double' || value.kind === 'integer' || value.kind === 'enum';
    default:
      return value.kind === 'integer' || value.kind === 'enum';
  }
}

function literal(node: Exclude<ValueNode, { kind: 'identifier' }>): Value {
  switch (node.kind) {
    case 'integer':
    case 'double':
    case 'string':
      return { kind: node.kind, value: node.value } as Value;
    case 'list':
      return { kind: 'list', items: [] };
    case 'map':
      return { kind: 'map', entries: [] };
  }
}

/** The canonical form of a uuid; Apache also takes it in braces. Undefined for anything else. */
export function uuid(text: string): string | undefined {
  const bare = text.length === 38 && text.startsWith('{') && text.endsWith('}') ? text.slice(1, 37) : text;
  return /^[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$/.test(bare) ? bare.toLowerCase() : undefined;
}

function describe(node: ValueNode): string {
  switch (node.kind) {
    case 'integer':
      return `the integer ${node.value}`;
    case 'double':
      return `the number ${node.value}`;
    case 'string':
      return 'a string';
    case 'identifier':
      return node.name;
    default:
      return `a ${node.kind}`;
  }
}

function isDefined(value: Value | undefined): value is Value {
  return value !== undefined;
}

function isEntry(entry: readonly [Value | undefined, Value | undefined]): entry is readonly [Value, Value] {
  return entry[0] !== undefined && entry[1] !== undefined;
}
