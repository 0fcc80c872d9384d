/**
 * Names of functions that JavaScript calls on whatever has them: `then` by `await` and by every promise that is resolved with the
 * value, `toJSON` by `JSON.stringify`. As a property of a client each would send a call that nobody made, so methods of
 * these names are in `client.$call` alone. Other names are harmless: those that objects inherit get a `_` by the generators.
 */
export type CalledByLanguage = 'then' | 'toJSON';

const names: ReadonlySet<string> = new Set<CalledByLanguage>(['then', 'toJSON']);

export function isCalledByLanguage(name: string): name is CalledByLanguage {
  return names.has(name);
}
