/**
 * What a connection still has to say. Credit is kept as the subscribers it is due for and asked for when a frame is made,
 * so a connection that takes nothing for long holds one limit of each, not one of every moment.
 */
import type { ClientFrame, ClientItem } from '../../../gen/hawser/subscription/v1/subscription.js';
import type { Sent } from './host.js';
import type { Subscriber } from './subscriber.js';

/** Items of one frame. */
const itemsPerFrame = 256;
/** Rough size of an item without its keys and values, bytes. */
const itemBytes = 256;

export class Outbox {
  #items: Sent[] = [];
  #credit = new Map<number, Subscriber>();
  #frameBytes = 16 * 1024;

  add(item: Sent): void {
    this.#items.push(item);
  }

  credit(subscriber: Subscriber): void {
    this.#credit.set(subscriber.sub, subscriber);
  }

  dropCredit(sub: number): void {
    this.#credit.delete(sub);
  }

  /** Bytes of a frame that the server takes. */
  limit(bytes: number): void {
    if (bytes > 0) this.#frameBytes = Math.min(bytes, 64 * 1024);
  }

  /** The next frame, if there is anything to say. */
  frame(): ClientFrame | undefined {
    const items: ClientItem[] = [];
    let bytes = 0;
    let next = 0;
    for (; next < this.#items.length && items.length < itemsPerFrame; next++) {
      const item = this.#items[next] as Sent;
      const size = sizeOf(item);
      if (items.length > 0 && bytes + size > this.#frameBytes) break;
      bytes += size;
      items.push({ item });
    }
    this.#items = next === this.#items.length ? [] : this.#items.slice(next);
    for (const [sub, subscriber] of this.#credit) {
      if (items.length >= itemsPerFrame || bytes > this.#frameBytes) break;
      this.#credit.delete(sub);
      bytes += itemBytes;
      items.push({ item: { $case: 'credit', value: { sub, limits: subscriber.tellCredit() } } });
    }
    return items.length === 0 ? undefined : { items };
  }
}

function sizeOf(item: Sent): number {
  if (item.$case !== 'subscribe' && item.$case !== 'amend') return itemBytes;
  const keys: readonly string[] =
    item.$case === 'subscribe' ? item.value.keys : [...item.value.keysAdd, ...item.value.keysRemove];
  return keys.reduce((sum, key) => sum + key.length * 3 + 4, itemBytes);
}
