/**
 * From a name in the IDL to a name in TypeScript, the same for both generators. The casing is
 * ts-proto's, so that a message and a struct of one contract read alike; what TypeScript or
 * JavaScript could mistake for its own gets a trailing `_`; and two IDL names that would become
 * one TypeScript name keep their own spelling. All of it depends on the names alone, never on
 * their order in a file or on what else is generated.
 */

import { isCalledByLanguage } from '../contract/called-by-language.js';

/** `date_time` -> `dateTime`; a name without an underscore stays as it is. */
export function camelCase(name: string): string {
  if (!name.includes('_')) return name;
  const mixed = /[a-z]/.test(name);
  return name
    .split('_')
    .map((part) => (mixed ? part : part.toLowerCase()))
    .map((part, index) => (index === 0 ? part : capitalize(part)))
    .join('');
}

/** `GetLastSale` -> `getLastSale`, `get_last_sale` -> `getLastSale`. */
export function methodCase(name: string): string {
  const camel = camelCase(name);
  return camel.slice(0, 1).toLowerCase() + camel.slice(1);
}

/** `get_last_sale` -> `GetLastSale`. */
export function pascalCase(name: string): string {
  return capitalize(camelCase(name));
}

function capitalize(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}

/**
 * What every object inherits. A property of one of these names would be found on a value that
 * does not have it, so it never names a field or a method.
 */
const inherited = new Set([...Object.getOwnPropertyNames(Object.prototype), 'constructor', '__proto__']);

/** A name for a field or method: any but those that every object inherits. */
export function memberName(name: string): string {
  return inherited.has(name) ? `${name}_` : name;
}

/** Words that cannot name a top-level declaration in a strict ES module, or would read as syntax where a type is expected. */
const reserved = new Set(
  (
    'abstract accessor any arguments as asserts async await bigint boolean break case catch class const continue ' +
    'debugger declare default delete do else enum eval exports export extends false finally for function get global ' +
    'globalThis if implements import in infer Infinity instanceof interface intrinsic is keyof let module namespace NaN ' +
    'never new null number object of out override package private protected public readonly require return satisfies ' +
    'set static string super switch symbol this throw true try type typeof undefined unique unknown using var void ' +
    'while with yield'
  ).split(' '),
);

/** A name for a type, constant or other top-level declaration. */
export function declarationName(name: string): string {
  return reserved.has(name) || inherited.has(name) ? `${name}_` : name;
}

/**
 * Local names for the members of one struct, service or enum, in their order. `convert` makes the
 * TypeScript form; names that would collide keep the IDL's spelling, and one that still collides
 * gets a trailing `_`. `harmless` sees each chosen name.
 */
export function localNames(
  names: readonly string[],
  convert: (name: string) => string,
  harmless: (name: string) => string = memberName,
): string[] {
  const converted = names.map((name) => {
    const result = convert(name);
    return /^[A-Za-z_$][\w$]*$/.test(result) ? result : name;
  });
  // Falling back may hit another's converted form, so look again until nothing moves.
  for (let moved = true; moved; ) {
    moved = false;
    const uses = new Map<string, number>();
    for (const name of converted) uses.set(harmless(name), (uses.get(harmless(name)) ?? 0) + 1);
    for (const [index, name] of converted.entries()) {
      const own = names[index] ?? name;
      if (name !== own && (uses.get(harmless(name)) ?? 0) > 1) {
        converted[index] = own;
        moved = true;
      }
    }
  }
  const taken = new Set<string>();
  return converted.map((name) => {
    let unique = harmless(name);
    while (taken.has(unique)) unique += '_';
    taken.add(unique);
    return unique;
  });
}

/** Hands out names within one scope: the wanted one, or the first variation of it that is free. */
export class Scope {
  private readonly taken = new Set<string>();

  constructor(taken: Iterable<string> = []) {
    for (const name of taken) this.taken.add(name);
  }

  has(name: string): boolean {
    return this.taken.has(name);
  }

  /** `name`, or `name_`, `name__`, ... */
  declare(name: string): string {
    let unique = name;
    while (this.taken.has(unique)) unique += '_';
    this.taken.add(unique);
    return unique;
  }

  /** `name`, or `$name`, `$name2`, ...: no IDL name holds a `$`, so these are always free. */
  internal(name: string): string {
    let unique = name;
    for (let count = 1; this.taken.has(unique); count++) unique = count === 1 ? `$${name}` : `$${name}${count}`;
    this.taken.add(unique);
    return unique;
  }
}

/** What the generators say of a method, `full` in the IDL, that a client cannot have as a function of its own; undefined of others. */
export function notOnClient(full: string, localName: string): string | undefined {
  if (!isCalledByLanguage(localName)) return undefined;
  const caller = localName === 'then' ? 'await' : 'JSON.stringify';
  return `${full}: a client has no function "${localName}", because ${caller} would call it; call it as client.$call.${localName}(request)`;
}
