/** One difference between two versions, judged by its rule. */
import { type Bump, bumpOf, type RuleId, rules, type Severity } from './rules.js';
import type { Idl, Place } from './schema.js';

export interface Change {
  readonly rule: RuleId;
  readonly severity: Severity;
  /** What changed, as a sentence. */
  readonly message: string;
  /** Why it breaks whom. */
  readonly why: string;
  readonly bump: Bump;
  /** Full name of the element: `market.v1.Trade.price`. */
  readonly element: string;
  /** What the change belongs to, by `keyOf`: types, services or files. */
  readonly owners: readonly string[];
  /** In the new version; in the old one where the element is gone. */
  readonly place: Place;
  /** The place is in the old version. */
  readonly isOld: boolean;
}

/** Collects changes; one that is found on two ways is kept once. */
export class Changes {
  readonly #found = new Map<string, Change & { readonly owners: string[] }>();
  #owner = '';

  /** What is found from here on belongs to `owner`. */
  of(owner: string): this {
    this.#owner = owner;
    return this;
  }

  get owner(): string {
    return this.#owner;
  }

  add(rule: RuleId, element: string, place: Place, message: string): void {
    this.#put(rule, element, place, message, false);
  }

  /** The element is gone, so its place is in the old version. */
  gone(rule: RuleId, element: string, place: Place, message: string): void {
    this.#put(rule, element, place, message, true);
  }

  get all(): readonly Change[] {
    return [...this.#found.values()];
  }

  #put(id: RuleId, element: string, place: Place, message: string, isOld: boolean): void {
    const { severity, why } = rules[id];
    const key = `${id} ${element} ${message}`;
    const known = this.#found.get(key);
    if (known !== undefined) {
      if (!known.owners.includes(this.#owner)) known.owners.push(this.#owner);
      return;
    }
    this.#found.set(key, {
      rule: id,
      severity,
      message,
      why,
      bump: bumpOf[severity],
      element,
      owners: [this.#owner],
      place,
      isOld,
    });
  }
}

/** Twins in both IDLs have the same name. */
export function keyOf(idl: Idl, kind: 'type' | 'service' | 'file', name: string): string {
  return `${idl} ${kind} ${name}`;
}
