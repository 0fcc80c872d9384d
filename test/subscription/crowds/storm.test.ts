/** All clients of a server at once lose it and come back: at times of their own, each from where it was, none for a snapshot. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { silentLogger } from '../../../src/call/logger.js';
import { createClient } from '../../../src/client/create-client.js';
import { createServer } from '../../../src/server/create-server.js';
import type { Server } from '../../../src/server/types.js';
import { acceptedBy } from '../../../src/subscription/subscriber/recovery.js';
import type { Subscription } from '../../../src/subscription/subscriber/subscription.js';
import { seededRandom } from '../../../src/testing/random.js';
import { check, describeViolations } from '../checker/check.js';
import { emptyHistory, type LogEntry, type Note, recorder } from '../checker/history.js';
import { keptTopics } from '../kept-topics.js';
import { Crowd, keys, updateOf, type Valued } from './topic.js';

const connections = process.env.HAWSER_SOAK === undefined ? 25 : 250;
const perConnection = 20;
const window = 2000;
const limit = 60_000 + connections * 2000;

test(`${connections * perConnection} subscriptions on ${connections} connections go on after a restart where they were, not all at once`, {
  timeout: 60_000 + 2 * limit,
}, async () => {
  const history = emptyHistory();
  const { stores } = keptTopics();
  const start = async (address: string): Promise<[Server, string]> => {
    const server = createServer({
      logger: silentLogger,
      reflection: false,
      topics: { store: stores, limits: { goAwayWindowMs: window } },
    });
    server.add(Crowd, {});
    return [server, (await server.listen({ grpc: address })).grpc];
  };
  let [server, address] = await start('127.0.0.1:0');
  onTestFinished(() => server.close({ grace: 0 }));
  let n = 0;
  const publish = async (count: number): Promise<void> => {
    for (let end = n + count; n < end; n++) {
      const update = updateOf(`k${n % keys}`, n);
      for (const method of [Crowd.methods.latest, Crowd.methods.every]) {
        const { epoch, seq } = await server.topic(method).publish(update);
        const log: LogEntry[] = history.logs.get(epoch) ?? [];
        history.logs.set(epoch, log);
        log.push({ seq, key: update.key, value: JSON.stringify(update), t: 0 });
      }
    }
  };
  const all: { readonly subscription: Subscription<Valued>; readonly notes: Note[] }[] = [];
  const random = seededRandom('storm');
  for (let c = 0; c < connections; c++) {
    const client = createClient(Crowd, address, { logger: silentLogger, random: random.fork(`client ${c}`) });
    onTestFinished(() => client.$close());
    for (let s = 0; s < perConnection; s++) {
      const method = s % 2 === 0 ? 'latest' : 'every';
      const recovery = s % 2 === 0 ? 'CONVERGENT' : 'PRECISE';
      const notes: Note[] = [];
      const subscription = client[method].subscribe(
        {},
        { changes: false, trace: recorder(notes, () => performance.now()) },
      );
      const name = `client ${c}.${s}`;
      history.subscribers.push({
        name,
        keys: [],
        recovery,
        accept: acceptedBy[recovery],
        takes: false,
        steady: undefined,
        notes,
      });
      all.push({ subscription, notes });
    }
  }
  const allAt = async (seq: number): Promise<void> => {
    const end = performance.now() + limit;
    while (!all.every(({ subscription: { state, position } }) => state === 'Live' && position?.seq === seq)) {
      if (performance.now() > end) expect.fail(`not all came to ${seq}`);
      await sleep(20);
    }
  };
  await publish(30);
  await allAt(30);
  await server.close({ grace: 5000 });
  const before = all.map(({ notes }) => notes.length);
  [server] = await start(address);
  await publish(50);
  await allAt(80);

  expect(describeViolations(check(history))).toBe('');
  const back = all.map(({ notes }, i) => notes.slice(before[i]));
  const began = back.flat().filter((note) => note.type === 'began');
  expect(began.length).toBe(all.length);
  expect(new Set(began.map(({ outcome }) => outcome))).toEqual(new Set(['REPLAY']));
  expect(back.flat().filter(({ type }) => type === 'entries' || type === 'reset')).toEqual([]);
  // Each connection came back at a time of its own in the window: a slow machine spreads them more, never less.
  const asked = back
    .filter((_, i) => i % perConnection === 0)
    .map((notes) => notes.find(({ type }) => type === 'asked')?.t ?? 0);
  expect(Math.max(...asked) - Math.min(...asked)).toBeGreaterThan(window / 2);
});
