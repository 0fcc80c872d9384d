/**
 * A hub that can be killed: with its log kept, with what was not flushed lost, or with a new log of a new epoch. Copies of the log
 * can be put back, while it runs or not; what is appended then is another history, which has a log of its own in what is checked.
 */
import { type Published, ServerFrame } from '../../../gen/hawser/subscription/v1/subscription.js';
import type { Clock } from '../../../src/call/clock.js';
import { silentLogger } from '../../../src/call/logger.js';
import type { Connection, Session } from '../../../src/subscription/connection.js';
import type { TopicDeclaration } from '../../../src/subscription/hub/declaration.js';
import { Hub } from '../../../src/subscription/hub/hub.js';
import { type Position, positionFromWire } from '../../../src/subscription/position.js';
import type { Append, LogUpdate, Page, TopicState, TopicStore } from '../../../src/subscription/topic-store.js';
import type { SeededRandom } from '../../../src/testing/random.js';
import { epochOf, type History, type LogEntry, logOf } from '../checker/history.js';
import { DurableStore } from './durable-store.js';
import { publishAsClient } from './foreign-publisher.js';
import { type LogTime, type MemoryCopy, MemoryDisk } from './memory-disk.js';
import type { SimClock } from './sim-clock.js';
import type { SimPermissions } from './sim-permissions.js';
import { type SqliteCopy, SqliteDisk } from './sqlite-disk.js';

export interface SimServerInit {
  readonly clock: SimClock;
  readonly random: SeededRandom;
  readonly declaration: TopicDeclaration;
  readonly history: History;
  /** ms until what was published is kept; 0: at once, and only while the process lives. */
  readonly flushMs: number;
  readonly heartbeatMs: number;
  readonly frameBytes: number;
  readonly slackMs: number;
  readonly maxReplay: number;
  /** The log is SQLite's; its commits take `flushMs`, and 1 at least. */
  readonly sqlite: boolean;
  /** Everybody may see everything where they are left out. */
  readonly permissions?: SimPermissions | undefined;
  /** The clocks of the server and of its store are set by it at each start; else they are the clock. */
  readonly clocks?: SeededRandom | undefined;
  /** The time of a log in memory; by default as it is in every store. */
  readonly time?: LogTime | undefined;
}

/** ms that the clock of a machine is ahead. */
const clockOffsets = [0, 0, 700, -700, 5000, -5000, -3_600_000, 86_400_000];
const everything = { count: Number.POSITIVE_INFINITY, bytes: Number.POSITIVE_INFINITY };

interface Copy {
  readonly memory: MemoryCopy;
  readonly sqlite: SqliteCopy;
  readonly entries: readonly LogEntry[];
}

export class SimServer {
  readonly #init: SimServerInit;
  #hub: Hub | undefined;
  #memory: MemoryDisk | undefined;
  #sqlite: SqliteDisk | undefined;
  #durable: DurableStore | undefined;
  #epochs = 0;
  #names = 0;
  #branches = 0;
  /** The log that is appended to, as it is checked. */
  #branch = '';
  #copies: Copy[] = [];
  /** ms; when a copy was put back last. */
  restoredAt = Number.NEGATIVE_INFINITY;
  #restored = false;
  /** ms; who connects before is sent away. */
  quietUntil = 0;
  #life = 0;

  #serverClock: Clock;
  #storeClock: Clock;

  constructor(init: SimServerInit) {
    this.#init = init;
    this.#serverClock = init.clock;
    this.#storeClock = init.clock;
    this.#setClocks();
    this.#newLog();
    this.start();
  }

  get up(): boolean {
    return this.#hub !== undefined;
  }

  /** Where the newest update is. */
  get position(): Position {
    const { epoch, head, generations } = this.#state();
    return { epoch, seq: head, generation: generations.ownerOf(head) };
  }

