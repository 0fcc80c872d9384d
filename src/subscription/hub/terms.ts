/** From a Subscribe, as it came, to what the server grants: refused where it cannot be, with a sentence that says why. */
import {
  Conflate_Overflow,
  Conflate_When,
  type Effective,
  Mode,
  type Conflate as ProtoConflate,
  type Subscribe,
  Subscribe_Scope,
} from '../../../gen/hawser/subscription/v1/subscription.js';
import { ownError } from '../../call/own-error.js';
import type { RpcError } from '../../call/rpc-error.js';
import { acceptedBy, type ConflateWhen, type DeliveryMode, type TopicDeclaration } from './declaration.js';
import { type HubLimits, maxKeyBytes } from './limits.js';
import type { Overflow } from './overflow.js';
import type { Accepted } from './recovery.js';
import type { Keys } from './view.js';

/** What the subscriber asked for, as far as the server grants it. */
export interface Terms {
  readonly accept: ReadonlySet<Accepted>;
  readonly mode: DeliveryMode;
  /** When updates of a key are conflated; NEVER in EVERY. */
  when: ConflateWhen;
  overflow: Overflow;
  readonly priority: number;
  readonly durableName: string;
}

const modes: Readonly<Record<number, DeliveryMode>> = {
  [Mode.EVERY]: 'EVERY',
  [Mode.LATEST]: 'LATEST',
  [Mode.MERGE]: 'MERGE',
};
const whens: Readonly<Record<number, ConflateWhen>> = {
  [Conflate_When.ON_PRESSURE]: 'ON_PRESSURE',
  [Conflate_When.ALWAYS]: 'ALWAYS',
  [Conflate_When.NEVER]: 'NEVER',
};
const overflows: Readonly<Record<number, Overflow>> = {
  [Conflate_Overflow.UNSPECIFIED]: 'BY_ACCEPT',
  [Conflate_Overflow.GAP]: 'GAP',
  [Conflate_Overflow.UNSUBSCRIBE]: 'UNSUBSCRIBE',
  [Conflate_Overflow.DISCONNECT]: 'DISCONNECT',
};
const outcomes: readonly (Accepted | undefined)[] = [undefined, undefined, 'REPLAY', 'CONFLATED', 'RESET', 'GAP'];

/** Throws an RpcError INVALID_ARGUMENT. */
export function termsOf(subscribe: Subscribe, declaration: TopicDeclaration): Terms {
  const mode = subscribe.mode === Mode.UNSPECIFIED ? declaration.mode : modes[subscribe.mode];
  if (mode === undefined) throw invalid('MODE', `there is no mode ${subscribe.mode}`);
  if (mode !== 'EVERY' && declaration.keyOf === undefined) {
    throw invalid('MODE', `${declaration.name} has no keys, so its updates come in the mode EVERY`);
  }
  if (mode === 'MERGE' && declaration.merge === undefined) {
    throw invalid('MODE', `${declaration.name} does not say how its updates are merged; subscribe in EVERY or LATEST`);
  }
  const accept = new Set<Accepted>();
  for (const outcome of subscribe.accept) {
    const accepted = outcomes[outcome];
    if (accepted !== undefined) accept.add(accepted);
  }
  return {
    accept: subscribe.accept.length === 0 ? acceptedBy(declaration.recovery) : accept,
    mode,
    priority: subscribe.priority,
    durableName: subscribe.durableName,
    ...conflateOf(subscribe.conflate, mode, declaration.conflation),
  };
}

/**
 * Whether what a subscriber holds must be a state of what it is shown. One that takes every update and accepts no reset follows the
 * log: it is shown what it may see when that is sent, and goes on.
 */
export function holdsState({ mode, accept }: Pick<Terms, 'accept' | 'mode'>, keyed: boolean): boolean {
  return keyed && (mode !== 'EVERY' || accept.has('RESET'));
}

/** Throws an RpcError INVALID_ARGUMENT. */
export function conflateOf(
  conflate: ProtoConflate | undefined,
  mode: DeliveryMode,
  declared: ConflateWhen,
): Pick<Terms, 'when' | 'overflow'> {
  const asked = conflate?.when ?? Conflate_When.UNSPECIFIED;
  const when = asked === Conflate_When.UNSPECIFIED ? declared : whens[asked];
  const overflow = overflows[conflate?.overflow ?? Conflate_Overflow.UNSPECIFIED];
  if (when === undefined || overflow === undefined) throw invalid('CONFLATE', 'there is no such way to conflate');
  return { when: mode === 'EVERY' ? 'NEVER' : when, overflow };
}

/** What a Subscribe names: a client that does not say how it is meant means all keys where it names none. Throws as `namedKeys`. */
export function keysOf(
  { keys, scope = Subscribe_Scope.UNSPECIFIED }: Pick<Subscribe, 'keys' | 'scope'>,
  declaration: TopicDeclaration,
  limits: HubLimits,
): Keys {
  switch (scope) {
    case Subscribe_Scope.UNSPECIFIED:
      return keys.length === 0 ? 'all' : namedKeys(keys, declaration, limits);
    case Subscribe_Scope.ALL:
      if (keys.length > 0)
        throw invalid('KEYS', `all keys are asked for, and ${keys.length} are named; say one of both`);
      return 'all';
    case Subscribe_Scope.NAMED:
      return namedKeys(keys, declaration, limits);
    default:
      throw invalid('KEYS', `there is no scope ${scope}`);
  }
}

/** Nothing where none are named. Throws an RpcError INVALID_ARGUMENT. */
export function namedKeys(
  keys: Iterable<string>,
  declaration: TopicDeclaration,
  limits: HubLimits,
): ReadonlySet<string> {
  if (declaration.keyOf === undefined) throw invalid('KEYS', `${declaration.name} has no keys; leave them out`);
  const set = new Set(keys);
  if (set.size > limits.maxKeys) {
    throw invalid('KEYS', `${set.size} keys are more than one subscription may name (${limits.maxKeys}); use several`);
  }
  for (const key of set) {
    if (Buffer.byteLength(key) > maxKeyBytes) {
      throw invalid('KEYS', `a key has ${Buffer.byteLength(key)} bytes, more than ${maxKeyBytes}`);
    }
  }
  return set;
}

export function effectiveOf({ mode, when, overflow }: Terms, minInterval: number, maxBps: number): Effective {
  return {
    mode: Mode[mode],
    conflate: {
      when: Conflate_When[when],
      overflow: Conflate_Overflow[overflow === 'BY_ACCEPT' ? 'UNSPECIFIED' : overflow],
    },
    minIntervalMs: minInterval,
    maxBps,
  };
}

export function invalid(what: 'CONFLATE' | 'KEYS' | 'MODE', message: string): RpcError {
  return ownError(`INVALID_${what}`, message, { code: 'INVALID_ARGUMENT', disposition: 'not-executed' });
}
