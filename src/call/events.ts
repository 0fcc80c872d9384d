/**
 * What happens inside a client or server, for whoever wants to watch: listeners of the object
 * itself, and node:diagnostics_channel for tools that never see the object. Nothing is built for an event
 * that nobody listens to: ask `wants` before making one.
 */
import { type Channel, channel } from 'node:diagnostics_channel';

export type Listener<E> = (event: E) => void;

export class EventHub<Events extends object> {
  /** Made with the first listener: most clients have none. */
  #listeners: Map<string, Set<Listener<never>>> | undefined;
  readonly #channels: ReadonlyMap<string, Channel>;
  readonly #onError: (error: unknown, name: string) => void;

  /** Channels are named `${prefix}:${name}`. `onError` gets what a listener throws: a call never does. */
  constructor(
    prefix: string,
    names: readonly (keyof Events & string)[],
    onError: (error: unknown, name: string) => void,
  ) {
    this.#channels = channelsOf(prefix, names);
    this.#onError = onError;
  }

  /** Returns what removes the listener. Throws a TypeError for an event that does not exist. */
  on<K extends keyof Events & string>(name: K, fn: Listener<Events[K]>): () => void {
    if (!this.#channels.has(name)) {
      throw new TypeError(
        `there is no event ${JSON.stringify(name)}; the events are ${[...this.#channels.keys()].join(', ')}`,
      );
    }
    if (typeof fn !== 'function') throw new TypeError(`a listener of ${name} is a function, not ${typeof fn}`);
    // Its own object, so that one function added twice is heard twice and removed one by one.
    const listener: Listener<never> = (event) => fn(event);
    this.#listeners ??= new Map();
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners);
    listeners.add(listener);
    return () => listeners.delete(listener);
  }

  /** Whether anybody listens. */
  wants(name: keyof Events & string): boolean {
    return (this.#listeners?.get(name)?.size ?? 0) > 0 || this.#channels.get(name)?.hasSubscribers === true;
  }

  emit<K extends keyof Events & string>(name: K, event: Events[K]): void {
    for (const fn of this.#listeners?.get(name) ?? []) {
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

const known = new Map<string, ReadonlyMap<string, Channel>>();

/** The same for all of one kind. */
function channelsOf(prefix: string, names: readonly string[]): ReadonlyMap<string, Channel> {
  let channels = known.get(prefix);
  if (channels === undefined || !names.every((name) => channels?.has(name))) {
    channels = new Map(names.map((name) => [name, channel(`${prefix}:${name}`)]));
    known.set(prefix, channels);
  }
  return channels;
}
