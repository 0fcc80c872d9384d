/**
 * What producers have published, so that a publication that is sent again is not appended again. A producer's numbers grow;
 * those of its latest publications are kept with the place that they went to. Producers that are silent longest are
 * forgotten first.
 */
import type { ProducerNumbers } from '../../subscription/append-rules.js';

const maxProducers = 10_000;

interface Producer {
  last: number;
  /** The log's seq by the producer's, in the order of these. */
  readonly places: Map<number, number>;
}

export class Producers {
  readonly #producers = new Map<string, Producer>();

  numbers(id: string): ProducerNumbers | undefined {
    const producer = this.#producers.get(id);
    return producer && { oldest: first(producer.places), last: producer.last };
  }

  /** The seq that the log gave a publication that is remembered. */
  find(id: string, seq: number): number | undefined {
    return this.#producers.get(id)?.places.get(seq);
  }

  record(id: string, seq: number, place: number): void {
    const producer: Producer = this.#producers.get(id) ?? { last: 0, places: new Map() };
    this.#producers.delete(id);
    this.#producers.set(id, producer);
    producer.last = seq;
    producer.places.set(seq, place);
    if (this.#producers.size > maxProducers) this.#producers.delete(first(this.#producers));
  }

  /** Numbers of this producer up to `seq` are remembered no more. */
  forget(id: string, seq: number): void {
    const places = this.#producers.get(id)?.places;
    if (places === undefined) return;
    for (const number of places.keys()) {
      if (number > seq) return;
      places.delete(number);
    }
  }
}

function first<K>(map: ReadonlyMap<K, unknown>): K {
  return map.keys().next().value as K;
}
