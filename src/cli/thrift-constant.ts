/** The run-time value of a constant or a default in a `.thrift` file. */
import { type Type, trueType, type Value } from '../codegen/thrift/program.js';

export function constantOf(type: Type, value: Value): unknown {
  if (value.kind === 'constant') return constantOf(value.definition.type, value.definition.value);
  if (value.kind === 'enum') return value.value.value;
  const real = trueType(type);
  switch (real.kind) {
    case 'base':
      return scalar(real.base, value);
    case 'enum':
      return value.kind === 'integer' ? Number(value.value) : 0;
    case 'list':
    case 'set': {
      const items = value.kind === 'list' ? value.items.map((item) => constantOf(real.element, item)) : [];
      return real.kind === 'set' && isScalar(real.element) ? new Set(items) : items;
    }
    case 'map': {
      const entries = value.kind === 'map' ? value.entries : [];
      const pairs = entries.map(([key, item]) => [constantOf(real.key, key), constantOf(real.value, item)] as const);
      return isScalar(real.key) ? new Map(pairs) : pairs;
    }
    case 'struct':
      return struct(real.definition.kind, real.definition.fields, value);
  }
}

function scalar(base: string, value: Value): unknown {
  if (value.kind === 'string') return base === 'binary' ? Buffer.from(value.value) : value.value;
  if (value.kind === 'double') return value.value;
  if (value.kind !== 'integer') return undefined;
  if (base === 'i64') return value.value;
  return base === 'bool' ? value.value !== 0n : Number(value.value);
}

function struct(
  kind: 'struct' | 'union' | 'exception',
  fields: readonly { readonly name: string; readonly type: Type }[],
  value: Value,
): unknown {
  const given: Record<string, unknown> = {};
  for (const [key, item] of value.kind === 'map' ? value.entries : []) {
    const field = fields.find((one) => key.kind === 'string' && one.name === key.value);
    if (field === undefined) continue;
    if (kind === 'union') return { $case: field.name, value: constantOf(field.type, item) };
    given[field.name] = constantOf(field.type, item);
  }
  return given;
}

function isScalar(type: Type): boolean {
  const real = trueType(type);
  return real.kind === 'enum' || (real.kind === 'base' && real.base !== 'binary');
}
