/** From the method that declares a topic to what the hub needs of it: the policy with its defaults, the key, the merge. */
import type { Codec } from '../contract/codec.js';
import type { MethodType } from '../contract/method.js';
import type { TopicDeclaration } from './hub/declaration.js';
import { mergeFunction } from './merge.js';
import { encodingOf, requestOf, topicName } from './topic-name.js';

/** What a topic keeps when the IDL does not say. */
const defaultCount = 10_000;
/** Bytes of values that the log of one topic holds at most. */
const mostBytes = 64 * 1024 * 1024;

export type Merge<T = unknown> = (older: T, newer: T) => T;

/** `custom` is the function of a topic whose merge is CUSTOM. Throws a TypeError when there is none. */
export function declarationOf(method: MethodType, custom?: Merge): TopicDeclaration {
  const policy = method.policy.topic ?? {};
  const name = `${method.service.name}/${method.name}`;
  const key = policy.key === '' ? undefined : (method.topicKey ?? policy.key);
  const mode = policy.mode ?? (key === undefined ? 'EVERY' : 'LATEST');
  const { historyCount, historyAge } = policy;
  const read = (value: Uint8Array): unknown => method.response.decode(value, encodingOf(method));
  return {
    name,
    mode,
    conflation: policy.conflation ?? 'ON_PRESSURE',
    recovery: policy.recovery ?? (key === undefined ? 'GAP' : 'CONVERGENT'),
    history: {
      count: historyCount ?? defaultCount,
      age: historyAge ?? Number.POSITIVE_INFINITY,
      bytes: mostBytes,
    },
    durability: policy.durability ?? 'NONE',
    tombstones: historyCount ?? defaultCount,
    maxKeys: 1_000_000,
    ...(key === undefined ? { check: (value: Uint8Array) => void read(value) } : {}),
    keyOf: key === undefined ? undefined : (value) => keyOfUpdate(read(value), key),
    merge: mode === 'MERGE' ? mergeOf(method, key, custom) : undefined,
    takes: (parameters) => takes(method, name, parameters),
  };
}

/** A key as it travels: a text as it is; numbers, bools and enums as they are written. */
export function keyOfUpdate(update: unknown, property: string): string {
  const key = (update as Record<string, unknown>)[property];
  return key === undefined || key === null ? '' : String(key);
}

function mergeOf(method: MethodType, key: string | undefined, custom: Merge | undefined): TopicDeclaration['merge'] {
  const name = method.policy.topic?.merge ?? 'LAST';
  const codec: Codec<unknown> = method.response;
  const merge = custom ?? mergeFunction(name, codec, key);
  if (merge === undefined) {
    throw new TypeError(
      `the topic of ${method.path} is merged by a function of yours (CUSTOM): server.topic(${method.localName}).mergeWith((older, newer) => ...) before listen()`,
    );
  }
  const encoding = encodingOf(method);
  return (values) => {
    const decoded = values.map((value) => codec.decode(value, encoding));
    return codec.encode(decoded.reduce(merge), encoding);
  };
}

/** Whether parameters are written as `topicName` writes them, so that one request is one topic. */
function takes(method: MethodType, name: string, parameters: string): boolean {
  if (parameters === '') return true;
  if (parameters.length > 4096) return false;
  try {
    return topicName(method, requestOf(method, parameters) as object) === `${name}?${parameters}`;
  } catch {
    return false;
  }
}
