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
  /** What the change belongs to, by `keyOf`: a type, a service or a file. */
  readonly owner: string;
  /** In the new version; in the old one where the element is gone. */
  readonly place: Place;
  /** The place is in the old version. */
  readonly isOld: boolean;
}

/** Collects changes; one that is found on two ways is kept once. */
export class Changes {
  readonly #found = new Map<string, Change>();
  #owner = '';

  /** What is found from here on belongs to `owner`. */
  of(owner: string): this {
    this.#owner = owner;
    return this;
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
    if (this.#found.has(key)) return;
    this.#found.set(key, {
      rule: id,
      severity,
      message,
      why,
      bump: bumpOf[severity],
      element,
      owner: this.#owner,
      place,
      isOld,
    });
  }
}

/** Twins in both IDLs have the same name. */
export function keyOf(idl: Idl, kind: 'type' | 'service' | 'file', name: string): string {
  return `${idl} ${kind} ${name}`;
}
