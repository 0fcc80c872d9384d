/**
 * The names that a file can use: its own, and those of the files it includes under
 * `basename.Name`. Three tables, as in Apache's `t_scope`: a constant may have the name of a type.
 */
import type { ConstDefinition, EnumDefinition, EnumValue, ServiceDefinition, TypeDefinition } from './program.js';

export type Constant =
  | { readonly kind: 'const'; readonly definition: ConstDefinition }
  /** A value of an enum, as `Enum.NAME`. To Apache it is a constant of type i32. */
  | { readonly kind: 'enum value'; readonly definition: EnumDefinition; readonly value: EnumValue };

export class ThriftScope {
  readonly types = new Map<string, TypeDefinition>();
  readonly services = new Map<string, ServiceDefinition>();
  readonly constants = new Map<string, Constant>();
}

/** Puts all that `from` defines into `to`, under a prefix. Returns the constants whose name is taken there. */
export function include(to: ThriftScope, prefix: string, from: ThriftScope): string[] {
  for (const [name, type] of from.types) to.types.set(`${prefix}.${name}`, type);
  for (const [name, service] of from.services) to.services.set(`${prefix}.${name}`, service);
  const taken: string[] = [];
  for (const [name, constant] of from.constants) {
    const full = `${prefix}.${name}`;
    if (to.constants.has(full)) taken.push(full);
    else to.constants.set(full, constant);
  }
  return taken;
}
