/**
 * The changes that a team has looked at and lets pass, and the rules it does not go by: each with the reason, in a file
 * that is reviewed with the change. What is accepted is shown with its reason; what is ignored is not shown.
 */
import { readFileSync, statSync } from 'node:fs';
import type { Change } from './change.js';
import { type RuleId, rules } from './rules.js';
import type { Place, Schema } from './schema.js';

/** Read from the working folder when no other is named. */
export const exceptionsFile = 'hawser-breaking.json';

const maxBytes = 1024 * 1024;

export interface Exception {
  readonly rule?: RuleId;
  /** Full name of a type, field, service or method: it and all below it. */
  readonly element?: string;
  /** A file, or with a slash at its end a folder, by the end of its path. */
  readonly file?: string;
  readonly reason: string;
}

export interface Exceptions {
  readonly accept: readonly Exception[];
  readonly ignore: readonly Exception[];
}

export interface Accepted {
  readonly change: Change;
  readonly reason: string;
}

export interface Sorted {
  /** Neither accepted nor ignored. */
  readonly changes: readonly Change[];
  readonly accepted: readonly Accepted[];
  readonly ignored: number;
  /** Sentences about exceptions that are good for nothing. */
  readonly warnings: readonly string[];
}

/** The file is wrong; the message names the entry and the way out. */
export class ExceptionsError extends Error {}

export const noExceptions: Exceptions = { accept: [], ignore: [] };

/** Throws an ExceptionsError. */
export function readExceptions(path: string): Exceptions {
  const stats = statSync(path, { throwIfNoEntry: false });
  if (stats?.isFile() !== true) throw new ExceptionsError(`${path} is no file.`);
  if (stats.size > maxBytes) throw new ExceptionsError(`${path} has ${stats.size} bytes; it may have ${maxBytes}.`);
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    throw new ExceptionsError(`${path} is not JSON: ${error instanceof Error ? error.message : String(error)}.`);
  }
  if (!isRecord(value)) throw new ExceptionsError(`${path} must be an object with the lists "accept" and "ignore".`);
  for (const key of Object.keys(value)) {
    if (key !== 'accept' && key !== 'ignore') {
      throw new ExceptionsError(`${path}: there is no ${JSON.stringify(key)}; write "accept" or "ignore".`);
    }
  }
  return { accept: entries(value, 'accept', path), ignore: entries(value, 'ignore', path) };
}

function entries(value: Record<string, unknown>, key: 'accept' | 'ignore', path: string): Exception[] {
  const list = Object.hasOwn(value, key) ? value[key] : [];
  if (!Array.isArray(list)) throw new ExceptionsError(`${path}: "${key}" must be a list.`);
  return list.map((one: unknown, at) => entry(one, `${path}: ${key}[${at}]`));
}

const keys = ['rule', 'element', 'file', 'reason'] as const;

function entry(one: unknown, at: string): Exception {
  if (!isRecord(one)) throw new ExceptionsError(`${at} must be an object with a rule, an element or a file.`);
  for (const [key, value] of Object.entries(one)) {
    if (!(keys as readonly string[]).includes(key)) {
      throw new ExceptionsError(`${at} has ${JSON.stringify(key)}; an exception has ${keys.join(', ')}.`);
    }
    if (typeof value !== 'string' || value.trim() === '') {
      throw new ExceptionsError(`${at}: ${key} is ${JSON.stringify(value)}; it must be text.`);
    }
  }
  const { rule, element, file, reason } = one as Readonly<Record<(typeof keys)[number], string | undefined>>;
  if (reason === undefined) throw new ExceptionsError(`${at} has no reason; say why the change may be made.`);
  if (rule === undefined && element === undefined && file === undefined) {
    throw new ExceptionsError(`${at} would match every change; name a rule, an element or a file.`);
  }
  if (rule !== undefined && !Object.hasOwn(rules, rule)) {
    throw new ExceptionsError(`${at}: there is no rule ${JSON.stringify(rule)}; docs/breaking.md lists them.`);
  }
  return {
    ...(rule === undefined ? {} : { rule: rule as RuleId }),
    ...(element === undefined ? {} : { element }),
    ...(file === undefined ? {} : { file }),
    reason,
  };
}

/** Ignored wins over accepted. `schemas` are the two versions: a standing exception must name something in one of them. */
export function sortChanges(
  all: readonly Change[],
  { accept, ignore }: Exceptions,
  schemas: readonly Schema[],
): Sorted {
  const changes: Change[] = [];
  const accepted: Accepted[] = [];
  const used = new Set<Exception>();
  let ignored = 0;
  for (const change of all) {
    const hits = [accept, ignore].map((list) => list.filter((one) => matches(one, change)));
    const [first] = hits[0] ?? [];
    for (const one of hits.flat()) used.add(one);
    if ((hits[1] ?? []).length > 0) ignored += 1;
    else if (first !== undefined) accepted.push({ change, reason: first.reason });
    else changes.push(change);
  }
  const stale = accept.filter((one) => !used.has(one));
  const unknown = ignore.filter((one) => !used.has(one) && !names(one, schemas));
  return {
    changes,
    accepted,
    ignored,
    warnings: [
      ...stale.map((one) => `accept ${exceptionText(one)} matches no change; delete the entry.`),
      ...unknown.map(
        (one) => `ignore ${exceptionText(one)} names nothing in either version; mend or delete the entry.`,
      ),
    ],
  };
}

function matches({ rule, element, file }: Exception, change: Change): boolean {
  return (
    (rule === undefined || rule === change.rule) &&
    (element === undefined || isAt(element, change.element)) &&
    (file === undefined || isIn(file, change.place.file))
  );
}

/** `shop.v1.Order` holds `shop.v1.Order.price`, and `shop.v1.Orders` holds `shop.v1.Orders/Find`. */
function isAt(element: string, name: string): boolean {
  return name === element || (name.startsWith(element) && /^[./ ]/.test(name.slice(element.length)));
}

function isIn(file: string, path: string): boolean {
  const whole = `/${path.replace(/^git:[^:]*:/, '')}`;
  const wanted = file.startsWith('/') ? file : `/${file}`;
  return file.endsWith('/') ? whole.includes(wanted) : whole.endsWith(wanted);
}

function names({ element, file }: Exception, schemas: readonly Schema[]): boolean {
  const found = (known: (name: string, place: Place) => boolean): boolean =>
    schemas.some((schema) =>
      [...schema.types, ...schema.services, ...schema.files].some((one) => known(one.name, one.place)),
    );
  return (
    (element === undefined || found((name) => isAt(element, name) || isAt(name, element))) &&
    (file === undefined || found((_, place) => isIn(file, place.file)))
  );
}

export function exceptionText({ rule, element, file }: Exception): string {
  return [rule, element, file].filter((one) => one !== undefined).join(' ');
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
