/**
 * What happens inside a client or server, for whoever wants to watch: listeners of the object
 * itself, and node:diagnostics_channel for tools that never see the object. Nothing is built for an event
 * that nobody listens to: ask `wants` before making one.
 */
import { type Channel, channel } from 'node:diagnostics_channel';

export type Listener<E> = (event: E) => void;

export class EventHub<Events extends object> {
  readonly #listeners = new Map<keyof Events, Set<Listener<never>>>();
  readonly #channels = new Map<keyof Events, Channel>();
  readonly #onError: (error: unknown, name: string) => void;

  /** Channels are named `${prefix}:${name}`. `onError` gets what a listener throws: a call never does. */
  constructor(
    prefix: string,
    names: readonly (keyof Events & string)[],
    onError: (error: unknown, name: string) => void,
  ) {
    for (const name of names) {
      this.#channels.set(name, channel(`${prefix}:${name}`));
      this.#listeners.set(name, new Set());
    }
    this.#onError = onError;
  }

  /** Returns what removes the listener. Throws a TypeError for an event that does not exist. */
  on<K extends keyof Events & string>(name: K, fn: Listener<Events[K]>): () => void {
    const listeners = this.#listeners.get(name);
    if (listeners === undefined) {
      throw new TypeError(
        `there is no event ${JSON.stringify(name)}; the events are ${[...this.#listeners.keys()].join(', ')}`,
      );
    }
    if (typeof fn !== 'function') throw new TypeError(`a listener of ${name} is a function, not ${typeof fn}`);
    // Its own object, so that one function added twice is heard twice and removed one by one.
    const listener: Listener<never> = (event) => fn(event);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** Whether anybody listens. */
  wants(name: keyof Events): boolean {
    return (this.#listeners.get(name)?.size ?? 0) > 0 || this.#channels.get(name)?.hasSubscribers === true;
  }

  emit<K extends keyof Events & string>(name: K, event: Events[K]): void {
    for (const fn of this.#listeners.get(name) ?? []) {
      try {
        (fn as Listener<Events[K]>)(event);
      } catch (error) {
        this.#onError(error, name);
      }
    }
    const out = this.#channels.get(name);
    if (out?.hasSubscribers === true) out.publish(event);
  }
}
