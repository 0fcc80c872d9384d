/**
 * What holds for a method, and who said so: code before IDL, the method before its service,
 * then the default. One place for the client that keeps it and for `hawser explain` that prints it.
 */
import { type Code, isCode } from '../contract/code.js';
import { type Duration, duration, milliseconds } from '../contract/duration.js';
import { type MethodType, streamsRequest, streamsResponse } from '../contract/method.js';
import { knownOptions, shown } from '../contract/option-names.js';
import type { HedgePolicy, Idempotency } from '../contract/policy.js';
import type { ServiceType } from '../contract/service.js';
import { neverRepeated } from './retry-rules.js';

export interface RetryOptions {
  /** Attempts of one call, the first included: 1 to 5. Default 3. */
  readonly maxAttempts?: number;
  /** The first wait is a random part of this. Default 50 ms; 1 s when the server said that it is overloaded. */
  readonly initialBackoff?: Duration;
  /** Waits double up to this. Default 5 s. */
  readonly maxBackoff?: Duration;
  /** Codes that are repeated where the method allows it. Default UNAVAILABLE. */
  readonly codes?: readonly Code[];
}

export interface HedgeOptions {
  /** A copy goes out when there is no answer after this; or after `percentile` of the answers so far. */
  readonly delay?: Duration;
  /** Above 0, below 100; heeded once there are 30 answers. */
  readonly percentile?: number;
  /** Copies of one call, the first included: 2 or 3. Default 2. */
  readonly maxCopies?: number;
}

/** What code may say of one method. */
export interface MethodOptions {
  /** Deadline of a call that is given none: ms or `"2s"`. Of a stream only where it is said of its method. */
  readonly timeout?: Duration;
  /** Bound of one attempt. */
  readonly attemptTimeout?: Duration;
  readonly idempotency?: Idempotency;
  /** `false`: every call is one attempt. */
  readonly retry?: RetryOptions | false;
  readonly hedge?: HedgeOptions | false;
}

export interface PolicyOptions extends Omit<MethodOptions, 'idempotency'> {
  /** By the method's name in TypeScript; goes before what is said for all. */
  readonly methods?: Readonly<Record<string, MethodOptions>>;
}

export type PolicySource = 'client option of the method' | 'client option' | 'method' | 'service' | 'default';

export interface Held<T> {
  readonly value: T;
  readonly source: PolicySource;
}

/** Durations in ms. */
export interface EffectivePolicy {
  /** Infinity for a stream whose own method does not say otherwise. */
  readonly timeout: Held<number>;
  readonly attemptTimeout: Held<number | undefined>;
  readonly idempotency: Held<Idempotency>;
  readonly maxAttempts: Held<number>;
  readonly initialBackoff: Held<number>;
  readonly maxBackoff: Held<number>;
  readonly codes: Held<readonly Code[]>;
  readonly hedge: Held<HedgePolicy | undefined>;
}

/** ms; for a unary call of which neither the caller nor the IDL says otherwise. */
export const defaultTimeout = 30_000;
export const retryDefaults = { maxAttempts: 3, initialBackoff: 50, maxBackoff: 5_000, codes: ['UNAVAILABLE'] } as const;
export const mostAttempts = 5;

/** Methods that may run twice for one call. KEYED ones only when the call carries its key. */
export const repeatable: readonly Idempotency[] = ['NO_SIDE_EFFECTS', 'IDEMPOTENT', 'KEYED'];

/** What of a method its policy follows from. */
export interface Governed extends Pick<MethodType, 'kind' | 'localName' | 'policy'> {
  readonly service: Pick<ServiceType, 'policy'>;
}

type Layer = readonly [PolicySource, Partial<PlainPolicy> | undefined];

/** One layer, in ms, `retry: false` as one attempt. */
interface PlainPolicy {
  readonly timeout: number | undefined;
  readonly attemptTimeout: number | undefined;
  readonly idempotency: Idempotency | undefined;
  readonly maxAttempts: number | undefined;
  readonly initialBackoff: number | undefined;
  readonly maxBackoff: number | undefined;
  readonly codes: readonly Code[] | undefined;
  /** null: none */
  readonly hedge: HedgePolicy | null | undefined;
}

/**
 * Throws a TypeError or RangeError that names the option for what cannot be meant. `options` are those
 * that `checkPolicyOptions` has let through.
 */
