/** What a subscription asks for otherwise from now on: the spec that it has then, and the frame that tells the server. */
import { Subscribe_Scope } from '../../../gen/hawser/subscription/v1/subscription.js';
import type { Sent } from './host.js';
import { amendFrame } from './names.js';
import { conflateFrame, type SubscriptionSpec } from './spec.js';

export interface Amendment {
  readonly minInterval?: number;
  readonly maxBps?: number;
  /** These in the place of those before; nothing when empty. */
  readonly keys?: readonly string[] | 'all';
  /** Of a subscription to all keys: only these from now on. */
  readonly keysAdd?: readonly string[];
  /** Without its last key a subscription gets nothing. */
  readonly keysRemove?: readonly string[];
  readonly conflate?: SubscriptionSpec['conflate'];
  readonly overflow?: SubscriptionSpec['overflow'];
}

/** Throws a TypeError for keys that cannot be meant. */
export function amended(spec: SubscriptionSpec, change: Amendment): SubscriptionSpec {
  return {
    ...spec,
    keys: keysAfter(spec, change),
    minInterval: change.minInterval ?? spec.minInterval,
    maxBps: change.maxBps ?? spec.maxBps,
    conflate: change.conflate ?? spec.conflate,
    overflow: change.overflow ?? spec.overflow,
  };
}

function keysAfter({ keys: before, topic }: SubscriptionSpec, change: Amendment): SubscriptionSpec['keys'] {
  const { keys, keysAdd = [], keysRemove = [] } = change;
  for (const list of [keys, keysAdd, keysRemove]) {
    if (list === 'all' && list === keys) continue;
    if (list === undefined || (Array.isArray(list) && list.every((key) => typeof key === 'string'))) continue;
    throw new TypeError(`keys of ${topic} are a list of strings, not ${JSON.stringify(list)}`);
  }
  if (keys !== undefined) {
    if (keysAdd.length + keysRemove.length > 0) throw new TypeError('amend takes keys, or keysAdd and keysRemove');
    return keys === 'all' ? keys : [...new Set(keys)];
  }
  if (!changesView(change)) return before;
  const after = new Set([...(before === 'all' ? [] : before), ...keysAdd]);
  for (const key of keysRemove) after.delete(key);
  if (before === 'all' && after.size === 0) {
    throw new TypeError(
      `the subscription is to all keys of ${topic}, of which none can be taken; name those that are wanted: amend({ keys: [...] })`,
    );
  }
  return [...after];
}

/** Other keys are another view: what is held is no state of it. */
export function changesView({ keys, keysAdd = [], keysRemove = [] }: Amendment): boolean {
  return keys !== undefined || keysAdd.length + keysRemove.length > 0;
}

/** `spec` as it is with the change: the two sides of conflation travel together. */
export function amendmentFrame(sub: number, change: Amendment, spec: SubscriptionSpec, request: number): Sent {
  const { minInterval, maxBps, keys, keysAdd = [], keysRemove = [], conflate, overflow } = change;
  return amendFrame(sub, {
    minIntervalMs: minInterval,
    maxBps,
    keysAdd: keys === undefined || keys === 'all' ? [...keysAdd] : [...keys],
    keysRemove: [...keysRemove],
    scope: keys === undefined ? undefined : keys === 'all' ? Subscribe_Scope.ALL : Subscribe_Scope.NAMED,
    request,
    conflate: conflate === undefined && overflow === undefined ? undefined : conflateFrame(spec),
  });
}

/** Changes of keys that the server may still refuse, kept. */
const most = 64;

/** The changes of keys that were sent, so that one that is refused can be taken back whatever came after it. */
export class Amendments {
  readonly #sent = new Map<
    number,
    { readonly added: readonly string[]; readonly removed: readonly string[]; readonly all: boolean }
  >();
  #last = 0;

  /** That are not known to be refused. */
  get open(): number {
    return this.#sent.size;
  }

  /** The number of the change from `before` to `after`. */
  add(before: SubscriptionSpec['keys'], after: SubscriptionSpec['keys']): number {
    const request = ++this.#last;
    if (before === after) return request;
    const had: readonly string[] = before === 'all' ? [] : before;
    const has: readonly string[] = after === 'all' ? [] : after;
    const added = has.filter((key) => !had.includes(key));
    const removed = had.filter((key) => !has.includes(key));
    this.#sent.set(request, { added, removed, all: before === 'all' });
    if (this.#sent.size > most) this.#sent.delete(this.#sent.keys().next().value as number);
    return request;
  }

  /** `keys` without the change; undefined where it changed none. */
  refused(request: number, keys: SubscriptionSpec['keys']): SubscriptionSpec['keys'] | undefined {
    const change = this.#sent.get(request);
    if (change === undefined) return undefined;
    this.#sent.delete(request);
    if (change.all) return 'all';
    const rest = new Set([...(keys === 'all' ? [] : keys), ...change.removed]);
    for (const key of change.added) rest.delete(key);
    return [...rest];
  }
}
