/**
 * Live streams by id. Ids grow, so most live ones have places of their own in a ring, which costs less than a Map and leaves
 * nothing behind for the collector; those that collide stand in a Map.
 */
import type { Stream } from './stream.js';

const firstSize = 16;
const largestSize = 65_536;

export class StreamTable {
  #ring: (Stream | undefined)[] = new Array<Stream | undefined>(firstSize).fill(undefined);
  #mask = firstSize - 1;
  #collided: Map<number, Stream> | undefined;
  size = 0;

  get(id: number): Stream | undefined {
    const stream = this.#ring[(id >>> 1) & this.#mask];
    if (stream !== undefined && stream.id === id) return stream;
    return this.#collided?.get(id);
  }

  add(stream: Stream): void {
    const place = (stream.id >>> 1) & this.#mask;
    this.size++;
    if (this.#ring[place] === undefined) this.#ring[place] = stream;
    else {
      this.#collided ??= new Map();
      this.#collided.set(stream.id, stream);
      if (this.size > this.#mask && this.#mask < largestSize - 1) this.#grow();
    }
  }

  delete(stream: Stream): void {
    const place = (stream.id >>> 1) & this.#mask;
    if (this.#ring[place] === stream) {
      this.#ring[place] = undefined;
      this.size--;
    } else if (this.#collided?.delete(stream.id) === true) this.size--;
  }

  /** A copy: streams may come and go while it is walked. */
  all(): Stream[] {
    const streams: Stream[] = [];
    if (this.size === 0) return streams;
    for (const stream of this.#ring) if (stream !== undefined) streams.push(stream);
    if (this.#collided !== undefined) streams.push(...this.#collided.values());
    return streams;
  }

  #grow(): void {
    const streams = this.all();
    this.#mask = this.#mask * 2 + 1;
    this.#ring = new Array<Stream | undefined>(this.#mask + 1).fill(undefined);
    this.#collided = undefined;
    this.size = 0;
    for (const stream of streams) this.add(stream);
  }
}
