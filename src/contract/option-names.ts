/**
 * Options by their names and kinds. TypeScript finds a misspelt or mistyped one, JavaScript ignores it, and a timeout that nobody
 * reads is worse than none: so each object of options is held to a table of its interface, where it is taken.
 */

/** Throws a TypeError that names the option, shows the value and says what belongs there. `undefined` never comes here. */
export type OptionKind = (value: unknown, name: string) => void;

/**
 * Throws a TypeError when `given` is no object of options, or has one that there is not or that is of another kind; `where`
 * is what a user calls it, `prefix` what stands before the names of its options.
 */
export type OptionCheck = (given: unknown, where: string, prefix?: string) => void;

/**
 * A name with `true` is checked where its value is read, with its limits.
 *
 * @example const checkTls = knownOptions<ServerTls>({ cert: pem, key: pem, ca: pem, requireClientCert: flag });
 */
export function knownOptions<T extends object>(kinds: Readonly<Record<keyof T, true | OptionKind>>): OptionCheck {
  // Without a prototype, so that `constructor` is no name.
  const known: Readonly<Record<string, true | OptionKind | undefined>> = Object.assign(Object.create(null), kinds);
  return (given, where, prefix) => {
    if (typeof given !== 'object' || given === null || Array.isArray(given)) {
      throw new TypeError(`${where} is ${shown(given)}; it is an object of options: ${Object.keys(known).join(', ')}`);
    }
    for (const name in given) {
      const kind = known[name];
      if (kind === undefined) refuse(name, where, Object.keys(known));
      const value = (given as Readonly<Record<string, unknown>>)[name];
      if (value === undefined || (kind === true && value !== null)) continue;
      const full = `${prefix ?? `${where}.`}${name}`;
      if (kind === true) throw new TypeError(`${full} is null; give it a value, or leave it out for what is usual`);
      kind(value, full);
    }
  };
}

function refuse(name: string, where: string, known: readonly string[]): never {
  throw new TypeError(
    `${where} has no option ${JSON.stringify(name)}; did you mean ${nearest(name, known)}? The options are ${known.join(', ')}`,
  );
}

/** A value as a message shows it: short, and never a reason to throw. */
export function shown(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}...` : value);
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'a list' : 'an object';
  return typeof value === 'function' ? 'a function' : String(value);
}

/** The one of `known` that is most like `name`, by letters. */
export function nearest(name: string, known: readonly string[]): string {
  const distances = known.map((one) => distance(name.toLowerCase(), one.toLowerCase()));
  return known[distances.indexOf(Math.min(...distances))] ?? '';
}

/** Letters to insert, remove or change (Levenshtein). */
export function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 0; i < Math.min(a.length, 100); i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++) {
      const change = (row[j] as number) + (a[i] === b[j] ? 0 : 1);
      next.push(Math.min(change, (row[j + 1] as number) + 1, (next[j] as number) + 1));
    }
    row = next;
  }
  return row[b.length] as number;
}
