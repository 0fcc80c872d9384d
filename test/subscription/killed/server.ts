/**
 * A server that publishes until it is killed, and writes down each publication that was answered. Started by `fork`; says
 * `loaded`, is told what to serve, says `serving`. Told `halt` it publishes no more and says `halted`.
 */
import { openSync, writeSync } from 'node:fs';
import { silentLogger } from '../../../src/call/logger.js';
import { createServer } from '../../../src/server/create-server.js';
import { sqliteStore } from '../../../src/stores/sqlite/index.js';
import { seededRandom } from '../../../src/testing/random.js';
import { type Command, kinds, type Line, salesOf } from './topics.js';

const fishes = ['cod', 'eel', 'hake', 'ling', 'sole'];

async function serve({ address, store, database, journal, seed, every }: Command): Promise<void> {
  const file = openSync(journal, 'a');
  const write = (line: Line): void => void writeSync(file, `${JSON.stringify(line)}\n`);
  const random = seededRandom(seed);
  const Sales = salesOf(store);
  const server = createServer({
    logger: silentLogger,
    reflection: false,
    ...(store === 'sqlite' ? { store: sqliteStore(database, { synchronous: 'normal', logger: silentLogger }) } : {}),
  });
  server.add(Sales, {});
  const topics = kinds.map((kind) => ({ kind, topic: server.topic(Sales.methods[kind]) }));
  let price = 0;
  const publish = async (): Promise<void> => {
    const { kind, topic } = random.pick(topics);
    const fish = random.pick(fishes);
    const gone = kind !== 'plain' && random.chance(0.2);
    const sale = { fish, price: ++price };
    const { epoch, seq } = await (gone ? topic.delete(fish) : topic.publish(sale));
    write({ epoch, seq, key: kind === 'plain' ? '' : fish, value: gone ? null : JSON.stringify(sale) });
  };
  const tell = (halted: boolean): void => {
    for (const { kind, topic } of topics) {
      const { epoch, seq } = topic.head;
      write({ kind, epoch, head: seq, t: Date.now(), halted });
    }
  };
  await server.listen({ grpc: address });
  tell(false);
  const pending = new Set<Promise<void>>();
  const timer = setInterval(() => {
    for (let n = random.int(4); n > 0; n--) {
      const one = publish();
      pending.add(one);
      void one.finally(() => pending.delete(one));
    }
  }, every);
  process.on('message', async (message) => {
    if (message !== 'halt') return;
    clearInterval(timer);
    await Promise.all(pending);
    tell(true);
    process.send?.('halted');
  });
  process.send?.('serving');
}

process.once('message', (command) => void serve(command as Command));
process.once('disconnect', () => process.exit());
process.send?.('loaded');
