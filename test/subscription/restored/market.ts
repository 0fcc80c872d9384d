/** A server whose topics are in an SQLite file, copies of that file, and ways to put one back. */
import { copyFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { Quotes } from '../../../gen/market.js';
import { silentLogger } from '../../../src/call/logger.js';
import { createClient } from '../../../src/client/create-client.js';
import { topicStream } from '../../../src/contract/method.js';
import { defineService } from '../../../src/contract/service.js';
import { createServer } from '../../../src/server/create-server.js';
import type { Server } from '../../../src/server/types.js';
import { type SqliteStore, sqliteDriver, sqliteStore } from '../../../src/stores/sqlite/index.js';
import type { Position } from '../../../src/subscription/position.js';
import type { SubscribeOptions } from '../../../src/subscription/subscriber/options.js';
import { scratchPath } from '../../stores/sqlite/scratch-store.js';
import { HastyClock } from '../../support/hasty-clock.js';
import { type Price, Prices, type WatchRequest } from '../../support/prices.js';

const { request, response } = Prices.methods.watch;
const messages = { request, response };

export const Logs = defineService({
  name: 'test.Logs',
  idl: 'proto',
  fingerprint: '',
  methods: {
    precise: topicStream<WatchRequest, Price>({
      name: 'Precise',
      ...messages,
      policy: { topic: { recovery: 'PRECISE', durability: 'FSYNC' } },
    }),
    gap: topicStream<WatchRequest, Price>({
      name: 'Gap',
      ...messages,
      policy: { topic: { recovery: 'GAP', durability: 'FSYNC' } },
    }),
    latest: topicStream<WatchRequest, Price>({
      name: 'Latest',
      ...messages,
      policy: { topic: { key: 'fish', mode: 'LATEST', recovery: 'CONVERGENT', durability: 'FSYNC' } },
      topicKey: 'fish',
    }),
  },
});
export type Name = keyof typeof Logs.methods;
export const names: readonly Name[] = ['precise', 'gap', 'latest'];

/** The tables whose rows a restore by another program puts back. */
const tables = ['topics', 'generations', 'updates', 'keys', 'publications', 'consumers', 'records'];

export class Market {
  readonly path: string;
  readonly #clock = new HastyClock();
  readonly #folder: string;
  #server!: Server;
  #store!: SqliteStore;
  #addresses = { grpc: '127.0.0.1:0', thrift: '127.0.0.1:0' };
  #copies = 0;

  constructor() {
    const { path, folder } = scratchPath();
    this.path = path;
    this.#folder = folder;
  }

  static async open(): Promise<Market> {
    const market = new Market();
    await market.start();
    onTestFinished(() => market.stop());
    return market;
  }

  get store(): SqliteStore {
    return this.#store;
  }

  get thrift(): string {
    return this.#addresses.thrift;
  }

  async start(): Promise<void> {
    this.#store = sqliteStore(this.path, { logger: silentLogger, groupDelay: 0, clock: this.#clock });
    this.#server = createServer({ logger: silentLogger, topics: { store: this.#store.topics } });
    // Polls are served beside services of Thrift.
    this.#server.add(Logs, {}).add(Quotes, {});
    this.#addresses = await this.#server.listen(this.#addresses);
  }

  async stop(): Promise<void> {
    await this.#server.close({ grace: 0 });
    await this.#store.close();
  }

  topic(name: Name) {
    return this.#server.topic(Logs.methods[name]);
  }

  /** One update for each price, to every topic. Of `latest` there are three keys. */
  async publish(...prices: readonly number[]): Promise<Position[]> {
    const positions: Position[] = [];
    for (const price of prices) {
      await this.topic('precise').publish({ fish: '', price });
      await this.topic('latest').publish({ fish: `fish ${price % 3}`, price });
      positions.push(await this.topic('gap').publish({ fish: '', price }));
    }
    return positions;
  }

  /** A copy of the file as it is now. */
  copy(): string {
    const copy = join(this.#folder, `copy-${++this.#copies}.db`);
    const db = sqliteDriver().open(this.path);
    db.exec(`VACUUM INTO '${copy}'`);
    db.close();
    return copy;
  }

  /** While the server is down. */
  putBack(copy: string): void {
    for (const more of ['', '-wal', '-shm']) rmSync(this.path + more, { force: true });
    copyFileSync(copy, this.path);
  }

  /** By another program, as `mv` does. What is written in the same moment fails. */
  replace(copy: string): void {
    copyFileSync(copy, `${this.path}-new`);
    renameSync(`${this.path}-new`, this.path);
    this.#clock.pass(20);
  }

  /** By another program, in the file that the server has open. */
  putBackInto(copy: string): void {
    const db = sqliteDriver().open(this.path);
    db.exec(`PRAGMA busy_timeout = 5000; ATTACH '${copy}' AS copy; BEGIN IMMEDIATE`);
    for (const table of tables) {
      db.exec(`DELETE FROM main.hawser_${table}; INSERT INTO main.hawser_${table} SELECT * FROM copy.hawser_${table}`);
    }
    db.exec('COMMIT');
    db.close();
  }

  client() {
    const client = createClient(Logs, `grpc://${this.#addresses.grpc}`, {
      logger: silentLogger,
      subscriptions: { backoff: { initial: 10, max: 50 } },
    });
    onTestFinished(() => client.$close());
    return client;
  }

  follow(name: Name, options: SubscribeOptions = {}): Followed {
    return new Followed(this.client()[name].subscribe({}, options));
  }
}

/** What a reader has seen since it was told that all before is void. */
export class Followed {
  readonly subscription;
  /** seq:price, and what happened. */
  readonly all: string[] = [];
  /** Since the last reset. */
  seen: string[] = [];
  error: string | undefined;

  constructor(subscription: ReturnType<ReturnType<Market['client']>['gap']['subscribe']>) {
    this.subscription = subscription;
    subscription.on('reset', ({ reason }) => {
      this.all.push(reason);
      this.seen = [];
    });
    subscription.on('gap', ({ from, to }) => this.all.push(`gap ${from}-${to}`));
    void this.#read();
  }

  async #read(): Promise<void> {
    try {
      for await (const { seq, value } of this.subscription) {
        const text = `${seq}:${value?.price ?? 'deleted'}`;
        this.all.push(text);
        this.seen.push(text);
      }
    } catch (error) {
      this.error = (error as { reason?: string }).reason ?? String(error);
    }
  }

  /** The server has heard of it by the time that this resolves: what is said after it is answered. */
  async pause(): Promise<void> {
    const { subscription } = this;
    const heard = new Promise((resolve) => subscription.on('committed', resolve));
    subscription.pause();
    subscription.commit(subscription.position);
    await heard;
  }

  get replica(): Record<string, number> {
    return Object.fromEntries([...this.subscription.replica()].map(([key, { price }]) => [key, price]));
  }
}
