/**
 * What one caller may have open at a server at once: streams, and calls of the hooks that decide about it. Counted for its
 * principal, or for its address before and without one, over all connections and all wires.
 */
import type { Interceptor } from '../call/interceptor.js';
import { connectionOf, ownerOf } from '../call/owner.js';
import { Shares } from '../call/shares.js';
import { streamsRequest, streamsResponse } from '../contract/method.js';
import { knownOptions, shown } from '../contract/option-names.js';
import { isHealth } from '../interceptors/admission/health.js';
import type { Authenticate } from '../interceptors/authenticate.js';
import type { Authorize } from '../interceptors/authorize.js';

export interface CallerLimits {
  /** Streams that one caller has open, whatever their methods; 10,000 by default. */
  readonly maxStreamsPerCaller?: number;
  /** Calls of `authenticate` and of `authorize` that have not answered for one caller, each; 10,000 by default. */
  readonly maxHookCallsPerCaller?: number;
}

export const defaultCallerLimits: Required<CallerLimits> = {
  maxStreamsPerCaller: 10_000,
  maxHookCallsPerCaller: 10_000,
};

const checkNames = knownOptions<CallerLimits>({ maxStreamsPerCaller: true, maxHookCallsPerCaller: true });

/** Throws a TypeError or RangeError that names the option for what cannot be meant. */
export function checkCallerLimits(given: unknown, where: string): void {
  checkNames(given, where);
  for (const [name, value] of Object.entries(given as CallerLimits)) {
    if (value === undefined || (Number.isSafeInteger(value) && value >= 1)) continue;
    throw new RangeError(`${where}.${name} is ${shown(value)}; it must be a whole number of at least 1`);
  }
}

/** Server, after `authenticate`. Health has bounds of its own, so that probes are never shut out by another's streams. */
export function streamShares({
  maxStreamsPerCaller: most = defaultCallerLimits.maxStreamsPerCaller,
}: CallerLimits): Interceptor {
  const shares = new Shares({
    most,
    what: 'streams open',
    option: 'limits.maxStreamsPerCaller',
    reason: 'TOO_MANY_STREAMS_OF_CALLER',
  });
  return (method, next) => {
    if ((!streamsRequest(method.kind) && !streamsResponse(method.kind)) || isHealth(method)) return next;
    return (call) => {
      const { address } = call.peer;
      const owner = ownerOf(call.principal, address);
      const connection = connectionOf(address);
      try {
        shares.take(owner, 1, connection);
      } catch (error) {
        return Promise.reject(error);
      }
      call.onFinish(() => shares.give(owner, 1, connection));
      return next(call);
    };
  };
}

/** The hooks, with their calls counted. A caller with too many is refused before the hook is asked. */
export class HookShares {
  readonly #most: number;

  constructor({ maxHookCallsPerCaller = defaultCallerLimits.maxHookCallsPerCaller }: CallerLimits) {
    this.#most = maxHookCallsPerCaller;
  }

  /** The principal is not known yet, so callers from one address share. */
  authenticate(hook: Authenticate | undefined): Authenticate | undefined {
    if (typeof hook !== 'function') return hook;
    const shares = this.#shares('authenticate');
    return (headers, peer) => counted(shares, '', peer.address, () => hook(headers, peer));
  }

  authorize(hook: Authorize | undefined): Authorize | undefined {
    if (typeof hook !== 'function') return hook;
    const shares = this.#shares('authorize');
    return (call, principal, ...more) =>
      counted(shares, principal, call.peer.address, () => hook(call, principal, ...more));
  }

  #shares(hook: string): Shares {
    return new Shares({
      most: this.#most,
      what: `questions to \`${hook}\` not answered`,
      option: 'limits.maxHookCallsPerCaller',
      reason: 'TOO_MANY_HOOK_CALLS',
    });
  }
}

/** Hooks that answer at once cost nothing that is to be bounded. */
function counted<T>(shares: Shares, principal: string, address: string, ask: () => T | Promise<T>): T | Promise<T> {
  const owner = ownerOf(principal, address);
  const connection = connectionOf(address);
  const given = (): void => shares.give(owner, 1, connection);
  shares.take(owner, 1, connection);
  let answer: T | Promise<T>;
  try {
    answer = ask();
  } catch (error) {
    given();
    throw error;
  }
  if (typeof (answer as PromiseLike<T> | undefined)?.then === 'function') Promise.resolve(answer).then(given, given);
  else given();
  return answer;
}
