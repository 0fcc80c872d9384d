/**
 * Consumers that are killed with -9 at any moment, and started again, over a server that is restarted now and then: the
 * ledger has every order once, in order.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseSync } from '@photostructure/sqlite';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { silentLogger } from '../../../src/call/logger.js';
import { createServer } from '../../../src/server/create-server.js';
import type { Server } from '../../../src/server/types.js';
import { migratePostgres } from '../../../src/stores/postgres/index.js';
import { type SqliteStore, sqliteStore } from '../../../src/stores/sqlite/index.js';
import { seededRandom } from '../../../src/testing/random.js';
import { bundle } from '../../faults/kills/bundle.js';
import { describeWith } from '../../requires.js';
import { scratchPath } from '../../stores/sqlite/scratch-store.js';
import { hasPostgres, type PostgresServer, postgresName, startPostgres } from '../../support/postgres.js';
import { repository } from '../../support/scratch.js';
import { runs } from '../../support/soak.js';
import { Orders } from './ledger.js';

/** The child as one file: it starts in a fraction of what its sources take. */
let program = '';

/** The server with its log in a file; `restart` closes and opens both, and the address stays. */
class Shop {
  address = '127.0.0.1:0';
  #store!: SqliteStore;
  #server!: Server;
  placed = 0;

  constructor(readonly path: string) {}

  async start(): Promise<void> {
    this.#store = sqliteStore(this.path, { logger: silentLogger });
    this.#server = createServer({ store: this.#store, logger: silentLogger, reflection: false });
    this.#server.add(Orders, {});
    this.address = (await this.#server.listen({ grpc: this.address })).grpc;
  }

  async stop(): Promise<void> {
    await this.#server.close({ grace: 0 });
    await this.#store.close();
  }

  async place(count: number): Promise<void> {
    const topic = this.#server.topic(Orders.methods.placed);
    await Promise.all(Array.from({ length: count }, () => topic.publish({ fish: 'cod', price: ++this.placed })));
  }
}

/** Kills consumers that write to `place`, and answers when the last one has caught up. */
async function killConsumers(place: string, kills: number, count: () => Promise<number>): Promise<number> {
  const shop = new Shop(scratchPath().path);
  await shop.start();
  onTestFinished(() => shop.stop());
  const random = seededRandom('kills of consumers');
  let child: ChildProcess | undefined;
  const start = (): ChildProcess =>
    spawn(process.execPath, [program, `grpc://${shop.address}`, place], { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    for (let n = 0; n < kills; n++) {
      await shop.place(10 + random.int(20));
      child = start();
      const ended = once(child, 'close');
      // Some while they start, most while they write.
      if (random.chance(0.9)) await Promise.race([once(child.stdout as NodeJS.ReadableStream, 'data'), ended]);
      await sleep(random.int(40));
      child.kill('SIGKILL');
      await ended;
      if (n % 10 === 9) {
        await shop.stop();
        await shop.start();
      }
    }
    child = start();
    await expect.poll(count, { timeout: 30_000, interval: 50 }).toBe(shop.placed);
    return shop.placed;
  } finally {
    child?.kill('SIGKILL');
  }
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

beforeAll(async () => {
  program = await bundle('test/subscription/consume/ledger-child.ts', join(repository, 'node_modules/.cache'));
});

describe('a consumer that is killed again and again', () => {
  it('has each effect once in SQLite, in the order of the log', async () => {
    const { path } = scratchPath();
    const ledger = (): number[] => {
      const db = new DatabaseSync(path, { readOnly: true });
      try {
        return (db.prepare('SELECT price FROM ledger ORDER BY rowid').all() as { price: number }[]).map((r) => r.price);
      } finally {
        db.close();
      }
    };
    const placed = await killConsumers(path, runs(50), async () => ledger().length);
    expect(ledger()).toEqual(upTo(placed));
  }, 600_000);
});

describeWith(postgresName, hasPostgres, 'a consumer into Postgres that is killed again and again', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres();
  }, 60_000);
  afterAll(() => server?.remove());

  it('has each effect once', async () => {
    const pool = server.pool();
    await migratePostgres(pool, { schema: 'shop' });
    await pool.query('CREATE TABLE shop.ledger (price integer, id serial)');
    const count = async () => Number((await pool.query('SELECT count(*) FROM shop.ledger')).rows[0].count);
    const placed = await killConsumers(`${server.url}#shop`, runs(25), count);
    const { rows } = await pool.query('SELECT price FROM shop.ledger ORDER BY id');
    expect(rows.map(({ price }) => price)).toEqual(upTo(placed));
  }, 600_000);
});
