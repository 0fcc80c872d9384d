/**
 * The topics of a store: which are open, and who is told when a group has committed. A topic that is declared to survive
 * nothing costs no disk: its log is in memory, new with each start.
 */
import type { Clock } from '../../call/clock.js';
import type { Logger } from '../../call/logger.js';
import type { Durability, TopicSpec, TopicStore, TopicStores } from '../../subscription/topic-store.js';
import { memoryTopics } from '../memory/topic-store.js';
import type { Connection, Synchronous } from './connection.js';
import { Opening } from './opening.js';
import { storeClosed } from './refusals.js';
import { readExpiring, readGenerations } from './topic-reads.js';
import { SqliteTopicStore, type TopicHome } from './topic-store.js';
import { findTopic, type TopicRow } from './topic-table.js';
import type { SqliteTransaction } from './tx.js';

/** The store, as far as its topics use it. */
export interface TopicsHost {
  readonly synchronous: Synchronous;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly closed: boolean;
  write<T>(name: string, fn: (tx: SqliteTransaction) => T): Promise<T>;
  read<T>(fn: (tx: SqliteTransaction) => T): T;
  handlerTransaction(): SqliteTransaction | undefined;
  /** Changes when another writer than this store's has changed the file, or another file is in its place. */
  version(): string;
}

export class SqliteTopics implements TopicStores, TopicHome {
  readonly durability: Durability;
  readonly #host: TopicsHost;
  readonly #memory: TopicStores;
  /** By name: two servers of one process may serve one topic. */
  readonly #open = new Map<string, { readonly opening: Opening; readonly topics: Set<SqliteTopicStore> }>();
  readonly #written = new Set<string>();

  constructor(host: TopicsHost) {
    this.#host = host;
    this.durability = host.synchronous === 'full' ? 'FSYNC' : 'PROCESS';
    this.#memory = memoryTopics(host.clock);
  }

  topic(spec: TopicSpec): TopicStore {
    if (this.#host.closed) throw storeClosed();
    if (spec.durability === 'NONE') return this.#memory.topic(spec);
    let open = this.#open.get(spec.name);
    if (open === undefined) {
      open = { opening: new Opening(), topics: new Set() };
      this.#open.set(spec.name, open);
    }
    const topic = new SqliteTopicStore(spec, this, open.opening);
    open.topics.add(topic);
    return topic;
  }

  expiring(topic: string, most: number): readonly string[] {
    return this.#host.read((tx) => readExpiring(tx, topic, most));
  }

  /** The file stays open: it is the store's. */
  close(): void {}

  /** The group that is open has ended. */
  groupEnded(connection: Connection | undefined): void {
    // After a failure nobody knows what is in the file until the next group has begun: it is looked at then.
    if (connection === undefined || this.#written.size === 0) return;
    const statement = connection.statement(connection.look(findTopic));
    const generations = (id: number) =>
      readGenerations({ prepare: (sql) => connection.statement(connection.look(sql)) }, id);
    for (const name of this.#written) {
      try {
        const row = statement.get(name) as TopicRow;
        for (const topic of this.#open.get(name)?.topics ?? []) topic.committed(row, generations);
        this.#written.delete(name);
      } catch (error) {
        // The commit stands. The next one that touches any topic looks again.
        this.#host.logger.error({ err: error, topic: name }, 'readers of a topic could not be told of an update');
      }
    }
  }

  now(): number {
    return this.#host.clock.now();
  }

  wallTime(): number {
    return this.#host.clock.wallTime();
  }

  write<T>(name: string, fn: (tx: SqliteTransaction) => T): Promise<T> {
    return this.#host.write(name, fn);
  }

  read<T>(fn: (tx: SqliteTransaction) => T): T {
    return this.#host.read(fn);
  }

  handlerTransaction(): SqliteTransaction | undefined {
    return this.#host.handlerTransaction();
  }

  version(): string {
    return this.#host.version();
  }

  wrote({ spec }: SqliteTopicStore): void {
    this.#written.add(spec.name);
  }

  closed(topic: SqliteTopicStore): void {
    const { name } = topic.spec;
    const topics = this.#open.get(name)?.topics;
    topics?.delete(topic);
    if (topics?.size === 0) this.#open.delete(name);
  }
}
