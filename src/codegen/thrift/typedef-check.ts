/**
 * Typedefs must come to an end, and soon: one that stands for itself would send every reader of
 * types round in a circle, and thirty typedefs of `map<T, T>` write out to a billion types.
 */
import type { Type, TypeDefinition, TypedefDefinition } from './program.js';
import type { Source } from './source.js';

/** How many types a typedef may stand for, written out. */
const maxSize = 100;
const maxChain = 1000;

interface Measure {
  readonly depth: number;
  readonly size: number;
}

export function checkTypedefs(source: Source, typedefs: readonly TypedefDefinition[], nesting: number): void {
  const done = new Map<TypeDefinition, Measure>();
  const active = new Set<TypeDefinition>();

  const measure = (type: Type): Measure => {
    switch (type.kind) {
      case 'base':
        return { depth: 0, size: 1 };
      case 'list':
      case 'set': {
        const { depth, size } = measure(type.element);
        return { depth: depth + 1, size: size + 1 };
      }
      case 'map': {
        const [key, value] = [measure(type.key), measure(type.value)];
        return { depth: Math.max(key.depth, value.depth) + 1, size: key.size + value.size + 1 };
      }
      case 'named':
        return type.definition.kind === 'typedef' ? visit(type.definition) : { depth: 0, size: 1 };
    }
  };

  const visit = (definition: TypedefDefinition): Measure => {
    const known = done.get(definition);
    if (known !== undefined) return known;
    const flat: Measure = { depth: 0, size: 1 };
    const complain = (problem: string): Measure => {
      if (definition.program.source === source)
        source.error(definition.nameSpan, `the typedef ${definition.name} ${problem}`);
      done.set(definition, flat);
      return flat;
    };
    if (active.has(definition)) return complain('stands for itself, so it has no end; put a struct in between');
    if (active.size >= maxChain) return complain(`is one of more than ${maxChain} that stand for each other`);
    active.add(definition);
    const result = measure(definition.type);
    active.delete(definition);
    // Already complained of further down.
    if (done.has(definition)) return flat;
    if (result.depth > nesting) return complain(`nests ${result.depth} levels, written out; the limit is ${nesting}`);
    if (result.size > maxSize) return complain(`stands for ${result.size} types, written out; the limit is ${maxSize}`);
    done.set(definition, result);
    return result;
  };

  for (const definition of typedefs) visit(definition);
}
