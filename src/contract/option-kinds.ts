/** The kinds of values that options have, for the tables of `knownOptions`. Limits are checked where an option is read. */
import { type OptionCheck, type OptionKind, shown } from './option-names.js';

function kind(fits: (value: unknown) => boolean, what: string): OptionKind {
  return (value, name) => {
    if (!fits(value)) throw new TypeError(`${name} is ${shown(value)}; it is ${what}`);
  };
}

export const flag = kind((value) => typeof value === 'boolean', 'true or false');
export const text = kind((value) => typeof value === 'string' && value !== '', 'text, and not empty');
export const func = kind((value) => typeof value === 'function', 'a function');
export const list = kind(Array.isArray, 'a list');
/** Never shown: it may be a private key. */
export const pem: OptionKind = (value, name) => {
  const read = value instanceof Uint8Array ? Buffer.from(value).toString('latin1') : value;
  if (typeof read === 'string' && read.includes('-----BEGIN ')) return;
  const what = typeof read === 'string' ? 'without a line "-----BEGIN ..."' : `${shown(value)}`;
  throw new TypeError(`${name} is ${what}; it is PEM, as text or a Buffer, and not a path`);
};
export const abortSignal = kind(
  (value) => isObject(value) && typeof value.addEventListener === 'function' && typeof value.aborted === 'boolean',
  'an AbortSignal, such as that of an AbortController',
);

export const interceptorList = listOf(
  kind(
    (value) => typeof value === 'function' || (isObject(value) && typeof value.interceptor === 'function'),
    'a function (method, next) => handler, or such a one with its place: { interceptor, before: "retry" }',
  ),
);

/** A list whose items are all of a kind. */
export function listOf(of: OptionKind): OptionKind {
  return (value, name) => {
    list(value, name);
    (value as readonly unknown[]).forEach((one, index) => {
      of(one, `${name}[${index}]`);
    });
  };
}

/** One of a few texts. */
export function oneOf(...values: readonly string[]): OptionKind {
  const known: readonly unknown[] = values;
  return kind((value) => known.includes(value), values.map((one) => JSON.stringify(one)).join(' or '));
}

/** Options within options. */
export function group(check: OptionCheck): OptionKind {
  return (value, name) => check(value, name);
}

/** What can be switched off. */
export function orFalse(of: OptionKind): OptionKind {
  return (value, name) => {
    if (value !== false) of(value, name);
  };
}

/** A port: an object that has these functions, whatever its class. */
export function having(...functions: readonly string[]): OptionKind {
  const fits = (value: unknown): boolean =>
    isObject(value) && functions.every((name) => typeof value[name] === 'function');
  return kind(fits, `an object with the function${functions.length === 1 ? '' : 's'} ${functions.join(', ')}`);
}

export const clock = having('now', 'setTimer', 'wallTime');
export const logger = having('debug', 'info', 'warn', 'error');
export const random = having('next');

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return (typeof value === 'object' && value !== null) || typeof value === 'function';
}
