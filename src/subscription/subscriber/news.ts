/**
 * What a subscription has to tell, held back until the step that it comes from is done: a listener may end the subscription,
 * or amend it, and must not find it halfway.
 */
import type { SubscriptionEventHub, SubscriptionEvents } from './events.js';

export class News {
  readonly #events: SubscriptionEventHub;
  /** Steps inside one another. */
  #steps = 0;
  #waiting: (() => void)[] = [];

  constructor(events: SubscriptionEventHub) {
    this.#events = events;
  }

  wants(name: keyof SubscriptionEvents): boolean {
    return this.#events.wants(name);
  }

  tell<K extends keyof SubscriptionEvents>(name: K, event: SubscriptionEvents[K]): void {
    if (this.#events.wants(name)) this.#waiting.push(() => this.#events.emit(name, event));
  }

  begin(): void {
    this.#steps += 1;
  }

  end(): void {
    this.#steps -= 1;
  }

  /** Unless a step still goes on further out. */
  deliver(): void {
    if (this.#steps > 0) return;
    while (this.#waiting.length > 0) {
      const news = this.#waiting;
      this.#waiting = [];
      for (const tell of news) tell();
    }
  }
}
