/**
 * The server that the kill harness kills: one keyed method, whose effect is a row. A program of its own. It loads, says
 * so, and serves when it is told where: the harness keeps one of these loaded, and puts it in a killed one's place.
 */
import { setImmediate } from 'node:timers/promises';
import { createServer, type IdempotencyStore, type ServerCall } from 'hawser';
import { postgresStore } from 'hawser/postgres';
import { type SqliteTransaction, sqliteStore } from 'hawser/sqlite';
import pg from 'pg';
import { BadFish, Orders } from '../../../gen/market/v1/market.rpc.js';
import * as thrift from '../../../gen/market.js';
import { splitStore } from './split-store.js';

export interface ServeCommand {
  readonly wire: 'grpc' | 'thrift';
  /** host:port */
  readonly address: string;
  readonly store:
    | { readonly kind: 'sqlite' | 'split'; readonly path: string }
    | { readonly kind: 'postgres'; readonly url: string; readonly schema: string };
}

type Tx = SqliteTransaction | pg.PoolClient;

/** A fish that nobody sells: the answer is a declared error, and what was written commits with it all the same. */
export const unknownFish = 'unicorn';

function open(store: ServeCommand['store']): {
  store: IdempotencyStore<Tx>;
  write(tx: Tx, key: string, n: number): unknown;
} {
  if (store.kind === 'postgres') {
    const { schema, url } = store;
    const pool = new pg.Pool({ connectionString: url, max: 8 });
    return {
      store: postgresStore(pool, { schema }) as IdempotencyStore<Tx>,
      write: (tx, key, n) => (tx as pg.PoolClient).query(`INSERT INTO ${schema}.effects VALUES ($1, $2)`, [key, n]),
    };
  }
  const made = store.kind === 'sqlite' ? sqliteStore(store.path) : splitStore(store.path);
  return {
    store: made as IdempotencyStore<Tx>,
    write: (tx, key, n) => (tx as SqliteTransaction).prepare('INSERT INTO effects VALUES (?, ?)').run(key, n),
  };
}

async function serve({ wire, address, store: where }: ServeCommand): Promise<void> {
  const { store, write } = open(where);
  const server = createServer<Tx>({ store });
  /** Each execution has a number of its own, so two executions of a key have two answers. The number of an error is short. */
  const place = async (call: ServerCall<Tx>, most: number): Promise<number> => {
    const number = Math.floor(Math.random() * most);
    await write(call.tx as Tx, call.idempotencyKey as string, number);
    if (number % 4 === 0) await setImmediate();
    return number;
  };
  server.add(Orders, {
    async placeOrder({ fish, pounds }, call) {
      const number = await place(call, fish === unknownFish ? 2 ** 15 : 2 ** 30);
      if (fish === unknownFish) throw new BadFish({ fish, errorCode: number });
      return { orderId: '', number, total: pounds };
    },
  });
  server.add(thrift.Orders, {
    async placeOrder({ fish, pounds }, call) {
      const number = await place(call, fish === unknownFish ? 2 ** 15 : 2 ** 30);
      if (fish === unknownFish) throw new thrift.BadFish({ fish, errorCode: number });
      return { orderId: '', number, total: pounds };
    },
  });
  await server.listen({ [wire]: address });
}

process.on('disconnect', () => process.exit(1));
process.on('message', (command: ServeCommand) => {
  serve(command).then(
    () => process.send?.('serving'),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});
process.send?.('loaded');
