/**
 * Options by their names. TypeScript finds a misspelt one, JavaScript ignores it, and a timeout that nobody reads is
 * worse than none: so each object of options is held to the names of its interface, where it is taken.
 */

/** Throws a TypeError when `given` is no object of options, or has one that there is not; `where` is what a user calls it. */
export type OptionCheck = (given: unknown, where: string) => void;

/** @example const checkRetryOptions = knownOptions<RetryOptions>({ maxAttempts: true, ... }); */
export function knownOptions<T extends object>(names: Readonly<Record<keyof T, true>>): OptionCheck {
  // Without a prototype, so that `constructor` is no name.
  const known: Readonly<Record<string, true>> = Object.assign(Object.create(null), names);
  return (given, where) => {
    if (typeof given !== 'object' || given === null || Array.isArray(given)) {
      throw new TypeError(`${where} is ${shown(given)}; it is an object of options: ${Object.keys(known).join(', ')}`);
    }
    for (const name in given) if (known[name] !== true) refuse(name, where, Object.keys(known));
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

function nearest(name: string, known: readonly string[]): string {
  const distances = known.map((one) => distance(name.toLowerCase(), one.toLowerCase()));
  return known[distances.indexOf(Math.min(...distances))] ?? '';
}

/** Letters to insert, remove or change (Levenshtein). */
function distance(a: string, b: string): number {
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
