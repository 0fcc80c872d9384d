/**
 * What a subscription is shown of its topic: the keys that it asked for, as far as its principal may see them. Decided once, when it
 * is asked for, and again by `reauthorize`; everything that reads the topic for the subscription asks the view, before updates are
 * conflated, counted or encoded. A subscription that is shown everything has none, so that its updates are shared with others.
 */

/** What a subscriber asks for. An empty set is nothing. */
export type Keys = ReadonlySet<string> | 'all';

/** What a principal may see: all keys, some by name, or those that a function says `true` of. */
export type Permission = 'all' | ReadonlySet<string> | ((key: string) => boolean);

export interface View {
  /** The keys by name; undefined where only a function knows them. */
  readonly names: ReadonlySet<string> | undefined;
  /** Something that was asked for may be hidden. */
  readonly hides: boolean;
  /** Names the view, so that a subscriber that comes back is known to hold a state of it. */
  readonly token: Uint8Array;
  shows(key: string): boolean;
}

/** What functions are called in tokens. They say nothing of what a function answers, so the name is of this process alone. */
const functionNumbers = new WeakMap<object, number>();
let functions = 0;

/**
 * Undefined: everything. `life` names all that a function's answers may depend on beside the function: it is another one once its
 * answers may have changed.
 */
export function viewOf(keys: Keys, permission: Permission, life: string): View | undefined {
  if (keys === 'all') {
    if (permission === 'all') return undefined;
    if (typeof permission !== 'function') return named(new Set(permission), true);
    const may = permission;
    return { names: undefined, hides: true, token: functionToken(may, life), shows: (key) => may(key) === true };
  }
  if (permission === 'all') return named(keys, false);
  const seen = new Set<string>();
  for (const key of keys) if (mayBeSeen(permission, key)) seen.add(key);
  return named(seen, seen.size < keys.size);
}

/** What is left of a view for fewer keys. */
export function narrowed(view: View | undefined, keys: ReadonlySet<string>): View {
  return viewOf(keys, view === undefined ? 'all' : (key) => view.shows(key), '') as View; // named keys always have one
}

export function mayBeSeen(permission: Permission, key: string): boolean {
  if (permission === 'all') return true;
  return typeof permission === 'function' ? permission(key) === true : permission.has(key);
}

/** Whether what was sent by one view is what the other shows. Nobody knows it of functions. */
export function sameView(a: View | undefined, b: View | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  const { names } = b;
  if (a.names === undefined || names === undefined || a.names.size !== names.size) return false;
  for (const name of a.names) if (!names.has(name)) return false;
  return true;
}

const everything = Buffer.from('a');

export function tokenOf(view: View | undefined): Uint8Array {
  return view?.token ?? everything;
}

/** Whether a subscriber that names `token` holds a state of the view. An older client names none, and knows nothing of views that hide. */
export function isOfView(token: Uint8Array | undefined, view: View | undefined): boolean {
  if (token === undefined || token.byteLength === 0) return view?.hides !== true;
  return Buffer.compare(tokenOf(view), token) === 0;
}

function named(names: ReadonlySet<string>, hides: boolean): View {
  return { names, hides, token: namesToken(names), shows: (key) => names.has(key) };
}

function functionToken(may: object, life: string): Uint8Array {
  let number = functionNumbers.get(may);
  if (number === undefined) {
    number = ++functions;
    functionNumbers.set(may, number);
  }
  return Buffer.from(`f${number}.${life}`);
}

/** The same for the same names in any order, in every process. It is no secret and proves nothing. */
function namesToken(names: ReadonlySet<string>): Uint8Array {
  let one = 0;
  let other = 0;
  for (const name of names) {
    let a = 0x811c9dc5;
    let b = name.length;
    for (let at = 0; at < name.length; at++) {
      const unit = name.charCodeAt(at);
      a = Math.imul(a ^ unit, 0x01000193);
      b = (Math.imul(b, 31) + unit) | 0;
    }
    one = (one + Math.imul(a ^ (a >>> 15), 0x2c1b3c6d)) | 0;
    other = (other + Math.imul(b ^ (b >>> 13), 0x297a2d39)) | 0;
  }
  return Buffer.from(`n${(one >>> 0).toString(36)}.${(other >>> 0).toString(36)}.${names.size.toString(36)}`);
}
