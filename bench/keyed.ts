/**
 * What a keyed call costs. On SQLite with every commit on the disk, over memory, 64 at once, against a bare loop that runs the
 * same statements in groups of the same size on the same driver: at least 50 % of its speed. And a stored answer over
 * gRPC against a call of a method that has no store: at most 20 % more. The two of a pair take turns, in one run.
 *
 *     node --conditions=hawser-source --import tsx bench/keyed.ts [--quick]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, createClient, createServer, MemoryNetwork, newIdempotencyKey } from 'hawser';
import { defineService, unary } from 'hawser/proto';
import { type SqliteTransaction, sqliteDriver, sqliteStore } from 'hawser/sqlite';
import { type PlaceOrderRequest, Receipt } from '../gen/market/v1/market.js';
import { Orders } from '../gen/market/v1/market.rpc.js';

const quick = process.argv.includes('--quick');
const rounds = quick ? 5 : 15;
const atOnce = 64;
const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1] as number;

const folder = mkdtempSync(join(process.env.HAWSER_BENCH_DIR ?? tmpdir(), 'hawser-keyed-'));
const table = 'CREATE TABLE orders (id TEXT NOT NULL, fish TEXT NOT NULL, pounds INTEGER NOT NULL)';
const insertOrder = 'INSERT INTO orders (id, fish, pounds) VALUES (?, ?, ?)';
const receipt = { number: 1, total: 87.5 };

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

const store = sqliteStore(join(folder, 'calls.db'));
await store.write((tx) => tx.exec(table));
// What is measured is the calls, not what is refused when the machine is busy with something else.
const server = createServer<SqliteTransaction>({ store, admission: false });
server.add(Orders, {
  placeOrder({ orderId, fish, pounds }, { tx }) {
    tx.prepare(insertOrder).run(orderId, fish, pounds);
    return { orderId, ...receipt };
  },
});
server.add(Plain, { placeOrder: ({ orderId }) => ({ orderId, ...receipt }) });
const memory = new MemoryNetwork();
const { grpc } = await server.listen({ memory, grpc: '127.0.0.1:0' });

/** ms of `calls` calls, `atOnce` at a time. */
async function timed(calls: number, call: () => Promise<unknown>): Promise<number> {
  const worker = async (): Promise<void> => {
    for (let i = 0; i < calls / atOnce; i++) await call();
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: atOnce }, worker));
  return performance.now() - started;
}

/** The same rows, the same savepoints, the same syncs; no call, no key, no promise. */
function bareLoop(): (calls: number) => number {
  const path = join(folder, 'bare.db');
  const prepared = sqliteStore(path);
  const ready = prepared.write((tx) => tx.exec(table)).then(() => prepared.close());
  let run: ((calls: number) => number) | undefined;
  return (calls) => {
    run ??= open(path);
    void ready;
    return run(calls);
  };
}

function open(path: string): (calls: number) => number {
  const db = sqliteDriver().open(path);
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  const find = db.prepare(
    'SELECT * FROM hawser_records WHERE principal = ? AND service = ? AND method = ? AND key = ?',
  );
  const order = db.prepare(insertOrder);
  const record = db.prepare(
    `INSERT INTO hawser_records
       (principal, service, method, key, fingerprint, kind, type, encoding, bytes, committed_at, expires_at, trace)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
  );
  const savepoint = db.prepare('SAVEPOINT bare');
  const release = db.prepare('RELEASE bare');
  const fingerprint = new Uint8Array(24);
  const bytes = Receipt.encode(Receipt.create({ orderId: newIdempotencyKey(), ...receipt })).finish();
  return (calls) => {
    const started = performance.now();
    for (let done = 0; done < calls; done += atOnce) {
      db.exec('BEGIN IMMEDIATE');
      for (let n = 0; n < atOnce; n++) {
        const key = newIdempotencyKey();
        find.get('anonymous', 'market.v1.Orders', 'PlaceOrder', key);
        savepoint.run();
        order.run(key, 'halibut', 10);
        const now = Date.now();
        record.run(
          'anonymous',
          'market.v1.Orders',
          'PlaceOrder',
          key,
          fingerprint,
          'response',
          '',
          'proto',
          bytes,
          now,
          now + 86_400_000,
          '',
        );
        release.run();
      }
      db.exec('COMMIT');
    }
    return performance.now() - started;
  };
}

async function newKeys(): Promise<void> {
  const client = createClient(Orders, memory);
  const bare = bareLoop();
  await new Promise((resolve) => setTimeout(resolve, 100)); // its tables
  const calls = quick ? 6_400 : 25_600;
  const keyed = (): Promise<number> =>
    timed(calls, () => client.placeOrder({ orderId: newIdempotencyKey(), fish: 'halibut', pounds: 10 }));
  await keyed();
  bare(calls);
  const times: { keyed: number[]; bare: number[] } = { keyed: [], bare: [] };
  for (let round = 0; round < rounds; round++) {
    times.keyed.push(await keyed());
    times.bare.push(bare(calls));
  }
  const [own, loop] = [median(times.keyed), median(times.bare)];
  const rate = (ms: number): string => `${Math.round((calls / ms) * 1_000)}/s, ${((ms / calls) * 1_000).toFixed(1)} us`;
  console.log(`new keys on SQLite, FULL, memory transport, ${atOnce} at once:`);
  console.log(`  keyed call   ${rate(own)}`);
  console.log(`  bare loop    ${rate(loop)}`);
  console.log(`  the call reaches ${((100 * loop) / own).toFixed(0)} % of the loop (at least 50)`);
  await client.$close();
}

async function replays(): Promise<void> {
  const orders = createClient(Orders, `grpc://${grpc}`);
  const plain = createClient(Plain, `grpc://${grpc}`);
  const orderId = newIdempotencyKey();
  const request = { orderId, fish: 'halibut', pounds: 10 };
  const calls = quick ? 3_200 : 16_000;
  const cpu = async (client: Client<typeof Orders> | Client<typeof Plain>): Promise<number> => {
    const before = process.cpuUsage();
    await timed(calls, () => client.placeOrder(request));
    const { user, system } = process.cpuUsage(before);
    return (user + system) / calls;
  };
  await cpu(orders);
  await cpu(plain);
  const times: { replay: number[]; plain: number[] } = { replay: [], plain: [] };
  for (let round = 0; round < rounds; round++) {
    times.replay.push(await cpu(orders));
    times.plain.push(await cpu(plain));
  }
  const [replay, base] = [median(times.replay), median(times.plain)];
  console.log(`a stored answer over gRPC, ${atOnce} at once, processor time of both sides:`);
  console.log(`  replay       ${replay.toFixed(1)} us/call`);
  console.log(`  no store     ${base.toFixed(1)} us/call`);
  console.log(`  the replay costs ${(100 * (replay / base - 1)).toFixed(1)} % more (at most 20)`);
  await Promise.all([orders.$close(), plain.$close()]);
}

await newKeys();
await replays();
await server.close({ grace: 0 });
await store.close();
rmSync(folder, { recursive: true, force: true });
