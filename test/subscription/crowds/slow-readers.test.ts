/**
 * Many readers, a tenth of them behind links of 1 KB/s. Nothing is timed: the publisher waits for the healthy ones after each
 * burst, so one of them that were held up by the slow would hold up the test; and all that is counted has a bound.
 */
import { expect, onTestFinished, test } from 'vitest';
import { faultProxy } from '../../../src/testing/proxy/fault-proxy.js';
import { leastHeld, reader, startServer, until, untilHeld } from './children.js';
import { keys } from './topic.js';

const soak = process.env.HAWSER_SOAK !== undefined;
const readers = soak ? 1000 : 200;
const slow = readers / 10;
const bursts = soak ? 40 : 15;
/** Bursts after which the server has what it needs. */
const warming = 3;
/** Updates of one burst: fewer than the log of EVERY holds, so nobody healthy may lose one. */
const burst = 500;
const limit = soak ? 1_200_000 : 240_000;

test(`${slow} of ${readers} readers at 1 KB/s hold up nobody, cost no memory and end with the newest`, {
  timeout: limit,
}, async () => {
  const { grpc, tell } = await startServer();
  const proxy = await faultProxy({ target: grpc, faults: { bandwidth: 1024 } });
  onTestFinished(() => proxy.close());
  // Half of the slow say how little they can take; the others claim to take all, and HTTP/2 and the hub must find out.
  const halting = Array.from({ length: slow }, (_, n) =>
    reader(
      proxy.address,
      'latest',
      n % 2 === 0 ? { credit: { updates: 20, bytes: 2048 } } : { credit: { updates: 1e9, bytes: 1e9 } },
    ),
  );
  const healthy = Array.from({ length: readers - slow }, (_, n) => reader(grpc, n % 2 === 0 ? 'every' : 'latest'));
  const all = [...halting, ...healthy];
  await until('that all begin', limit, () => all.every(({ state }) => state === 'Live'));

  let head = 0;
  const oneBurst = async (): Promise<void> => {
    head = (await tell({ publish: burst, from: head })).head;
    await until(`that the healthy are at ${head}`, limit, () =>
      healthy.every(({ position }) => position?.seq === head),
    );
  };
  for (let n = 0; n < warming; n++) await oneBurst();
  const before = await leastHeld(tell);
  for (let n = warming; n < bursts; n++) await oneBurst();
  const after = await tell('memory');

  // A stream that has 64 KiB waiting is written to no more, and a frame has about 32 KiB.
  expect(after.waiting).toBeLessThan(128 * 1024);
  // A queue for each slow reader would hold all that was published since.
  const queued = slow * (bursts - warming) * burst * 450;
  await untilHeld('no queues for slow readers', tell, before.held + queued / 2);
  if (soak) expect(after.rss - before.rss).toBeLessThan(queued / 8);
  for (const [n, { stats, state }] of healthy.entries()) {
    expect([n, state, stats.gapped]).toEqual([n, 'Live', 0]);
    if (n % 2 === 0) expect(stats).toEqual({ represented: head, skipped: 0, gapped: 0 });
  }
  const careful = halting.filter((_, n) => n % 2 === 0);
  expect(careful.filter(({ position }) => (position?.seq ?? 0) < head).length).toBeGreaterThan(careful.length / 2);

  const converged = ({ position, consistent, state }: (typeof halting)[number]): boolean =>
    position?.seq === head && consistent && state === 'Live';
  await until('that the slow who said so converge at 1 KB/s', limit, () => careful.every(converged));
  await proxy.set({});
  await until('that all slow ones converge when their links are good again', limit, () => halting.every(converged));
  for (const subscription of halting) {
    const newest = [...subscription.replica().values()].map(({ n }) => n).sort((a, b) => a - b);
    expect(newest).toEqual(Array.from({ length: keys }, (_, n) => head - keys + n));
    const { represented, skipped } = subscription.stats;
    expect([represented + skipped, skipped > 0]).toEqual([head, true]);
  }
});
