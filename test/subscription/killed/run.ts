/**
 * Subscribers over gRPC, through proxies that break, of a server process that is killed with -9 and started again. What the
 * subscribers did and what the server had answered make a history that the simulator's checker reads.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { silentLogger } from '../../../src/call/logger.js';
import { createClient } from '../../../src/client/create-client.js';
import { acceptedBy } from '../../../src/subscription/subscriber/recovery.js';
import type { Subscription } from '../../../src/subscription/subscriber/subscription.js';
import { type FaultProxy, faultProxy } from '../../../src/testing/proxy/fault-proxy.js';
import { type SeededRandom, seededRandom } from '../../../src/testing/random.js';
import { freePort } from '../../support/free-port.js';
import { fromSource } from '../../support/program.js';
import { emptyHistory, type History, type LogEntry, type Note, recorder } from '../checker/history.js';
import { type Command, kinds, type Line, type Sale, type StoreKind, salesOf } from './topics.js';

const program = join(import.meta.dirname, 'server.ts');
const recoveries = { latest: 'CONVERGENT', every: 'DIVERGENT', plain: 'GAP' } as const;

/** ms in which somebody who is behind must come on. */
const patience = 30_000;

interface Init {
  readonly store: StoreKind;
  readonly folder: string;
  readonly seed: string;
  readonly clients: number;
  /** ms between two turns of publishing. */
  readonly every: number;
}

export class KilledRun {
  readonly history: History = emptyHistory();
  readonly #init: Init;
  readonly #random: SeededRandom;
  readonly #command: Command;
  readonly #proxies: FaultProxy[] = [];
  readonly #clients: { $close(): Promise<void> }[] = [];
  readonly #subscriptions: { readonly subscription: Subscription<Sale>; readonly notes: Note[] }[] = [];
  #child: ChildProcess | undefined;
  /** Loaded already, so that a killed server is replaced at once. */
  #next: Promise<ChildProcess>;
  #hurry = false;

  private constructor(init: Init, address: string) {
    const { store, folder, seed, every } = init;
    this.#init = init;
    this.#random = seededRandom(seed);
    const journal = join(folder, 'journal');
    writeFileSync(journal, '');
    this.#command = { address, store, database: join(folder, 'sales.db'), journal, seed, every };
    this.#next = load();
  }

  static async start(init: Init): Promise<KilledRun> {
    const run = new KilledRun(init, `127.0.0.1:${await freePort()}`);
    await run.serve();
    return run;
  }

  get database(): string {
    return this.#command.database;
  }

