/** A topic of orders that lasts, and the ledgers that consumers write: the crash tests' parent and children share it. */
import pg from 'pg';
import { silentLogger } from '../../../src/call/logger.js';
import { topicStream } from '../../../src/contract/method.js';
import { defineService } from '../../../src/contract/service.js';
import { postgresStore } from '../../../src/stores/postgres/index.js';
import { sqliteStore } from '../../../src/stores/sqlite/index.js';
import { type Consumer, consume, type Subscribable } from '../../../src/subscription/consume.js';
import type { Price, WatchRequest } from '../../support/prices.js';
import { Prices } from '../../support/prices.js';

const { request, response } = Prices.methods.watch;

export const Orders = defineService({
  name: 'test.Orders',
  idl: 'proto',
  fingerprint: '',
  methods: {
    placed: topicStream<WatchRequest, Price>({
      name: 'Placed',
      request,
      response,
      policy: { topic: { recovery: 'PRECISE', durability: 'FSYNC', historyCount: 100_000 } },
    }),
  },
});

export type Orders = Subscribable<WatchRequest, Price>;

/** Consumes into the database at `place`: a file, or the URL of a Postgres and a schema on it. */
export async function keepLedger(topic: Orders, place: string, onEffect: (price: number) => void): Promise<Consumer> {
  if (!place.startsWith('postgres:')) {
    const store = sqliteStore(place, { logger: silentLogger });
    await store.write((tx) => tx.exec('CREATE TABLE IF NOT EXISTS ledger (price INTEGER)'));
    return consume(
      topic,
      'ledger',
      async ({ value }, tx) => {
        tx.prepare('INSERT INTO ledger VALUES (?)').run(value?.price ?? 0);
        await undefined;
        onEffect(value?.price ?? 0);
      },
      { store },
    );
  }
  const [url = '', schema = ''] = place.split('#');
  const store = postgresStore(new pg.Pool({ connectionString: url, max: 2 }), { schema });
  return consume(
    topic,
    'ledger',
    async ({ value }, tx) => {
      await tx.query(`INSERT INTO ${schema}.ledger VALUES ($1)`, [value?.price]);
      onEffect(value?.price ?? 0);
    },
    { store },
  );
}
