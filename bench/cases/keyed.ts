/**
 * What a keyed call costs. New keys with every commit on the disk, over memory, 64 at once; for SQLite beside a bare loop that runs
 * the same statements in groups of the same size on the same driver (limit: half of its speed). And a stored answer over
 * gRPC beside a call of a method that has no store (limit: 20 % more).
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createClient, createServer, MemoryNetwork, newIdempotencyKey, silentLogger } from 'hawser';
import { migratePostgres, type PgClient, postgresStore } from 'hawser/postgres';
import { defineService, unary } from 'hawser/proto';
import { type SqliteTransaction, sqliteDriver, sqliteStore } from 'hawser/sqlite';
import { type PlaceOrderRequest, Receipt } from '../../gen/market/v1/market.js';
import { Orders } from '../../gen/market/v1/market.rpc.js';
import { hasPostgres, postgresName, startPostgres } from '../../test/support/postgres.js';
import type { Actor } from '../harness/actor.js';
import { cpuOf, type Measured, type Variant, variantActor, variantBench } from '../harness/variants.js';

const atOnce = 64;
const columns = '(id TEXT NOT NULL, fish TEXT NOT NULL, pounds INTEGER NOT NULL)';
const insertOrder = 'INSERT INTO orders (id, fish, pounds) VALUES (?, ?, ?)';
const receipt = { number: 1, total: 87.5 };
const order = () => ({ orderId: newIdempotencyKey(), fish: 'halibut', pounds: 10 });

/** The same service without a key: what a call costs that nobody remembers. */
const Plain = defineService({
  name: 'market.v1.PlainOrders',
  idl: 'proto',
  fingerprint: '',
  methods: {
    placeOrder: unary<PlaceOrderRequest, Receipt>({
      name: 'PlaceOrder',
      request: Orders.methods.placeOrder.request,
      response: Orders.methods.placeOrder.response,
      policy: { timeout: 2_000 },
    }),
  },
});

/** What is there for the time of the bench: folders and a database. */
const ends: (() => Promise<void> | void)[] = [];

function folder(): string {
  const made = mkdtempSync(join(process.env.HAWSER_BENCH_DIR ?? tmpdir(), 'hawser-keyed-'));
  ends.push(() => rmSync(made, { recursive: true, force: true }));
  return made;
}

/** What is measured is the calls, not what is refused when the machine is busy: no admission. */
async function sqliteServed() {
  const store = sqliteStore(join(folder(), 'calls.db'));
  await store.write((tx) => tx.exec(`CREATE TABLE orders ${columns}`));
  const server = createServer<SqliteTransaction>({ store, admission: false, logger: silentLogger });
  server.add(Orders, {
    placeOrder({ orderId, fish, pounds }, { tx }) {
      tx.prepare(insertOrder).run(orderId, fish, pounds);
      return { orderId, ...receipt };
    },
  });
  server.add(Plain, { placeOrder: ({ orderId }) => ({ orderId, ...receipt }) });
  const memory = new MemoryNetwork();
  return server.listen({ memory, grpc: '127.0.0.1:0' });
}

async function newOnPostgres(): Promise<Variant> {
  const database = await startPostgres();
  ends.push(() => database.remove());
  const pool = database.pool({ max: 16 });
  await migratePostgres(pool);
  await pool.query(`CREATE TABLE orders ${columns}`);
  const server = createServer<PgClient>({ store: postgresStore(pool), admission: false, logger: silentLogger });
  server.add(Orders, {
    async placeOrder({ orderId, fish, pounds }, { tx }) {
      await tx.query('INSERT INTO orders (id, fish, pounds) VALUES ($1, $2, $3)', [orderId, fish, pounds]);
      return { orderId, ...receipt };
    },
  });
  const memory = new MemoryNetwork();
  await server.listen({ memory });
  const client = createClient(Orders, memory);
  return (seconds: number) => cpuOf(() => client.placeOrder(order()), atOnce, seconds);
}

/** The same rows, the same savepoints, the same syncs; no call, no key, no promise. */
async function bareLoop(): Promise<Variant> {
  const path = join(folder(), 'bare.db');
  const prepared = sqliteStore(path);
  await prepared.write((tx) => tx.exec(`CREATE TABLE orders ${columns}`));
  await prepared.close();
  const db = sqliteDriver().open(path);
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  const find = db.prepare(
    'SELECT * FROM hawser_records WHERE principal = ? AND service = ? AND method = ? AND key = ?',
  );
  const insert = db.prepare(insertOrder);
  const record = db.prepare(
    `INSERT INTO hawser_records
       (principal, service, method, key, fingerprint, kind, type, encoding, bytes, committed_at, expires_at, trace)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  );
  const [savepoint, release] = [db.prepare('SAVEPOINT bare'), db.prepare('RELEASE bare')];
  const id = ['anonymous', 'market.v1.Orders', 'PlaceOrder'] as const;
  const fingerprint = new Uint8Array(24);
  const bytes = Receipt.encode(Receipt.create({ orderId: newIdempotencyKey(), ...receipt }));
  const group = (): void => {
    db.exec('BEGIN IMMEDIATE');
    for (let n = 0; n < atOnce; n++) {
      const key = newIdempotencyKey();
      find.get(...id, key);
      savepoint.run();
      insert.run(key, 'halibut', 10);
      const now = Date.now();
      record.run(...id, key, fingerprint, 'response', '', 'proto', bytes, now, now + 86_400_000, '');
      release.run();
    }
    db.exec('COMMIT');
  };
  return async (seconds): Promise<Measured[]> => {
    const started = performance.now();
    const { user, system } = process.cpuUsage();
    let rows = 0;
    for (; performance.now() < started + seconds * 1_000; rows += atOnce) group();
    const after = process.cpuUsage();
    return [
      { metric: 'cpu_us_per_call', unit: 'us', value: (after.user + after.system - user - system) / rows },
      { metric: 'calls_per_s', unit: '1/s', value: rows / ((performance.now() - started) / 1_000) },
    ];
  };
}

export function keyedActor(): Actor {
  let served: ReturnType<typeof sqliteServed> | undefined;
  const sqlite = () => {
    served ??= sqliteServed();
    return served;
  };
  const request = order();
  const end = async (): Promise<void> => {
    for (const one of ends) await one();
  };
  const variants = {
    'sqlite/new': async () => {
      const client = createClient(Orders, (await sqlite()).memory);
      return (seconds: number) => cpuOf(() => client.placeOrder(order()), atOnce, seconds);
    },
    'sqlite/bare-loop': bareLoop,
    'postgres/new': newOnPostgres,
    'grpc/replay': async () => {
      const client = createClient(Orders, `grpc://${(await sqlite()).grpc}`);
      return (seconds: number) => cpuOf(() => client.placeOrder(request), atOnce, seconds);
    },
    'grpc/no-store': async () => {
      const client = createClient(Plain, `grpc://${(await sqlite()).grpc}`);
      return (seconds: number) => cpuOf(() => client.placeOrder(request), atOnce, seconds);
    },
  } satisfies Readonly<Record<string, () => Promise<Variant>>>;
  return variantActor(variants, end);
}

export const keyed = variantBench({
  name: 'keyed',
  title: 'keyed calls: new keys on SQLite (beside a bare loop) and Postgres, stored answers over gRPC',
  cases: ['sqlite/new', 'sqlite/bare-loop', 'postgres/new', 'grpc/replay', 'grpc/no-store'],
  module: import.meta.filename,
  actor: keyedActor,
  missing: (name) => (name.startsWith('postgres') && !hasPostgres ? `${postgresName} is missing` : undefined),
});