export function effectivePolicy(method: Governed, options: PolicyOptions = {}): EffectivePolicy {
  const streams = streamsRequest(method.kind) || streamsResponse(method.kind);
  const methods = options.methods ?? {};
  const own = Object.hasOwn(methods, method.localName) ? methods[method.localName] : undefined;
  const layers: Layer[] = [
    ['client option of the method', own && plain(own, `methods.${method.localName}.`)],
    ['client option', plain(options, '')],
    ['method', { ...method.policy, ...method.policy.retry }],
    ['service', { ...method.service.policy, ...method.service.policy.retry }],
  ];
  const held = <K extends keyof PlainPolicy, D>(key: K, fallback: D): Held<Exclude<PlainPolicy[K], undefined> | D> => {
    for (const [source, layer] of layers) {
      // Said for all methods, a timeout means those that are answered once: a stream ends when it has to.
      if (key === 'timeout' && streams && (source === 'client option' || source === 'service')) continue;
      const value = layer?.[key];
      if (value !== undefined) return { value: value as Exclude<PlainPolicy[K], undefined>, source };
    }
    return { value: fallback, source: 'default' };
  };
  const idempotency = held('idempotency', 'NONE' as Idempotency);
  const hedge = held('hedge', undefined);
  // A copy of a call that may not run twice is never sent, whoever asked for it.
  const hedged =
    method.kind === 'unary' && repeatable.includes(idempotency.value) ? (hedge.value ?? undefined) : undefined;
  return {
    timeout: held('timeout', streams ? Number.POSITIVE_INFINITY : defaultTimeout),
    attemptTimeout: held('attemptTimeout', undefined),
    idempotency,
    maxAttempts: capped(held('maxAttempts', retryDefaults.maxAttempts)),
    initialBackoff: held('initialBackoff', retryDefaults.initialBackoff),
    maxBackoff: held('maxBackoff', retryDefaults.maxBackoff),
    codes: held('codes', retryDefaults.codes as readonly Code[]),
    hedge: { value: hedged, source: hedge.source },
  };
}

/** Whatever an IDL says, a call is never sent more than five times. */
function capped(held: Held<number>): Held<number> {
  return held.value <= mostAttempts ? held : { ...held, value: mostAttempts };
}

function plain(options: MethodOptions, prefix: string): PlainPolicy {
  const { retry, hedge } = options;
  const ms = (value: Duration | undefined, name: string): number | undefined =>
    value === undefined ? undefined : milliseconds(value, `${prefix}${name}`);
  const steps = retry === false ? { maxAttempts: 1 } : (retry ?? {});
  return {
    timeout: ms(options.timeout, 'timeout'),
    attemptTimeout: ms(options.attemptTimeout, 'attemptTimeout'),
    idempotency: options.idempotency,
    maxAttempts: steps.maxAttempts,
    initialBackoff: ms(steps.initialBackoff, 'retry.initialBackoff'),
    maxBackoff: ms(steps.maxBackoff, 'retry.maxBackoff'),
    codes: steps.codes,
    hedge: hedge === false ? null : hedge && plainHedge(hedge, prefix),
  };
}

function plainHedge({ delay, percentile, maxCopies }: HedgeOptions, prefix: string): HedgePolicy {
  return {
    ...(delay === undefined ? {} : { delay: milliseconds(delay, `${prefix}hedge.delay`) }),
    ...(percentile === undefined ? {} : { percentile }),
    ...(maxCopies === undefined ? {} : { maxCopies }),
  };
}

/** Throws a TypeError or RangeError, one sentence that names the option and its limit, for what cannot be meant. */
export function checkPolicyOptions(service: ServiceType, options: PolicyOptions): void {
  checkLayer(options, '');
  const { methods = {} } = options;
  if (typeof methods !== 'object' || methods === null) {
    throw new TypeError(`methods is ${shown(methods)}; it is an object with options for each method, by its name`);
  }
  for (const [name, own] of Object.entries(methods)) {
    const method = Object.hasOwn(service.methods, name) ? service.methods[name] : undefined;
    if (method === undefined) {
      throw new TypeError(
        `methods.${name} is no method of ${service.name}; its methods are ${Object.keys(service.methods).join(', ')}`,
      );
    }
    checkMethodNames(own, `methods.${name}`);
    checkLayer(own, `methods.${name}.`);
    const { idempotency } = effectivePolicy(method, options);
    if (own.hedge && (method.kind !== 'unary' || !repeatable.includes(idempotency.value))) {
      throw new TypeError(
        `methods.${name}.hedge: ${method.path} is ${method.kind === 'unary' ? `${idempotency.value}, so a second copy could do harm` : 'a stream'}; only a unary method that is NO_SIDE_EFFECTS, IDEMPOTENT or KEYED is sent twice`,
      );
    }
  }
  if (
    options.hedge &&
    !Object.values<MethodType>(service.methods).some((one) => effectivePolicy(one, options).hedge.value)
  ) {
    throw new TypeError(
      `hedge: no method of ${service.name} may be sent twice; say idempotency NO_SIDE_EFFECTS, IDEMPOTENT or KEYED of a unary method in the IDL, or in methods.<name>.idempotency`,
    );
  }
}

