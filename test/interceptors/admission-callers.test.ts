/** Calls that wait for a place: callers take turns, so that one which floods makes its own calls wait and no other's. */
import { describe, expect, it } from 'vitest';
import { BandQueue, type Waiting } from '../../src/interceptors/admission/band-queue.js';

const terms = { max: 100, target: 5, interval: 100 };

function call(owner: string, since = 0, band = 1): Waiting {
  const links = { older: undefined, newer: undefined, olderOwn: undefined, newerOwn: undefined };
  return { owner, since, band, patience: 1_000, queued: false, ...links };
}

/** A queue that has stood for long, and is served one call a ms. */
function standing(flood: number) {
  const queue = new BandQueue<Waiting>({ ...terms, max: 100_000 });
  for (let n = 0; n < flood; n++) queue.push(call('flood', 0));
  for (let now = 1; now <= 400; now++) {
    queue.turned(1);
    queue.take(now);
    queue.push(call('flood', now));
    queue.refuses(1, 1_000, now, 'flood');
  }
  return queue;
}

describe('calls that wait', () => {
  it('are served in turns of their callers, each caller the oldest first', () => {
    const queue = new BandQueue<Waiting>(terms);
    for (let n = 0; n < 10; n++) queue.push(call('flood', n));
    for (let n = 0; n < 2; n++) queue.push(call('ada', 20 + n));
    queue.push(call('bob', 30));
    const order = Array.from({ length: 13 }, () => queue.take(40)).map((one) => `${one?.owner} ${one?.since}`);
    expect(order.slice(0, 6)).toEqual(['flood 0', 'ada 20', 'bob 30', 'flood 1', 'ada 21', 'flood 2']);
    expect(order.slice(6)).toEqual([3, 4, 5, 6, 7, 8, 9].map((n) => `flood ${n}`));
    expect(queue.size).toBe(0);
  });

  it('are refused to a caller that has more of them than can be served, and not to another', () => {
    const queue = standing(5_000);
    expect(queue.refuses(1, 1_000, 401, 'flood')).toBe('codel');
    for (let n = 0; n < 50; n++) {
      expect(queue.refuses(1, 1_000, 401, 'ada')).toBeUndefined();
      queue.push(call('ada', 401));
    }
    // The next turns are shared.
    const served = Array.from({ length: 100 }, () => queue.take(402)?.owner);
    expect(served.filter((owner) => owner === 'ada').length).toBe(50);
  });

  it('are refused to anybody where callers are so many that none could be served in time', () => {
    const queue = standing(5_000);
    for (let n = 0; n < 3_000; n++) {
      if (queue.refuses(1, 1_000, 401, `caller ${n}`) === undefined) queue.push(call(`caller ${n}`, 401));
    }
    expect(queue.size).toBeLessThan(5_000 + 1_100);
  });

  it('make place for a caller with fewer when all places are taken', () => {
    const queue = new BandQueue<Waiting>(terms);
    for (let n = 0; n < 100; n++) queue.push(call('flood', n));
    expect(queue.refuses(1, 1_000, 50, 'flood')).toBe('queue-full');
    expect(queue.refuses(1, 1_000, 50, 'ada')).toBeUndefined();
    expect(queue.push(call('ada', 50))).toMatchObject({ owner: 'flood', since: 0 });
    expect(queue.size).toBe(100);
  });

  it('leave no caller behind when they are taken out in any order', () => {
    const queue = new BandQueue<Waiting>(terms);
    const calls = Array.from({ length: 60 }, (_, n) => call(`caller ${n % 7}`, n));
    for (const one of calls) queue.push(one);
    for (let n = 0; n < 60; n += 2) queue.remove(calls[(n * 17) % 60] as Waiting);
    let left = 0;
    while (queue.take(100) !== undefined) left += 1;
    expect(left + new Set(Array.from({ length: 30 }, (_, n) => (n * 2 * 17) % 60)).size).toBe(60);
    expect(queue.size).toBe(0);
  });
});
