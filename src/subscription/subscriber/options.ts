/** What `subscribe()` may be told, and the check of it. */
import { type Duration, milliseconds } from '../../contract/duration.js';
import { abortSignal, flag, func, group, list, oneOf, text } from '../../contract/option-kinds.js';
import { knownOptions, shown } from '../../contract/option-names.js';
import type { TopicPolicy } from '../../contract/policy.js';
import { epochBytes, type Position } from '../position.js';
import { type Accepted, acceptedBy, type Recovery, type StartAt } from './recovery.js';
import type { ConflateName, ModeName, OverflowName, SubscriptionSpec } from './spec.js';
import type { Trace } from './trace.js';

/** Where a subscription begins. By default with a snapshot where the topic has keys, else at its head. */
export type From =
  /** The newest value of each key, then what is published. */
  | 'snapshot'
  /** What is published from now on. */
  | 'head'
  /** After what was committed under `name`. */
  | 'committed'
  /** This update and what follows it. */
  | { readonly seq: number }
  /** What was published then or later, as far as the log reaches back; ms since the Unix epoch, or a Date. */
  | { readonly time: number | Date }
  /** The last so many updates, as far as the log reaches back. */
  | { readonly last: number }
  /** After this position. */
  | { readonly position: Position };

export interface SubscribeOptions {
  readonly from?: From;
  /** What is put up with when not all can be had; what the topic's recovery says by default. */
  readonly accept?: readonly Accepted[];
  /** How updates come; as the topic is declared by default. */
  readonly mode?: ModeName;
  readonly conflate?: ConflateName;
  /** What happens when a subscriber that does not conflate falls behind what the log keeps. */
  readonly overflow?: OverflowName;
  /** Between two batches at least: ms or `"2s"`. */
  readonly minInterval?: Duration;
  /** Bytes of values a second at most. */
  readonly maxBps?: number;
  /** Updates, and bytes of their values, that may wait for the reader here. 1,024 and 1 MiB by default. */
  readonly credit?: { readonly updates?: number; readonly bytes?: number };
  /** The name that commits are kept under. */
  readonly name?: string;
  /** What is shed first (0, the default) and last. */
  readonly priority?: number;
  /** `false`: nobody iterates the changes; `replica()` and the events are all that is wanted. */
  readonly changes?: boolean;
  /** What the replica may hold: 1,000,000 keys and 256 MiB by default. More fails the subscription. */
  readonly maxKeys?: number;
  readonly maxBytes?: number;
  /**
   * An update that does not decode, as an older log may hold it: `stop` (the default) fails the subscription; `skip` goes on without
   * it, and tells of it by the event `malformed`, by the client's event of that name, in the log and in a metric.
   */
  readonly onMalformed?: 'stop' | 'skip';
  /** Ends the subscription. */
  readonly signal?: AbortSignal;
  /** Hears every step, for tools that check them. */
  readonly trace?: Trace;
}

const defaults = { updates: 1024, bytes: 1 << 20, maxKeys: 1_000_000, maxBytes: 256 << 20 };
const names = ['REPLAY', 'CONFLATED', 'RESET', 'GAP'];
const largest = 2 ** 31 - 1;

type Credit = NonNullable<SubscribeOptions['credit']>;

/** Throws a TypeError for an option that there is not, or is of another kind. */
const checkSubscribeOptions = knownOptions<SubscribeOptions>({
  from: true,
  accept: list,
  mode: oneOf('EVERY', 'LATEST', 'MERGE'),
  conflate: oneOf('ON_PRESSURE', 'ALWAYS', 'NEVER'),
  overflow: oneOf('GAP', 'UNSUBSCRIBE', 'DISCONNECT'),
  minInterval: true,
  maxBps: true,
  credit: group(knownOptions<Credit>({ updates: true, bytes: true })),
  name: text,
  priority: true,
  changes: flag,
  maxKeys: true,
  maxBytes: true,
  onMalformed: oneOf('stop', 'skip'),
  signal: abortSignal,
  trace: func,
});

