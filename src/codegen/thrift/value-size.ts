/** How large a constant is, written out: forty constants that each name another twice are a billion values. */
import type { ConstDefinition, Value } from './program.js';

export interface ValueSize {
  /** The number of values in it, those of the constants that it names included. */
  readonly size: number;
  /** How deep they nest. */
  readonly depth: number;
}

const known = new WeakMap<ConstDefinition, ValueSize>();

export function sizeOf(value: Value): ValueSize {
  switch (value.kind) {
    case 'list':
      return around(value.items);
    case 'map':
      return around(value.entries.flat());
    case 'constant': {
      // Constants are measured as they are defined, each before those that name it.
      let size = known.get(value.definition);
      if (size === undefined) {
        size = sizeOf(value.definition.value);
        known.set(value.definition, size);
      }
      return size;
    }
    default:
      return { size: 1, depth: 0 };
  }
}

function around(items: readonly Value[]): ValueSize {
  let size = 1;
  let depth = 0;
  for (const item of items) {
    const inner = sizeOf(item);
    size += inner.size;
    depth = Math.max(depth, inner.depth);
  }
  return { size, depth: depth + 1 };
}