  /** Lines that the servers have written so far. */
  get lines(): readonly Line[] {
    const text = readFileSync(this.#command.journal, 'utf8');
    // A kill may cut the last line of a life short.
    return text.split('\n').flatMap((line) => (line.endsWith('}') ? [JSON.parse(line) as Line] : []));
  }

  async serve(): Promise<void> {
    const child = await this.#next;
    child.send({ ...this.#command, seed: `${this.#command.seed}/${this.lines.length}` });
    await says(child, 'serving');
    this.#child = child;
  }

  async kill(): Promise<void> {
    this.#next = load();
    await this.#next;
    await end(this.#child);
  }

  async connect(): Promise<void> {
    for (let n = 0; n < 5; n++) this.#proxies.push(await faultProxy({ target: this.#command.address }));
    for (let n = 0; n < this.#init.clients; n++) {
      const { address } = this.#proxies[n % this.#proxies.length] as FaultProxy;
      const client = createClient(salesOf(this.#init.store), address, {
        logger: silentLogger,
        subscriptions: { heartbeat: '1s', answerTimeout: '5s', backoff: { initial: 20, max: 500 } },
      });
      this.#clients.push(client);
      for (const kind of kinds) this.#subscribe(`client ${n}, ${kind}`, client, kind);
    }
  }

  #subscribe(
    name: string,
    client: ReturnType<typeof createClient<ReturnType<typeof salesOf>>>,
    kind: keyof typeof recoveries,
  ): void {
    const notes: Note[] = [];
    const keys = kind !== 'plain' && this.#random.chance(0.3) ? ['cod', 'eel'] : [];
    const subscription = client[kind].subscribe(keys.length === 0 ? {} : { keys }, {
      trace: recorder(notes, () => Date.now()),
      credit: { updates: this.#random.pick([3, 20, 1024]) },
      ...(kind === 'plain' ? { from: 'head' } : {}),
    });
    const recovery = recoveries[kind];
    const accept = acceptedBy[recovery];
    this.history.subscribers.push({ name, keys, recovery, accept, takes: true, steady: undefined, notes });
    this.#subscriptions.push({ subscription, notes });
    void this.#read(subscription, this.#random.chance(0.2) ? 10 : 0);
  }

  async #read(subscription: Subscription<Sale>, pause: number): Promise<void> {
    for await (const _ of subscription) if (pause > 0 && !this.#hurry) await sleep(pause);
  }

  async disturb(): Promise<void> {
    const proxy = this.#random.pick(this.#proxies);
    const what = this.#random.int(10);
    if (what === 0) await proxy.set({ halfOpen: 'toClient' });
    else if (what === 1) await proxy.set({ stall: 'toClient' });
    else if (what < 4) await proxy.set({});
    else proxy.reset();
  }

  /** Nothing is published or broken any more; resolves when all subscribers rest, or none comes on for long. */
  async rest(): Promise<void> {
    this.#hurry = true;
    const child = this.#child as ChildProcess;
    child.send('halt');
    await says(child, 'halted');
    for (const proxy of this.#proxies) {
      await proxy.set({});
      proxy.reset();
    }
    const heads = new Map<string, number>();
    for (const line of this.lines) if ('halted' in line && line.halted) heads.set(line.epoch, line.head);
    const resting = ({ state, position }: Subscription<Sale>): boolean =>
      state === 'Failed' || (state === 'Live' && position !== undefined && heads.get(position.epoch) === position.seq);
    // As long as somebody comes on, however slow the machine is.
    let moved = performance.now();
    let last = -1;
    while (!this.#subscriptions.every(({ subscription }) => resting(subscription))) {
      const sum = this.#subscriptions.reduce((all, { subscription }) => all + (subscription.position?.seq ?? 0), 0);
      if (sum !== last) moved = performance.now();
      else if (performance.now() - moved > patience) break;
      last = sum;
      await sleep(50);
    }
    for (const { subscription, notes } of this.#subscriptions) {
      const { state, position } = subscription;
      const replica = [...subscription.replica()].map(
        ([key, sale]) => [key, seqOf(notes, key), JSON.stringify(sale)] as const,
      );
      const { epoch = '', seq = -1 } = position ?? {};
      notes.push({ t: Date.now(), type: 'rest', state, epoch, seq, replica });
    }
  }

  /**
   * Kills the last server, and notes what was answered, and the logs: by `read` where a store outlives its server, else what
   * was answered is all there was.
   */
  async tell(read?: (kind: (typeof kinds)[number]) => Promise<LogEntry[]>): Promise<void> {
    await end(this.#child);
    const { acked, recovered, logs } = this.history;
    for (const line of this.lines) {
      if ('value' in line) acked.push(line);
      else if (!line.halted && (line.head > 0 || read !== undefined)) recovered.push(line);
    }
    if (read === undefined) {
      for (const { epoch, seq, key, value } of this.lines.filter((line) => 'value' in line)) {
        const log = logs.get(epoch) ?? [];
        logs.set(epoch, log);
        log.push({ seq, key, value, t: 0 });
      }
      for (const log of logs.values()) log.sort((a, b) => a.seq - b.seq);
      return;
    }
    for (const kind of kinds) {
      const epoch = this.lines.findLast((line) => 'kind' in line && line.kind === kind)?.epoch ?? '';
      logs.set(epoch, await read(kind));
    }
  }

  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.$close()));
    await Promise.all(this.#proxies.map((proxy) => proxy.close()));
    for (const child of [this.#child, await this.#next]) await end(child);
  }
}

async function end(child: ChildProcess | undefined): Promise<void> {
  if (child?.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill('SIGKILL');
  await gone;
}

async function load(): Promise<ChildProcess> {
  const child = fork(program, { execArgv: fromSource, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
  await says(child, 'loaded');
  return child;
}

function says(child: ChildProcess, what: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const heard = (message: unknown): void => {
      if (message !== what) return;
      child.off('message', heard);
      resolve();
    };
    child.on('message', heard);
    child.once('exit', (code) => reject(new Error(`the server ended with ${code} before it said ${what}`)));
  });
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
