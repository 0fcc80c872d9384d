/** What a server says to a topic of its own: publish, delete, and where its head is. */
import type { MethodType } from '../contract/method.js';
import { shown } from '../contract/option-names.js';
import { malformed } from '../subscription/hub/appendable.js';
import type { Hub } from '../subscription/hub/hub.js';
import type { Position } from '../subscription/position.js';
import { appendOf, type PublishOptions } from '../subscription/publish-terms.js';
import { keyOfUpdate, type Merge } from '../subscription/topic-method.js';
import { encodingOf } from '../subscription/topic-name.js';
import type { Append, Appended, Awaitable } from '../subscription/topic-store.js';

/** A topic of a server, as its publisher sees it. */
export interface ServerTopic<Update> {
  /** `market.v1.PriceFeed/WatchPrices`, and its parameters. */
  readonly name: string;
  /** The newest update that readers may see. */
  readonly head: Position;
  /**
   * Publishes an update; resolves to its position when readers may see it, at the durability that the IDL declares. A
   * publication that the log has already (see `producer`) resolves to where that is. Inside a KEYED handler whose transaction does not reach the topic's log, it is appended after the commit and
   * resolves with seq 0 before.
   *
   * Rejects with the codec's TypeError for what is no update; with an RpcError ABORTED (`EXPECTATION_FAILED`,
   * `PRODUCER_SEQ_PASSED`),
   * RESOURCE_EXHAUSTED (`TOPIC_FULL`) or INVALID_ARGUMENT (too large).
   */
  publish(update: Update, options?: PublishOptions): Promise<Position>;
  /**
   * Publishes several together: all or none, and no subscriber sees a state with only some. At most 1,000. The first has
   * the number `producer.seq`, and each other the next.
   */
  publishAll(
    updates: readonly Update[],
    options?: Pick<PublishOptions, 'ttl' | 'producer'>,
  ): Promise<readonly Position[]>;
  /** Deletes a key: subscribers are told, and a snapshot has it no more. */
  delete(key: string | number | bigint | boolean, options?: Omit<PublishOptions, 'ttl'>): Promise<Position>;
  /**
   * How two updates of one key become one, for a topic with `merge: CUSTOM`. It must not matter which two are merged first.
   * Throws an Error once the topic is in use.
   */
  mergeWith(merge: Merge<Update>): this;
}

export interface TopicUse {
  /** Declares the topic on first use. */
  readonly hub: () => Hub;
  readonly setMerge: (merge: Merge) => void;
}

export class TopicHandle<Update> implements ServerTopic<Update> {
  readonly name: string;
  readonly #method: MethodType;
  readonly #use: TopicUse;

  constructor(name: string, method: MethodType, use: TopicUse) {
    this.name = name;
    this.#method = method;
    this.#use = use;
  }

  get head(): Position {
    const { epoch, head, generations } = this.#use.hub().topic(this.name).store.state();
    return { epoch, seq: head, generation: generations.ownerOf(head) };
  }

  async publish(update: Update, options: PublishOptions = {}): Promise<Position> {
    const [appended] = await this.#append([this.#update(update, options)]);
    return (appended as Appended).position;
  }

  async publishAll(
    updates: readonly Update[],
    options: Pick<PublishOptions, 'ttl' | 'producer'> = {},
  ): Promise<readonly Position[]> {
    if (!Array.isArray(updates)) {
      throw new TypeError(`publishAll takes a list of updates of ${this.name}, not ${shown(updates)}`);
    }
    if (updates.length === 0) return [];
    const { producer } = options;
    const appended = await this.#append(
      updates.map((update, index) =>
        this.#update(
          update,
          producer === undefined ? options : { ...options, producer: { ...producer, seq: producer.seq + index } },
        ),
      ),
    );
    return appended.map(({ position }) => position);
  }

  async delete(key: string | number | bigint | boolean, options: Omit<PublishOptions, 'ttl'> = {}): Promise<Position> {
    const [appended] = await this.#append([appendOf(String(key), undefined, options)]);
    return (appended as Appended).position;
  }

  mergeWith(merge: Merge<Update>): this {
    if (typeof merge !== 'function')
      throw new TypeError(`mergeWith takes a function of two updates, not ${typeof merge}`);
    this.#use.setMerge(merge as Merge);
    return this;
  }

  #append(group: readonly Append[]): Awaitable<readonly Appended[]> {
    return this.#use.hub().publish(this.name, group, 'read');
  }

  #update(update: Update, options: PublishOptions): Append {
    const method = this.#method;
    const value = method.response.encode(update, encodingOf(method));
    return appendOf(this.#keyOf(value), value, options);
  }

  /** Reads what is published as its readers will: a codec may write what it does not read. */
  #keyOf(value: Uint8Array): string {
    const { response, topicKey } = this.#method;
    let read: unknown;
    try {
      read = response.decode(value, encodingOf(this.#method));
    } catch (error) {
      throw malformed(this.name, error);
    }
    return topicKey === undefined ? '' : keyOfUpdate(read, topicKey);
  }
}
