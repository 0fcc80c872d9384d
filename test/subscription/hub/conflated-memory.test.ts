/** What one that is far behind costs a server whose logs are on a disk: the names of the keys that changed, and values frame by frame. */
import { expect, it, onTestFinished } from 'vitest';
import { silentLogger } from '../../../src/call/logger.js';
import { sqliteStore } from '../../../src/stores/sqlite/index.js';
import { Hub } from '../../../src/subscription/hub/hub.js';
import type { LogUpdate } from '../../../src/subscription/topic-store.js';
import { VirtualClock } from '../../../src/testing/virtual-clock.js';
import { scratchPath } from '../../stores/sqlite/scratch-store.js';
import { change, declaration, HubClient } from '../../support/hub-client.js';

const name = 'test.Prices/Watch';
const frameBytes = 65_536;
const keys = 600;

it.each([
  ['that does not reach back to it', 250],
  ['that has everything', 10_000],
])(
  'a reader that conflates is sent the newest of each key from a log %s, and no more than a frame is read at once',
  async (_, count) => {
    const clock = new VirtualClock();
    const store = sqliteStore(scratchPath().path, { clock, logger: silentLogger, groupDelay: 0 });
    onTestFinished(() => store.close());
    const defer = (fn: () => void): void => void clock.setTimer(fn, 0);
    const limits = { frameBytes };
    const hub = new Hub({ stores: store.topics, clock, logger: silentLogger, limits, defer, pressure: () => 0 });
    const history = { count, age: Number.POSITIVE_INFINITY, bytes: 1 << 26 };
    hub.declare(declaration(name, { durability: 'FSYNC', history }));
    const settle = async (): Promise<void> => {
      for (let turn = 0; turn < 4; turn++) {
        await clock.advance(0);
        await new Promise((resolve) => setImmediate(resolve));
      }
    };
    const publish = async (version: number): Promise<void> => {
      for (let n = 0; n < keys; n += 200) {
        const group = Array.from({ length: 200 }, (_, at) => change(`k${n + at}=${version}${'x'.repeat(4000)}`));
        const appended = Promise.resolve(hub.publish(name, group));
        await settle();
        await appended;
      }
    };
    await publish(1);
    const client = new HubClient(hub);
    const view = client.subscribe(1, name, { keys: [] });
    for (let turn = 0; turn < 300 && view.replica.size < keys; turn++) await settle();
    expect(Object.keys(view.values()).length).toBe(keys);
    client.room = 0;
    await publish(2);
    const topic = hub.topic(name).store;
    const sizes: number[] = [];
    const weigh = (page: { readonly updates: readonly LogUpdate[] } | readonly LogUpdate[] | undefined): void => {
      const updates: readonly LogUpdate[] = page === undefined ? [] : 'updates' in page ? page.updates : page;
      sizes.push(updates.reduce((sum, { value }) => sum + (value?.byteLength ?? 0), 0));
    };
    for (const method of ['changesSince', 'get', 'read'] as const) {
      const real = topic[method].bind(topic) as (...args: unknown[]) => unknown;
      const weighed = async (...args: unknown[]): Promise<unknown> => {
        const page = await real(...args);
        weigh(page as never);
        return page;
      };
      Object.assign(topic, { [method]: weighed });
    }
    client.drained();
    for (let turn = 0; turn < 600 && view.position < 2 * keys; turn++) await settle();
    expect([view.position, view.consistent]).toEqual([2 * keys, true]);
    expect(Object.values(view.values()).every((value) => value.includes('=2x'))).toBe(true);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(2 * frameBytes);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBeGreaterThan((keys * 4000) / 2);
  },
);