  connect(connection: Connection): Session | undefined {
    if (this.#init.clock.now() < this.quietUntil) return undefined;
    const { clocks, permissions } = this.#init;
    const client = clocks === undefined ? connection : this.#watched(connection);
    return this.#hub?.connect(permissions?.watched(client) ?? client);
  }

  /** All clients may see something else from now on. */
  changePermissions(principal: string): void {
    this.#init.permissions?.change(principal);
    void this.#hub?.reauthorize(principal);
  }

  /** Nobody can connect for so long. */
  quieten(ms: number): void {
    const t = this.#init.clock.now();
    this.quietUntil = t + ms;
    this.#init.history.quiet.push({ t, ms });
  }

  /** Nothing runs for so long, neither here nor at the clients, which share the loop. */
  pauseLoop(ms: number): void {
    const { clock, history } = this.#init;
    history.pauses.push({ t: clock.now(), ms });
    clock.pause(ms);
  }

  /** A client of another make publishes, over a connection of its own. */
  publishFrom(key: string, value: string): void {
    const { declaration, history } = this.#init;
    const answered = (answer: Published): void => {
      const position = answer.position && positionFromWire(answer.position);
      if (position === undefined) history.refused.push({ key, value, reason: answer.error?.code ?? '' });
      else history.acked.push({ seq: position.seq, epoch: logOf(history, position.epoch, position.generation), value });
    };
    if (this.#hub !== undefined) publishAsClient(this.#hub, declaration.name, key, value, answered);
  }

  publish(group: readonly Append[]): void {
    const hub = this.#hub;
    if (hub === undefined) return;
    const { declaration, history, clock } = this.#init;
    for (const { key, value } of group) if (value === undefined) history.deletions.push({ t: clock.now(), key });
    const acked = (positions: readonly { readonly position: Position }[]): void => {
      for (const [at, { position }] of positions.entries()) {
        const value = group[at]?.value;
        const epoch = logOf(history, position.epoch, position.generation);
        history.acked.push({
          seq: position.seq,
          epoch,
          value: value === undefined ? null : Buffer.from(value).toString('latin1'),
        });
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
    const life = this.#init.history.lives.at(-1);
    if (life !== undefined) life.over = this.#init.clock.now();
    this.#life += 1;
    this.#hub.flush.stop();
    this.#hub = undefined;
    this.#durable?.crash();
    this.#memory?.close();
    this.#setClocks();
    this.#sqlite?.restart();
  }

  start(newLog = false): void {
    if (this.#hub !== undefined) return;
    const { clock, declaration, history } = this.#init;
    if (newLog) this.#newLog();
    else {
      const { head } = this.#state();
      if (this.#life > 0 && !this.#restored) history.recovered.push({ t: clock.now(), epoch: this.#branch, head });
    }
    this.#restored = false;
    if (this.#init.clocks !== undefined) {
      this.#memory?.restart();
      this.#sqlite?.restart();
    }
    const store = this.#sqlite?.store ?? this.#inMemory(this.#memory as MemoryDisk);
    const life = this.#life;
    const own = this.#serverClock;
    this.#hub = new Hub({
      clock: {
        now: () => own.now(),
        wallTime: () => own.wallTime(),
        setTimer: (fn, ms) =>
          clock.setTimer(() => {
            if (life === this.#life) fn();
          }, ms),
      },
      logger: silentLogger,
      stores: {
        durability: 'FSYNC',
        topic: () => store,
        // What ends is looked for at the start, whoever is connected.
        ...(this.#init.clocks === undefined ? {} : { expiring: () => [declaration.name] }),
        close: () => {},
      },
      limits: {
        heartbeatMs: this.#init.heartbeatMs,
        slackMs: this.#init.slackMs,
        stallMs: 4000,
        frameBytes: this.#init.frameBytes,
        maxReplay: this.#init.maxReplay,
      },
      defer: (fn) => void clock.setTimer(() => life === this.#life && fn(), 0),
      pressure: () => 0,
      authorize: this.#init.permissions?.authorize ?? (() => {}),
    });
    this.#beginLife(store);
    this.#hub.declare(this.#init.clocks === undefined ? declaration : { ...declaration, durability: 'PROCESS' });
  }

  /** Those of another machine, whose elapsed time begins anywhere: for the next start. */
  #setClocks(): void {
    const { clock, clocks } = this.#init;
    if (clocks === undefined) return;
    this.#serverClock = clock.elsewhere(clocks.pick(clockOffsets), clocks.int(1e9));
    this.#storeClock = clock.elsewhere(clocks.pick(clockOffsets), clocks.int(1e9));
  }

  #beginLife(store: TopicStore): void {
    const { clock, clocks, history } = this.#init;
    if (clocks === undefined) return;
    const { head } = this.#state();
    const newest = head === 0 ? 0 : ((store.read(head - 1, everything) as Page | undefined)?.updates[0]?.time ?? 0);
    const wall = this.#storeClock.wallTime();
    history.lives.push({ t: clock.now(), over: Number.POSITIVE_INFINITY, time: store.now(), wall, newest });
  }

  /** As the connection, but looks into each snapshot that goes out. Where a store answers later, so may the frame be sent. */
  #watched(connection: Connection): Connection {
    const { history, clock, sqlite } = this.#init;
    if (sqlite) return connection;
    const send = (frame: Uint8Array): void => {
      const now = (this.#memory as MemoryDisk).now();
      for (const { item } of ServerFrame.decode(frame).items) {
        if (item?.$case !== 'snapshotChunk') continue;
        for (const { key, expires } of item.value.entries) {
          if (expires > 0 && expires <= now) history.dead.push({ t: clock.now(), key, expires, now });
        }
      }
      connection.send(frame);
    };
    return new Proxy(connection, {
      get: (target, name) => {
        if (name === 'send') return send;
        const value = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
  }

  /** What has committed. */
  #state(): TopicState {
    return (this.#sqlite?.store ?? (this.#memory as MemoryDisk)).state() as TopicState;
  }

  #inMemory(memory: MemoryDisk): TopicStore {
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
      this.#sqlite = new SqliteDisk(
        spec,
        clock,
        () => this.#storeClock,
        Math.max(1, flushMs),
        (update, generation) => {
          this.#append([update], generation);
        },
      );
      this.#begin(this.#state().epoch, []);
      return;
    }
    const generation = (): string => (++this.#names).toString(16).padStart(16, '0');
    this.#memory = new MemoryDisk(spec, epoch, () => this.#storeClock, generation, this.#init.time);
    this.#begin(epoch, []);
  }

  /** A copy of the log as it has committed, which a server that has not looked at a log put back does not know yet. */
  copy(): void {
    const entries = [...(this.#init.history.logs.get(this.#branch) ?? [])];
    const head = this.#sqlite?.head ?? this.#state().head;
    if (entries.length !== head)
      throw new Error(`the log holds ${head} updates, and ${entries.length} of them were written down`);
    this.#copies.push({ memory: this.#memory?.copy() ?? [], sqlite: this.#sqlite?.copy() ?? [], entries });
  }

  /** Puts back one of the copies of this log, if there is one. `which`: 0 to 1. */
  putBack(which: number): void {
    const copy = this.#copies[Math.floor(which * this.#copies.length)];
    if (copy === undefined) return;
    this.restoredAt = this.#init.clock.now();
    this.#restored = true;
    this.#begin(this.#sameAs(copy.entries) ?? `${this.#state().epoch}#${++this.#branches}`, [...copy.entries]);
    this.#memory?.putBack(copy.memory);
    this.#sqlite?.putBack(copy.sqlite);
    // Whoever opens it next sees the file as it is.
    if (this.#hub === undefined) this.#sqlite?.restart();
  }

  /** The log that has these entries and no others: nothing is different when it is put back. */
  #sameAs(entries: readonly LogEntry[]): string | undefined {
    const { epoch } = this.#state();
    for (const [branch, log] of this.#init.history.logs) {
      if (epochOf(branch) === epoch && log.length === entries.length && log.at(-1) === entries.at(-1)) return branch;
    }
    return undefined;
  }

  #begin(branch: string, entries: LogEntry[]): void {
    if (!branch.includes('#')) this.#copies = [];
    this.#branch = branch;
    const { logs, newest } = this.#init.history;
    logs.set(branch, entries);
    if (branch.includes('#') || newest.size > 0) newest.set(epochOf(branch), branch);
  }

  /** What is appended in a generation is in the log in which that began. */
  #append(updates: readonly LogUpdate[], generation: string): void {
    const { logs, generations } = this.#init.history;
    if (!generations.has(generation)) generations.set(generation, this.#branch);
    const log = logs.get(this.#branch) as LogEntry[];
    for (const update of updates) log.push(this.#entry(update));
  }

  /** The log as readers see it, before the hub tells them. */
  #writeDown(memory: MemoryDisk): void {
    const log = this.#init.history.logs.get(this.#branch) as LogEntry[];
    const page = memory.read(log.length, everything);
    if (page === undefined)
      throw new Error('the log was trimmed before it was written down: make it longer than a group');
    this.#append(page.updates, memory.state().generations.newest ?? '');
  }

  #entry({ seq, key, value, time, expires, more }: LogUpdate): LogEntry {
    const text = value === undefined ? null : Buffer.from(value).toString('latin1');
    const t = this.#init.clock.now();
    return { seq, key, value: text, t, more, ...(expires > 0 ? { until: t + expires - time, ends: expires } : {}) };
  }
}
