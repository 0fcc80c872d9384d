/**
 * What readers of 1 KB/s cost the others: 900 subscribers that take every update, alone and with 100 slow ones beside them.
 * Limit: p99 of the 900 at most doubles.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Bench, interleave } from '../harness/bench.js';
import { used } from '../harness/echo-bench.js';
import { slowReaders, slowReadersModule } from '../subjects/slow-readers.js';
import { type Feeding, start, subscribe } from './feeds.js';

const cases = ['alone', 'beside-slow'];
const readers = { healthy: 900, slow: 100 } as const;
/** Bytes a second: of a slow reader's link. Three times as many are published, and the others are far from busy. */
const bandwidth = 1_024;
const load = { size: 125, topics: 4, perSecond: 20 } as const;
/** Of them, so that p99 is made of many updates. */
const measurement = 3;

export const slow: Bench = {
  name: 'slow',
  title: '900 subscribers that take every update, alone and beside 100 that read 1 KB/s',
  cases,
  mustHold: [],
  subjects: ['hawser'],
  estimate: (plan) => plan.cases.length * (10 + plan.runs * (measurement * plan.seconds + 2)),
  async run(plan) {
    const feeds = new Map<string, Feeding>();
    await interleave(plan, 'readers', plan.cases, plan.runs, async (name, run) => {
      let feed = feeds.get(name);
      if (feed === undefined) {
        feed = await start(plan, 'hawser');
        feeds.set(name, feed);
        const healthy = plan.scaled(readers.healthy, 20);
        await subscribe(feed, healthy, 'every', healthy);
        if (name !== 'alone') {
          const [address, acks] = await Promise.all([
            feed.server.ask<string>('address'),
            feed.server.ask<number>('acks'),
          ]);
          const slow = await plan.spawn('slow readers', slowReadersModule, slowReaders, { address, acks });
          await slow.ask('subscribe', { count: plan.scaled(readers.slow, 2), mode: 'latest' }, 60_000);
          await slow.ask('slow', { bandwidth });
        }
      }
      const { server, client } = feed;
      await server.ask('pace', load);
      await sleep(1_000);
      await client.ask('heard', { time: true });
      const { serverPeak } = await used(feed, () => sleep(measurement * plan.seconds * 1_000));
      const { p50, p99, lost, deliveries } = await client.ask<Record<'p50' | 'p99' | 'lost' | 'deliveries', number>>(
        'heard',
        { time: true },
      );
      await server.ask('rest');
      if (lost > 0 || deliveries === 0) throw new Error(`${deliveries} updates came, ${lost} connections were lost`);
      plan.record(name, 'hawser', 'p99_us', 'us', run, p99);
      plan.record(name, 'hawser', 'p50_us', 'us', run, p50);
      plan.record(name, 'hawser', 'server_peak_rss', 'bytes', run, serverPeak);
    });
  },
};
