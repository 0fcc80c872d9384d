/** A hub that can be killed: with its log kept, with what was not flushed lost, or with a new log of a new epoch. */
import { silentLogger } from '../../../src/call/logger.js';
import { MemoryTopicStore } from '../../../src/stores/memory/topic-store.js';
import type { Connection, Session } from '../../../src/subscription/connection.js';
import type { TopicDeclaration } from '../../../src/subscription/hub/declaration.js';
import { Hub } from '../../../src/subscription/hub/hub.js';
import type { Position } from '../../../src/subscription/position.js';
import type { Append, LogUpdate, TopicState, TopicStore } from '../../../src/subscription/topic-store.js';
import type { SeededRandom } from '../../../src/testing/random.js';
import type { History, LogEntry } from '../checker/history.js';
import { DurableStore } from './durable-store.js';
import type { SimClock } from './sim-clock.js';
import { SqliteDisk } from './sqlite-disk.js';

export interface SimServerInit {
  readonly clock: SimClock;
  readonly random: SeededRandom;
  readonly declaration: TopicDeclaration;
  readonly history: History;
  /** ms until what was published is kept; 0: at once, and only while the process lives. */
  readonly flushMs: number;
  readonly heartbeatMs: number;
  readonly slackMs: number;
  readonly maxReplay: number;
  /** The log is SQLite's; its commits take `flushMs`, and 1 at least. */
  readonly sqlite: boolean;
}

const everything = { count: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };

export class SimServer {
  readonly #init: SimServerInit;
  #hub: Hub | undefined;
  #memory: MemoryTopicStore | undefined;
  #sqlite: SqliteDisk | undefined;
  #durable: DurableStore | undefined;
  #epochs = 0;
  #life = 0;

  constructor(init: SimServerInit) {
    this.#init = init;
    this.#newLog();
    this.start();
  }

  get up(): boolean {
    return this.#hub !== undefined;
  }

  /** Where the newest update is. */
  get position(): Position {
    const { epoch, head } = this.#state();
    return { epoch, seq: head };
  }

  connect(connection: Connection): Session | undefined {
    return this.#hub?.connect(connection);
  }

  publish(group: readonly Append[]): void {
    const hub = this.#hub;
    if (hub === undefined) return;
    const { declaration, history } = this.#init;
    const acked = (
      positions: readonly { readonly position: { readonly epoch: string; readonly seq: number } }[],
    ): void => {
      for (const [at, { position }] of positions.entries()) {
        const value = group[at]?.value;
        history.acked.push({ ...position, value: value === undefined ? null : Buffer.from(value).toString('latin1') });
      }
    };
    const published = hub.publish(declaration.name, group);
    if (published instanceof Promise) void published.then(acked);
    else acked(published);
  }

  goAway(windowMs: number): void {
    void this.#hub?.goAway('SIMULATED', windowMs, windowMs);
  }

  kill(): void {
    if (this.#hub === undefined) return;
    this.#life += 1;
    this.#hub.flush.stop();
    this.#hub = undefined;
    this.#durable?.crash();
    this.#memory?.close();
    this.#sqlite?.restart();
  }

  start(newLog = false): void {
    if (this.#hub !== undefined) return;
    const { clock, declaration, history } = this.#init;
    if (newLog) this.#newLog();
    else {
      const { epoch, head } = this.#state();
      if (this.#life > 0) history.recovered.push({ t: clock.now(), epoch, head });
    }
    const store = this.#sqlite?.store ?? this.#inMemory(this.#memory as MemoryTopicStore);
    const life = this.#life;
    this.#hub = new Hub({
      clock: {
        now: () => clock.now(),
        wallTime: () => clock.wallTime(),
        setTimer: (fn, ms) =>
          clock.setTimer(() => {
            if (life === this.#life) fn();
          }, ms),
      },
      logger: silentLogger,
      stores: { durability: 'FSYNC', topic: () => store, close: () => {} },
      limits: {
        heartbeatMs: this.#init.heartbeatMs,
        slackMs: this.#init.slackMs,
        stallMs: 4000,
        frameBytes: 1024,
        maxReplay: this.#init.maxReplay,
      },
      defer: (fn) => void clock.setTimer(() => life === this.#life && fn(), 0),
      pressure: () => 0,
    });
    this.#hub.declare(declaration);
  }

  /** What has committed. */
  #state(): TopicState {
    return (this.#sqlite?.store ?? (this.#memory as MemoryTopicStore)).state() as TopicState;
  }

  #inMemory(memory: MemoryTopicStore): TopicStore {
    const { clock, flushMs } = this.#init;
    memory.onVisible(() => this.#writeDown(memory));
    this.#durable = flushMs > 0 ? new DurableStore(memory, clock, flushMs) : undefined;
    return this.#durable ?? memory;
  }

  #newLog(): void {
    const { declaration, clock, random, sqlite, flushMs } = this.#init;
    const { name, history, tombstones, maxKeys, keyOf } = declaration;
    const epoch = `${(++this.#epochs).toString(16).padStart(2, '0')}${random
      .int(2 ** 32)
      .toString(16)
      .padStart(30, '0')}`;
    const spec = { name, keyed: keyOf !== undefined, history, tombstones, maxKeys };
    if (sqlite) {
      this.#sqlite?.close();
      const log: LogEntry[] = [];
      this.#sqlite = new SqliteDisk(spec, clock, Math.max(1, flushMs), (update) => log.push(this.#entry(update)));
      this.#init.history.logs.set(this.#state().epoch, log);
      return;
    }
    this.#memory = new MemoryTopicStore(spec, clock, epoch);
    this.#init.history.logs.set(epoch, []);
  }

  /** The log as readers see it, before the hub tells them. */
  #writeDown(memory: MemoryTopicStore): void {
    const log = this.#init.history.logs.get(memory.state().epoch) as LogEntry[];
    const page = memory.read(log.length, everything);
    if (page === undefined)
      throw new Error('the log was trimmed before it was written down: make it longer than a group');
    for (const update of page.updates) log.push(this.#entry(update));
  }

  #entry({ seq, key, value }: LogUpdate): LogEntry {
    const text = value === undefined ? null : Buffer.from(value).toString('latin1');
    return { seq, key, value: text, t: this.#init.clock.now() };
  }
}
