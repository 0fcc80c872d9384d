/** How large a constant is, written out: forty constants that each name another twice are a billion values. */
import type { ConstDefinition, Value } from './program.js';

const known = new WeakMap<ConstDefinition, number>();

/** The number of values in a value, those of the constants that it names included. */
export function sizeOf(value: Value): number {
  switch (value.kind) {
    case 'list':
      return value.items.reduce((sum, item) => sum + sizeOf(item), 1);
    case 'map':
      return value.entries.reduce((sum, [key, item]) => sum + sizeOf(key) + sizeOf(item), 1);
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
      return 1;
  }
}
