/**
 * What tells two versions of a service apart on first contact: a hash over everything that shows on
 * the wire, the functions and all types they reach, in an order of its own. Comments, annotations,
 * typedefs, the names of files and the order within them change nothing.
 */
import { createHash } from 'node:crypto';
import {
  allFunctions,
  type EnumDefinition,
  type Field,
  fullName,
  type ServiceDefinition,
  type StructDefinition,
  type Type,
  trueType,
} from './program.js';

export function fingerprint(service: ServiceDefinition): string {
  const found = new Types();
  const functions = allFunctions(service).map(({ function: one }) => {
    const returns = one.oneway ? 'oneway' : one.returns === undefined ? 'void' : found.name(one.returns);
    return `function ${one.name} ${returns}\n${found.fields(one.args)}\nthrows\n${found.fields(one.throws)}`;
  });
  const lines = [`service ${fullName(service)}`, ...functions, ...found.all()];
  return createHash('sha256').update(lines.sort().join('\n')).digest('hex');
}

class Types {
  private readonly pending: (EnumDefinition | StructDefinition)[] = [];
  private readonly seen = new Set<EnumDefinition | StructDefinition>();

  /** The name of a type, which is remembered with all that it reaches. */
  name(type: Type): string {
    const known = trueType(type);
    switch (known.kind) {
      case 'base':
        return known.base;
      case 'list':
      case 'set':
        return `${known.kind}<${this.name(known.element)}>`;
      case 'map':
        return `map<${this.name(known.key)},${this.name(known.value)}>`;
      default:
        if (!this.seen.has(known.definition)) {
          this.seen.add(known.definition);
          this.pending.push(known.definition);
        }
        return fullName(known.definition);
    }
  }

  fields(fields: readonly Field[]): string {
    return fields
      .map(({ id, name, requiredness, type }) => ` ${id} ${name} ${requiredness} ${this.name(type)}`)
      .sort()
      .join('\n');
  }

  all(): string[] {
    const lines: string[] = [];
    for (let next = this.pending.pop(); next !== undefined; next = this.pending.pop()) {
      if (next.kind === 'enum') {
        const values = next.values.map(({ name, value }) => ` ${value} ${name}`).sort();
        lines.push(`enum ${fullName(next)}\n${values.join('\n')}`);
      } else lines.push(`${next.kind} ${fullName(next)}\n${this.fields(next.fields)}`);
    }
    return lines;
  }
}