const checkMethodNames = knownOptions<MethodOptions>({
  timeout: true,
  attemptTimeout: true,
  idempotency: true,
  retry: true,
  hedge: true,
});

const checkRetryNames = knownOptions<RetryOptions>({
  maxAttempts: true,
  initialBackoff: true,
  maxBackoff: true,
  codes: true,
});

const checkHedgeNames = knownOptions<HedgeOptions>({ delay: true, percentile: true, maxCopies: true });

function checkLayer(options: MethodOptions, prefix: string): void {
  const { timeout, attemptTimeout, idempotency, retry, hedge } = options;
  const total = duration(timeout, `${prefix}timeout`);
  const each = duration(attemptTimeout, `${prefix}attemptTimeout`);
  if (total !== undefined && each !== undefined && each > total) {
    throw new RangeError(
      `${prefix}attemptTimeout (${each} ms) is longer than ${prefix}timeout (${total} ms), so it would never end an attempt`,
    );
  }
  if (idempotency !== undefined && idempotency !== 'NONE' && !repeatable.includes(idempotency)) {
    throw new TypeError(`${prefix}idempotency is ${JSON.stringify(idempotency)}; it is NONE, ${repeatable.join(', ')}`);
  }
  if (retry !== undefined && retry !== false) checkRetry(retry, `${prefix}retry`);
  if (hedge !== undefined && hedge !== false) checkHedge(hedge, `${prefix}hedge`);
}

function checkRetry(retry: RetryOptions, name: string): void {
  if (typeof retry !== 'object' || retry === null) {
    throw new TypeError(`${name} is ${shown(retry)}; it is an object such as { maxAttempts: 3 }, or false`);
  }
  checkRetryNames(retry, name);
  const { maxAttempts, initialBackoff, maxBackoff, codes } = retry;
  if (
    maxAttempts !== undefined &&
    !(Number.isInteger(maxAttempts) && maxAttempts >= 1 && maxAttempts <= mostAttempts)
  ) {
    throw new RangeError(
      `${name}.maxAttempts is ${shown(maxAttempts)}; it counts the first attempt too and is 1 to ${mostAttempts}`,
    );
  }
  const first = duration(initialBackoff, `${name}.initialBackoff`) ?? retryDefaults.initialBackoff;
  const most = duration(maxBackoff, `${name}.maxBackoff`) ?? Math.max(first, retryDefaults.maxBackoff);
  if (first > most) {
    throw new RangeError(`${name}.initialBackoff (${first} ms) is longer than ${name}.maxBackoff (${most} ms)`);
  }
  if (codes === undefined) return;
  if (!Array.isArray(codes)) throw new TypeError(`${name}.codes is a list of codes such as ['UNAVAILABLE']`);
  if (codes.length === 0) {
    throw new TypeError(`${name}.codes is empty, so nothing would be repeated; leave it out, or say retry: false`);
  }
  for (const code of codes as readonly string[]) {
    if (!isCode(code)) throw new TypeError(`${name}.codes names ${JSON.stringify(code)}, which is no gRPC status code`);
    if (neverRepeated.has(code)) {
      throw new TypeError(`${name}.codes names ${code}, which no repetition mends`);
    }
  }
}

function checkHedge(hedge: HedgeOptions, name: string): void {
  if (typeof hedge !== 'object' || hedge === null) {
    throw new TypeError(`${name} is ${shown(hedge)}; it is an object such as { delay: '50ms' }, or false`);
  }
  checkHedgeNames(hedge, name);
  const { delay, percentile, maxCopies } = hedge;
  if ((delay === undefined) === (percentile === undefined)) {
    throw new TypeError(`${name} takes either a delay or a percentile, to say when a copy is sent`);
  }
  if (delay !== undefined && milliseconds(delay, `${name}.delay`) > 0) duration(delay, `${name}.delay`);
  if (percentile !== undefined && !(typeof percentile === 'number' && percentile > 0 && percentile < 100)) {
    throw new RangeError(`${name}.percentile is ${shown(percentile)}; it is above 0 and below 100`);
  }
  if (maxCopies !== undefined && !(Number.isInteger(maxCopies) && maxCopies >= 2 && maxCopies <= 3)) {
    throw new RangeError(`${name}.maxCopies is ${shown(maxCopies)}; it counts the first copy too and is 2 or 3`);
  }
}
