/** A server in a process of its own, so that its memory is its own: publishes what it is told to, and says what it holds. */
import { silentLogger } from '../../../src/call/logger.js';
import { createServer } from '../../../src/server/create-server.js';
import { Crowd, keys, updateOf } from './topic.js';

export type Order = { readonly publish: number; readonly from: number } | 'memory';

const server = createServer({ logger: silentLogger, reflection: false });
server.add(Crowd, {});
const latest = server.topic(Crowd.methods.latest);
const every = server.topic(Crowd.methods.every);

async function publish(from: number, count: number): Promise<void> {
  for (let n = from; n < from + count; n++) {
    const update = updateOf(`k${n % keys}`, n);
    await Promise.all([latest.publish(update), every.publish(update)]);
    // Others get to run: what is sent is sent as it is published.
    if (n % 50 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

process.on('message', async (order: Order) => {
  if (order === 'memory') {
    global.gc?.();
    const { rss, heapUsed, external } = process.memoryUsage();
    process.send?.({ rss, held: heapUsed + external });
    return;
  }
  await publish(order.from, order.publish);
  process.send?.({ head: latest.head.seq });
});
process.once('disconnect', () => process.exit());
const { grpc } = await server.listen({ grpc: '127.0.0.1:0' });
process.send?.({ grpc });
