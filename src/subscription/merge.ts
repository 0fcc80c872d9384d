/**
 * How MERGE makes one value of several, oldest first. SUM, MIN and MAX work on each number of the message apart from the
 * key, UNION on each list, set and Map; every other field is the newest. All are associative, so it does not matter where
 * a run of updates was cut.
 */
import type { Codec } from '../contract/codec.js';
import type { TopicPolicy } from '../contract/policy.js';

export type MergeName = NonNullable<TopicPolicy['merge']>;
type Fields = Record<string, unknown>;
type Combine = (older: unknown, newer: unknown) => unknown;

/** Undefined for CUSTOM, which is a function of the user's. */
export function mergeFunction<T>(name: MergeName, codec: Codec<T>, key: string | undefined) {
  switch (name) {
    case 'LAST':
      return (_older: T, newer: T): T => newer;
    case 'SUM':
      return byField(codec, key, isNumber, (a, b) => add(a as number, b as number));
    case 'MIN':
      return byField(codec, key, isNumber, (a, b) => ((a as number) <= (b as number) ? a : b));
    case 'MAX':
      return byField(codec, key, isNumber, (a, b) => ((a as number) >= (b as number) ? a : b));
    case 'UNION':
      return byField(codec, key, isCollection, unite);
    case 'CUSTOM':
      return undefined;
  }
}

function byField<T>(
  codec: Codec<T>,
  key: string | undefined,
  concerns: (value: unknown, json: unknown) => boolean,
  combine: Combine,
): (older: T, newer: T) => T {
  return (older, newer) => {
    const merged = { ...newer } as Fields;
    const before = older as Fields;
    const json = codec.toJSON(newer) as Fields;
    for (const [name, value] of Object.entries(merged)) {
      if (name === key || before[name] === undefined || !concerns(value, json[name])) continue;
      merged[name] = combine(before[name], value);
    }
    return merged as T;
  };
}

/** A number in the IDL: an enum is one in TypeScript too, and in JSON it is a name. */
function isNumber(value: unknown, json: unknown): boolean {
  if (typeof value !== 'number' && typeof value !== 'bigint') return false;
  return typeof json !== 'string' || /^-?\d/.test(json);
}

function add(a: number | bigint, b: number | bigint): number | bigint {
  return typeof a === 'bigint' && typeof b === 'bigint' ? a + b : Number(a) + Number(b);
}

function isCollection(value: unknown): boolean {
  return Array.isArray(value) || value instanceof Set || value instanceof Map;
}

function unite(older: unknown, newer: unknown): unknown {
  if (newer instanceof Set) return new Set([...(older as Set<unknown>), ...newer]);
  if (newer instanceof Map) return new Map([...(older as Map<unknown, unknown>), ...newer]);
  const seen = new Set<string>();
  const united: unknown[] = [];
  for (const item of [...(older as unknown[]), ...(newer as unknown[])]) {
    const name = nameOf(item);
    if (seen.has(name)) continue;
    seen.add(name);
    united.push(item);
  }
  return united;
}

/** Equal for equal items. */
function nameOf(item: unknown): string {
  return JSON.stringify(item, (_, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value)) ?? 'undefined';
}
