/**
 * Subscribers over real sockets, whose connections are reset at random and whose server is restarted, with its log kept or with
 * a new one. What each of them did is read by the checker of the simulator.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { silentLogger } from '../../src/call/logger.js';
import { createClient } from '../../src/client/create-client.js';
import { createServer } from '../../src/server/create-server.js';
import type { Server } from '../../src/server/types.js';
import type { SubscribeOptions } from '../../src/subscription/subscriber/options.js';
import { acceptedBy } from '../../src/subscription/subscriber/recovery.js';
import type { Subscription } from '../../src/subscription/subscriber/subscription.js';
import { type FaultProxy, faultProxy } from '../../src/testing/proxy/fault-proxy.js';
import { type SeededRandom, seededRandom } from '../../src/testing/random.js';
import { type Price, Prices } from '../support/prices.js';
import { check, describeViolations } from './checker/check.js';
import { emptyHistory, type History, type LogEntry, type Note, recorder } from './checker/history.js';
import { keptTopics } from './kept-topics.js';

const soak = process.env.HAWSER_SOAK !== undefined;
const trouble = soak ? 60_000 : 4000;
const clients = soak ? 50 : 25;
const perClient = 4;

class Run {
  readonly history: History = emptyHistory();
  readonly proxies: FaultProxy[] = [];
  readonly subscriptions: { readonly subscription: Subscription<Price>; readonly notes: Note[] }[] = [];
  readonly #random: SeededRandom;
  readonly #topics = keptTopics();
  readonly #clients: { $close(): Promise<void> }[] = [];
  #server: Server | undefined;
  #address = '127.0.0.1:0';
  #published = 0;

  constructor(seed: string) {
    this.#random = seededRandom(seed);
  }

  async start(): Promise<void> {
    const server = createServer({ logger: silentLogger, reflection: false, topics: { store: this.#topics.stores } });
    server.add(Prices, {});
    server.topic(Prices.methods.merged).mergeWith((a, b) => ({ ...b, price: a.price + b.price }));
    this.#address = (await server.listen({ grpc: this.#address })).grpc;
    this.#server = server;
  }

  async restart(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    await server?.close({ grace: 0 });
    if (this.#random.chance(0.4)) this.#topics.forget();
    await sleep(this.#random.int(100));
    await this.start();
  }

  async connect(): Promise<void> {
    for (let n = 0; n < 5; n++) this.proxies.push(await faultProxy({ target: this.#address }));
    for (let n = 0; n < clients; n++) {
      const proxy = this.proxies[n % this.proxies.length] as FaultProxy;
      const client = createClient(Prices, proxy.address, {
        logger: silentLogger,
        subscriptions: { heartbeat: '1s', answerTimeout: '2s', backoff: { initial: 20, max: 500 } },
      });
      this.#clients.push(client);
      for (let s = 0; s < perClient; s++) this.#subscribe(client, `client ${n}.${s}`, s);
    }
  }

  #subscribe(client: ReturnType<typeof createClient<typeof Prices>>, name: string, kind: number): void {
    const notes: Note[] = [];
    const options: SubscribeOptions = {
      trace: recorder(notes, () => performance.now()),
      credit: { updates: this.#random.pick([3, 20, 1024]) },
    };
    const keys = kind === 1 ? ['cod', 'eel'] : [];
    const subscription =
      kind < 3
        ? client.watch.subscribe(kind === 1 ? { keys } : {}, options)
        : client.sales.subscribe({}, { ...options, from: 'head' });
    const recovery = kind < 3 ? 'CONVERGENT' : 'GAP';
    const accept = acceptedBy[recovery];
    this.history.subscribers.push({ name, keys, recovery, accept, takes: true, steady: undefined, notes });
    this.subscriptions.push({ subscription, notes });
    void this.#read(subscription, kind === 2 ? 5 : 0);
  }

  async #read(subscription: Subscription<Price>, pause: number): Promise<void> {
    for await (const _ of subscription) if (pause > 0 && !this.#hurry) await sleep(pause);
  }

  #hurry = false;

  async publish(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    const method = this.#random.pick([Prices.methods.watch, Prices.methods.sales]);
    const topic = server.topic(method);
    const fish = this.#random.pick(['cod', 'eel', 'hake', 'ling', 'sole']);
    try {
      if (method === Prices.methods.watch && this.#random.chance(0.2)) {
        const { epoch, seq } = await topic.delete(fish);
        this.#log(epoch).push({ seq, key: fish, value: null, t: 0 });
      } else {
        const price = { fish, price: ++this.#published };
        const { epoch, seq } = await topic.publish(price);
        const key = method === Prices.methods.watch ? fish : '';
        this.#log(epoch).push({ seq, key, value: JSON.stringify(price), t: 0 });
      }
    } catch {
      // The server is being restarted: this one was not published, or nobody was told.
    }
  }

  #log(epoch: string): LogEntry[] {
    const log = this.history.logs.get(epoch) ?? [];
    this.history.logs.set(epoch, log);
    return log;
  }

  async disturb(): Promise<void> {
    const proxy = this.#random.pick(this.proxies);
    const what = this.#random.int(10);
    if (what === 0) await proxy.set({ halfOpen: 'toClient' });
    else if (what === 1) await proxy.set({ stall: 'toClient' });
    else if (what < 4) await proxy.set({});
    else proxy.reset();
  }

  /** Peace, until everybody rests. */
  async rest(): Promise<void> {
    this.#hurry = true;
    for (const proxy of this.proxies) {
      await proxy.set({});
      proxy.reset();
    }
    const server = this.#server as Server;
    const heads = new Map(
      [Prices.methods.watch, Prices.methods.sales].map((method) => [
        server.topic(method).name,
        server.topic(method).head,
      ]),
    );
    const resting = ({ state, topic, position }: Subscription<Price>): boolean => {
      const head = heads.get(topic);
      return state === 'Failed' || (state === 'Live' && position?.seq === head?.seq && position?.epoch === head?.epoch);
    };
    for (let wait = 0; wait < 400 && !this.subscriptions.every(({ subscription }) => resting(subscription)); wait++) {
      await sleep(50);
    }
    for (const { subscription, notes } of this.subscriptions) {
      const { state, position } = subscription;
      const replica = [...subscription.replica()].map(
        ([key, price]) => [key, seqOf(notes, key), JSON.stringify(price)] as const,
      );
      notes.push({
        t: performance.now(),
        type: 'rest',
        state,
        epoch: position?.epoch ?? '',
        seq: position?.seq ?? -1,
        replica,
      });
    }
    for (const log of this.history.logs.values()) log.sort((a, b) => a.seq - b.seq);
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.$close()));
    await Promise.all(this.proxies.map((proxy) => proxy.close()));
    await this.#server?.close({ grace: 0 });
  }
}