/** Throws a TypeError or RangeError that names the option. */
export function specOf(
  topic: string,
  policy: TopicPolicy,
  keys: readonly string[] | 'all',
  options: SubscribeOptions,
): SubscriptionSpec {
  checkSubscribeOptions(options, 'subscribe', '');
  const { credit = {}, accept, mode, conflate, overflow } = options;
  for (const key of keys === 'all' ? [] : keys) {
    if (typeof key !== 'string') throw new TypeError(`the keys of ${topic} are strings, not ${typeof key}`);
  }
  const unknown = accept?.find((one) => !names.includes(one));
  if (unknown !== undefined)
    throw new TypeError(`accept holds ${JSON.stringify(unknown)}; it is a list of ${names.join(', ')}`);
  if (accept?.length === 0) throw new TypeError(`accept is empty; name some of ${names.join(', ')}, or leave it out`);
  const name = options.name ?? '';
  if (options.from === 'committed' && name === '') {
    throw new TypeError(
      'from is "committed", and there is no name; give the name that the position was committed under',
    );
  }
  const recovery: Recovery = policy.recovery ?? (policy.key === undefined ? 'GAP' : 'CONVERGENT');
  return {
    topic,
    keys,
    start: startOf(options.from),
    accept: accept ?? (policy.recovery === undefined ? acceptedBy[recovery] : undefined),
    recovery,
    mode,
    conflate,
    overflow,
    minInterval: Math.ceil(whole('minInterval', milliseconds(options.minInterval ?? 0, 'minInterval'), 0)),
    maxBps: whole('maxBps', options.maxBps ?? 0, 0),
    credit: {
      updates: whole('credit.updates', credit.updates ?? defaults.updates, 1),
      bytes: whole('credit.bytes', credit.bytes ?? defaults.bytes, 1),
    },
    durableName: name,
    priority: whole('priority', options.priority ?? 0, 0),
    changes: options.changes ?? true,
    maxKeys: whole('maxKeys', options.maxKeys ?? defaults.maxKeys, 1),
    maxBytes: whole('maxBytes', options.maxBytes ?? defaults.maxBytes, 1),
  };
}

function startOf(from: From | undefined): StartAt {
  if (from === undefined) return { kind: 'default' };
  if (from === 'snapshot' || from === 'head' || from === 'committed') return { kind: from };
  if (typeof from !== 'object' || from === null) {
    throw new TypeError(
      `from is ${shown(from)}; it is "snapshot", "head", "committed", or an object with seq, time, last or position`,
    );
  }
  const given = ['seq', 'last', 'time', 'position'].filter((one) => one in from);
  if (given.length > 1) throw new TypeError(`from has ${given.join(' and ')}; say one of them`);
  if ('seq' in from) return { kind: 'seq', seq: number('from.seq', from.seq, 1) };
  if ('last' in from) return { kind: 'last', count: whole('from.last', from.last, 0) };
  if ('time' in from) return { kind: 'time', time: number('from.time', Number(from.time), 0) };
  if ('position' in from) return { kind: 'resume', position: checkPosition(from.position) };
  throw new TypeError('from has none of seq, time, last and position');
}

/** Throws a TypeError. */
export function checkPosition({ epoch, seq, generation }: Position): Position {
  if (typeof epoch !== 'string' || !/^[0-9a-f]+$/.test(epoch) || epoch.length !== epochBytes * 2) {
    throw new TypeError(`the epoch of a position is ${epochBytes} bytes in hex, not ${JSON.stringify(epoch)}`);
  }
  if (generation !== undefined && !(typeof generation === 'string' && /^[0-9a-f]{16}$/.test(generation))) {
    throw new TypeError(`the generation of a position is 8 bytes in hex, not ${JSON.stringify(generation)}`);
  }
  return { epoch, seq: number('the seq of a position', seq, 0), generation };
}

function number(name: string, value: number, least: number): number {
  if (!Number.isSafeInteger(value) || value < least)
    throw new RangeError(`${name} is ${shown(value)}; it is a whole number from ${least} to 2^53-1`);
  return value;
}

function whole(name: string, value: number, least: number): number {
  if (!Number.isFinite(value) || value < least || value > largest) {
    throw new RangeError(`${name} is ${shown(value)}; it is a number from ${least} to ${largest}`);
  }
  return value;
}
