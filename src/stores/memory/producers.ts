/**
 * What producers have published, so that a publication that is sent again is not appended again. A producer's numbers grow;
 * those of its latest publications are kept with the place that they went to. Producers that are silent longest are
 * forgotten first.
 */
const maxProducers = 10_000;
const remembered = 256;

interface Producer {
  last: number;
  /** The log's seq by the producer's. */
  readonly places: Map<number, number>;
}

export class Producers {
  readonly #producers = new Map<string, Producer>();

  /**
   * The seq that the log gave a publication that it has; 0 when that is too long ago to say; undefined when the
   * publication is new.
   */
  find(id: string, seq: number): number | undefined {
    const producer = this.#producers.get(id);
    if (producer === undefined || seq > producer.last) return undefined;
    return producer.places.get(seq) ?? 0;
  }

  record(id: string, seq: number, place: number): void {
    const producer: Producer = this.#producers.get(id) ?? { last: 0, places: new Map() };
    this.#producers.delete(id);
    this.#producers.set(id, producer);
    producer.last = seq;
    producer.places.set(seq, place);
    if (producer.places.size > remembered) producer.places.delete(first(producer.places));
    if (this.#producers.size > maxProducers) this.#producers.delete(first(this.#producers));
  }
}

function first<K>(map: ReadonlyMap<K, unknown>): K {
  return map.keys().next().value as K;
}