/** The seq of what a replica holds of a key is not shown to applications; the notes have it. */
function seqOf(notes: readonly Note[], key: string): number {
  for (const note of notes.toReversed()) {
    if (note.type === 'consistent' || note.type === 'published') {
      const held = note.replica.find(([one]) => one === key);
      if (held !== undefined) return held[1];
    }
  }
  return -1;
}

it(`${clients * perClient} subscribers over gRPC lose nothing that is not announced, while connections break and servers restart`, {
  timeout: trouble + 60_000,
}, async () => {
  const seed = process.env.HAWSER_SEED ?? 'sockets';
  const random = seededRandom(`${seed}/acts`);
  const run = new Run(seed);
  try {
    await run.start();
    await run.connect();
    const end = performance.now() + trouble;
    let next = 0;
    while (performance.now() < end) {
      for (let n = random.int(10); n > 0; n--) await run.publish();
      if (++next % 25 === 0) await run.disturb();
      if (next % 200 === 0) await run.restart();
      await sleep(2);
    }
    await run.rest();
    const violations = check(run.history);
    expect(violations, `seed ${seed}\n${describeViolations(violations)}`).toEqual([]);
    const breaks = run.history.subscribers
      .flatMap(({ notes }) => notes)
      .filter((note) => note.type === 'state' && note.state === 'Stale');
    expect(breaks.length).toBeGreaterThan(clients);
  } finally {
    await run.close();
  }
});
