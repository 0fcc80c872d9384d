/**
 * Features: names that a contract gives to what came later, so that both ends know whether the other has it. Understood is
 * what the stub declares; active is what is used. That are two steps on purpose: a feature that half of the servers answer
 * with is worse than one that none has, so all are deployed with it first and it is switched on after.
 * Source: Kafka's finalised features (KIP-584).
 */
import type { Clock } from '../call/clock.js';
import { type Duration, milliseconds } from '../contract/duration.js';
import type { MethodType } from '../contract/method.js';
import { knownOptions, shown } from '../contract/option-names.js';
import type { ServiceType } from '../contract/service.js';

export interface FeatureOptions {
  /** The features that are used where the peer has them; all that the IDL declares by default. */
  readonly active?: 'all' | readonly string[];
}

export interface ServerFeatureOptions extends FeatureOptions {
  /**
   * `when-all-peers`: an active feature counts only once every peer that called within `drain` understood it, and no more as
   * soon as one calls that does not (a rollback, or a client of another kind). `at-once` by default.
   */
  readonly activation?: 'at-once' | 'when-all-peers';
  /** ms or `"30s"`, the default: as long as an old peer may be silent and still be there. */
  readonly drain?: Duration;
}

export const checkFeatureOptions = knownOptions<FeatureOptions>({ active: true });
const checkServerNames = knownOptions<ServerFeatureOptions>({ active: true, activation: true, drain: true });

export interface ServerFeatureTerms {
  readonly active: 'all' | readonly string[];
  /** ms; undefined: at once. */
  readonly drain: number | undefined;
}

/** Throws a TypeError or RangeError that names the option. */
export function serverFeatureTerms(options: ServerFeatureOptions = {}): ServerFeatureTerms {
  checkServerNames(options, 'features');
  const { active = 'all', activation = 'at-once', drain = '30s' } = options;
  if (activation !== 'at-once' && activation !== 'when-all-peers') {
    throw new TypeError(`features.activation is ${shown(activation)}; it is "at-once" or "when-all-peers"`);
  }
  const ms = milliseconds(drain, 'features.drain');
  return { active: checkActive(active), drain: activation === 'at-once' ? undefined : ms };
}

/** Throws a TypeError for what is neither `all` nor a list of names. */
export function checkActive(active: unknown): 'all' | readonly string[] {
  if (active === 'all') return active;
  if (Array.isArray(active) && active.every((one) => typeof one === 'string')) return active;
  throw new TypeError(`features.active is ${shown(active)}; it is "all" or a list of names, [] for none`);
}

/** What a service's IDL names, on whichever part of it, sorted. */
export function featuresOf(service: ServiceType): readonly string[] {
  const all = [service.policy, ...Object.values<MethodType>(service.methods).map((method) => method.policy)];
  return [...new Set(all.flatMap(({ features = [] }) => features.map(({ name }) => name)))].sort();
}

/** Throws a TypeError for a name that no service has: it would be switched on in vain. */
export function checkFeatureNames(active: 'all' | readonly string[], services: Iterable<ServiceType>): void {
  if (active === 'all') return;
  const known = new Set([...services].flatMap(featuresOf));
  for (const name of active) {
    if (known.has(name)) continue;
    const list = [...known].sort().join(', ') || 'none at all';
    throw new TypeError(
      `features.active names ${shown(name)}, which no IDL of these services declares; there is ${list}`,
    );
  }
}

export function activeOf(understood: readonly string[], active: 'all' | readonly string[]): readonly string[] {
  return active === 'all' ? understood : understood.filter((one) => active.includes(one));
}

/** Which features all peers understand. A server that has just begun has seen nobody, and waits too. */
export class PeerAgreement {
  readonly #clock: Clock;
  readonly #drain: number;
  /** When a peer last called that lacks the feature. */
  readonly #lacked: Map<string, number>;
  #active: readonly string[] = [];

  constructor(candidates: readonly string[], clock: Clock, drain: number) {
    this.#clock = clock;
    this.#drain = drain;
    const now = clock.now();
    this.#lacked = new Map(candidates.map((name) => [name, now]));
  }

  get active(): readonly string[] {
    return this.#active;
  }

  /** A peer has called that understands these. Whether `active` has changed by it. */
  called(understood: readonly string[]): boolean {
    const now = this.#clock.now();
    const active: string[] = [];
    for (const [name, at] of this.#lacked) {
      if (!understood.includes(name)) this.#lacked.set(name, now);
      else if (now - at >= this.#drain) active.push(name);
    }
    if (active.length === this.#active.length && active.every((one, i) => one === this.#active[i])) return false;
    this.#active = active;
    return true;
  }
}
