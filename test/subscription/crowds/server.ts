/** A server in a process of its own, so that its memory is its own: publishes what it is told to, and says what it holds. */
import { silentLogger } from '../../../src/call/logger.js';
import { createServer } from '../../../src/server/create-server.js';
import { Crowd, keys, updateOf } from './topic.js';
import { mostWaiting, watchStreams } from './waiting.js';

export type Order = { readonly publish: number; readonly from: number } | 'memory';

watchStreams();
const server = createServer({ logger: silentLogger, reflection: false });
server.add(Crowd, {});
const latest = server.topic(Crowd.methods.latest);
const every = server.topic(Crowd.methods.every);

/** Bytes; the most that one stream ever held. */
let waiting = 0;

async function publish(from: number, count: number): Promise<void> {
  for (let n = from; n < from + count; n++) {
    const update = updateOf(`k${n % keys}`, n);
    await Promise.all([latest.publish(update), every.publish(update)]);
    if (n % 50 !== 0) continue;
    waiting = Math.max(waiting, mostWaiting());
    // Others get to run: what is sent is sent as it is published.
    await new Promise((resolve) => setImmediate(resolve));
  }
}

process.on('message', async (order: Order) => {
  if (order === 'memory') {
    // What the first collection frees beside the heap is freed in the background, and gone after the second.
    global.gc?.();
    await new Promise((resolve) => setTimeout(resolve, 20));
    global.gc?.();
    const { rss, heapUsed, external } = process.memoryUsage();
    process.send?.({ rss, held: heapUsed + external, waiting: Math.max(waiting, mostWaiting()) });
    return;
  }
  await publish(order.from, order.publish);
  process.send?.({ head: latest.head.seq });
});
process.once('disconnect', () => process.exit());
const { grpc } = await server.listen({ grpc: '127.0.0.1:0' });
process.send?.({ grpc });
