/** Which types a service's messages consist of: whom a change of a type concerns, and who may be sent what it holds. */
import { keyOf } from './change.js';
import { type MethodDecl, namesIn, type Schema, type ServiceDecl, type TypeDecl, type TypeRef } from './schema.js';

export class Reach {
  readonly #types: ReadonlyMap<string, TypeDecl>;
  readonly #services: readonly ServiceDecl[];
  readonly #answered: ReadonlySet<string>;

  constructor(schema: Schema) {
    this.#types = new Map(schema.types.map((type) => [keyOf(type.idl, 'type', type.name), type]));
    this.#services = schema.services;
    const answered = new Set<string>();
    for (const service of schema.services) {
      for (const method of service.methods) this.#collect(service, answersOf(method), answered);
    }
    this.#answered = answered;
  }

  /** Whether a response may hold the type. A schema without services is a library of types for anything. */
  isAnswered(key: string): boolean {
    return this.#services.length === 0 || this.#answered.has(key);
  }

  /** The keys of the types that each service uses, by the service's key. */
  byService(): Map<string, Set<string>> {
    const found = new Map<string, Set<string>>();
    for (const service of this.#services) {
      const types = new Set<string>();
      for (const method of service.methods) {
        this.#collect(service, [...asksOf(method), ...answersOf(method)], types);
      }
      found.set(keyOf(service.idl, 'service', service.name), types);
    }
    return found;
  }

  #collect({ idl }: ServiceDecl, from: readonly string[], into: Set<string>): void {
    const pending = from.map((name) => keyOf(idl, 'type', name));
    for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
      if (into.has(next)) continue;
      into.add(next);
      const type = this.#types.get(next);
      if (type?.kind !== 'struct') continue;
      for (const field of type.fields) for (const name of namesIn(field.type)) pending.push(keyOf(idl, 'type', name));
    }
  }
}

function asksOf({ request }: MethodDecl): string[] {
  return isFields(request) ? request.flatMap((field) => namesIn(field.type)) : namesIn(request);
}

function answersOf({ response, errors }: MethodDecl): string[] {
  return [...(response === undefined ? [] : namesIn(response)), ...errors.map((error) => error.type)];
}

export function isFields(request: MethodDecl['request']): request is Exclude<MethodDecl['request'], TypeRef> {
  return Array.isArray(request);
}
