/**
 * All topics and all connections of one server. Knows no transport: a connection is whatever takes and gives frames, time
 * and storage come in through ports, so that a test can run a thousand connections in virtual time.
 */

import { randomBytes } from 'node:crypto';
import { type Clock, systemClock } from '../../call/clock.js';
import type { CommitHooks } from '../../call/commit-hooks.js';
import { currentTransaction } from '../../call/current.js';
import { type Logger, stderrLogger } from '../../call/logger.js';
import { ownError } from '../../call/own-error.js';
import type { RpcError } from '../../call/rpc-error.js';
import type { Connection, Session } from '../connection.js';
import type { Append, Appended, Awaitable, Durability, TopicStores } from '../topic-store.js';
import { checkAppendable } from './appendable.js';
import { Commits } from './commits.js';
import type { TopicDeclaration } from './declaration.js';
import { type Fault, Faults, type Malformed } from './faults.js';
import { Flush } from './flush.js';
import { heldEvery } from './held-back.js';
import type { Authorize, HubContext } from './hub-context.js';
import { type HubLimits, hubLimits } from './limits.js';
import { OpenTopics } from './open-topics.js';
import { Permissions } from './permissions.js';
import { HubSession } from './session.js';
import { LatenessGauge, type PressureLevel, shed } from './shedding.js';
import { Topic } from './topic.js';

export interface HubInit {
  readonly stores: TopicStores;
  readonly clock?: Clock;
  readonly logger?: Logger;
  readonly limits?: Partial<HubLimits>;
  /** Who may do what; by default all may subscribe, and only the server publishes. */
  readonly authorize?: Authorize;
  /** Runs `fn` soon, after what is being done now; setImmediate by default. */
  readonly defer?: (fn: () => void) => void;
  /** How much too much the machine has to do; by default measured by how late timers fire. */
  readonly pressure?: () => PressureLevel;
  /** Is told of each error that nobody expected, beside the log. */
  readonly onFault?: (fault: Fault) => void;
  /** Given: updates that do not decode are left out where the server has to decode them, and told here; else they end the reader. */
  readonly onMalformed?: (update: Malformed) => void;
  /** Random by default. */
  readonly serverId?: string;
}

/** ms between two looks at everything. */
const tickMs = 1000;
/** Topics that are opened at the start because keys of theirs end, at most. */
const mostExpiring = 1000;
const ranks: Readonly<Record<Durability, number>> = { NONE: 0, PROCESS: 1, FSYNC: 2 };

const onlyTheServerPublishes: Authorize = ({ action, topic }) => {
  if (action === 'subscribe') return;
  throw ownError('MAY_NOT_PUBLISH', `clients may not publish to ${topic}; the server's \`authorize\` decides`, {
    disposition: 'not-executed',
  });
};

export class Hub implements HubContext {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly limits: HubLimits;
  readonly serverId: string;
  readonly authorize: Authorize;
  readonly flush: Flush;
  readonly permissions = new Permissions();
  readonly commits = new Commits();
  readonly faults: Faults;
  readonly topics: OpenTopics;
  readonly #stores: TopicStores;
  readonly #declared = new Map<string, TopicDeclaration>();
  readonly #grown = new Set<Topic>();
  readonly #sessions = new Set<HubSession>();
  /** Those on which something is held back. */
  readonly #holding = new Set<HubSession>();
  #cancelHeld: (() => void) | undefined;
  readonly #pressure: (() => PressureLevel) | undefined;
  readonly #gauge = new LatenessGauge();
  /** As of the last tick. */
  #level: PressureLevel = 0;
  #nextAlias = 1;
  #cancelTick: (() => void) | undefined;
  #closed = false;
  #whenEmpty: (() => void) | undefined;

  /** Throws a RangeError for a limit out of range. */
  constructor(init: HubInit) {
    this.clock = init.clock ?? systemClock;
    this.logger = init.logger ?? stderrLogger;
    this.limits = hubLimits(init.limits);
    this.serverId = init.serverId ?? randomBytes(8).toString('hex');
    this.authorize = init.authorize ?? onlyTheServerPublishes;
    this.#stores = init.stores;
    this.#pressure = init.pressure;
    this.faults = new Faults(this.logger, init.onFault, init.onMalformed);
    this.topics = new OpenTopics(this.limits, this.clock, (name) => this.#makeTopic(name));
    const { sliceMs, frameBytes } = this.limits;
    this.flush = new Flush(this.clock, init.defer ?? setImmediate, sliceMs, frameBytes, () => this.#wakeReaders());
  }

  get snapshotsPaused(): boolean {
    return this.#pressureNow() >= 2;
  }

  /** Connections now. */
  get connections(): number {
    return this.#sessions.size;
  }

  /** From now on there is such a topic. Throws a TypeError when there is one of that name, or its store keeps too little. */
  declare(declaration: TopicDeclaration): void {
    const { name, durability } = declaration;
    if (this.#declared.has(name)) throw new TypeError(`the topic ${name} is declared already`);
    if (ranks[this.#stores.durability] < ranks[durability]) {
      throw new TypeError(
        `the topic ${name} is declared with durability ${durability}, and the server's store keeps ${this.#stores.durability}; give the server a store that lasts, or declare NONE`,
      );
    }
    this.#declared.set(name, declaration);
    if (durability !== 'NONE') {
      this.faults.guard(name, 'keys that have ended while the server was down were not looked for', () => {
        const most = Math.min(mostExpiring, Math.floor(this.limits.maxTopics / 2));
        for (const kept of this.#stores.expiring?.(name, most) ?? []) this.topic(kept);
      });
    }
  }

  declared(name: string): TopicDeclaration {
    const mark = name.indexOf('?');
    const declaration = this.#declared.get(mark < 0 ? name : name.slice(0, mark));
    if (declaration?.takes(mark < 0 ? '' : name.slice(mark + 1)) === true) return declaration;
    throw ownError('NO_SUCH_TOPIC', `there is no topic ${JSON.stringify(name.slice(0, 200))}`, {
      disposition: 'not-executed',
    });
  }

  /** The topic at work, for the server itself; made when it is not yet. */
  topic(name: string): Topic {
    return this.topics.own(name);
  }

  #makeTopic(name: string): Topic {
    const declaration = this.declared(name);
    const { durability, history, tombstones, maxKeys, keyOf } = declaration;
    const store = this.#stores.topic({ name, keyed: keyOf !== undefined, durability, history, tombstones, maxKeys });
    const topic = new Topic(name, this.#nextAlias++, declaration, store, this.limits.frameBytes, this, (grown) => {
      this.#grown.add(grown);
      this.topics.changed(grown);
      this.flush.schedule();
    });
    topic.opening?.catch((error: unknown) => {
      this.logger.error({ err: error, topic: name }, 'a topic could not be opened');
      this.topics.failed(topic);
    });
    return topic;
  }

  /**
   * Publishes a group, all or none; answers when readers may see it. `read`: the values were decoded, and the keys are theirs.
   * Throws or rejects with an RpcError.
   */
  publish(name: string, group: readonly Append[], values?: 'read'): Awaitable<readonly Appended[]> {
    const topic = this.topic(name);
    checkAppendable(topic.declaration, group, this.limits, values === 'read');
    const commit = currentTransaction()?.commit;
    if (commit === undefined || commit.state === 'committed' || topic.store.inTransaction === true) {
      return topic.append(group);
    }
    if (commit.state === 'rolled back') throw transactionOver(name);
    return this.#putOff(topic, group, commit);
  }

  /** The handler's transaction does not reach this log, so the log waits for its commit. What it would refuse, it refuses now. */
  #putOff(topic: Topic, group: readonly Append[], commit: CommitHooks): readonly Appended[] {
    const check = (): readonly Appended[] | undefined => topic.store.check?.(group);
    const known = check();
    if (known !== undefined) return known;
    const failed = (error: unknown): void =>
      this.logger.error(
        { err: error, topic: topic.name, updates: group.length },
        'a publication was lost: the transaction of its handler has committed, and its topic refuses it',
      );
    commit.add({
      check: () => void check(),
      run: () => {
        try {
          // The topic may have been closed meanwhile.
          const appended = this.topic(topic.name).append(group);
          return appended instanceof Promise ? appended.then(() => {}, failed) : undefined;
        } catch (error) {
          failed(error);
          return undefined;
        }
      },
    });
    const { epoch } = topic.store.state();
    return group.map(() => ({ position: { epoch, seq: 0 }, duplicate: false }));
  }

  /**
   * What a principal may do has changed (undefined: what anybody may): `authorize` is asked again about each of its subscriptions,
   * and nothing more is sent by the answers of before. Resolves when all are answered.
   */
  async reauthorize(principal: string | undefined): Promise<void> {
    this.permissions.changed(principal);
    const concerned = [...this.#sessions].filter(
      ({ connection }) => principal === undefined || connection.principal === principal,
    );
    await Promise.all(concerned.map((session) => session.reauthorize()));
  }

  /** A client has connected. */
  connect(connection: Connection): Session {
    const session = new HubSession(this, connection);
    this.#sessions.add(session);
    if (this.#closed) session.goAway('SHUTDOWN', this.limits.goAwayWindowMs);
    if (this.#cancelTick === undefined) {
      this.#gauge.begin();
      const due = this.clock.now() + tickMs;
      this.#cancelTick = this.clock.setTimer(() => this.#tick(due), tickMs);
    }
    return session;
  }

  watchHeld(session: HubSession): void {
    this.#holding.add(session);
    this.#cancelHeld ??= this.clock.setTimer(() => this.#tellHeld(), heldEvery);
  }

  #tellHeld(): void {
    const now = this.clock.now();
    this.#cancelHeld = undefined;
    for (const session of [...this.#holding]) if (!session.tellHeld(now)) this.#holding.delete(session);
    if (this.#holding.size > 0) this.#cancelHeld = this.clock.setTimer(() => this.#tellHeld(), heldEvery);
  }

  remove(session: HubSession): void {
    this.#sessions.delete(session);
    this.#holding.delete(session);
    this.flush.remove(session);
    if (this.#sessions.size > 0) return;
    this.#cancelTick?.();
    this.#cancelTick = undefined;
    this.#whenEmpty?.();
  }

  refuseHello(): { readonly code: string; readonly message: string; readonly retryAfterMs: number } | undefined {
    if (!this.snapshotsPaused) return undefined;
    return { code: 'OVERLOADED', message: 'the server has too much to do', retryAfterMs: this.limits.goAwayWindowMs };
  }

  /** Sends all clients away, and those who come later; answers when all are gone. */
  sendAway(graceMs: number): Promise<void> {
    this.#closed = true;
    return this.goAway('SHUTDOWN', this.limits.goAwayWindowMs, graceMs);
  }

  /** Sends all clients away, so that they come back at a random time in the window; answers when the last is gone. */
  async goAway(reason: string, windowMs: number, graceMs: number): Promise<void> {
    if (this.#sessions.size === 0) return;
    const gone = new Promise<void>((resolve) => {
      const cancel = this.clock.setTimer(resolve, graceMs);
      this.#whenEmpty = () => {
        cancel();
        resolve();
      };
    });
    for (const session of [...this.#sessions]) session.goAway(reason, windowMs);
    await gone;
    for (const session of [...this.#sessions]) {
      session.abort(ownError('SHUTDOWN', 'the server is shutting down'));
    }
  }

  /** Sends all clients away, within `graceMs`, and closes the stores. */
  async close(graceMs: number): Promise<void> {
    await this.sendAway(graceMs);
    this.flush.stop();
    this.#cancelHeld?.();
    await this.topics.close();
    await this.#stores.close();
  }

  #wakeReaders(): void {
    const grown = [...this.#grown];
    this.#grown.clear();
    for (const topic of grown) {
      this.faults.guard(topic.name, 'the readers of a topic were not woken', () => topic.wakeReaders());
    }
  }

  #tick(due: number): void {
    const now = this.clock.now();
    this.#cancelTick = this.clock.setTimer(() => this.#tick(now + tickMs), tickMs);
    this.#gauge.fired(now - due, now);
    this.#relieve(this.#pressureNow());
    for (const session of [...this.#sessions]) session.tick(now);
    for (const topic of this.topics) {
      this.faults.guard(topic.name, 'a topic was not trimmed', () => this.#keep(topic));
    }
  }

  #pressureNow(): PressureLevel {
    return this.#pressure?.() ?? this.#gauge.level(this.clock.now());
  }

  #relieve(level: PressureLevel): void {
    const before = this.#level;
    this.#level = level;
    if (level === 0 && before === 0) return;
    shed(level, this.#sessions, this.limits.goAwayWindowMs);
    if (before < 2 || level >= 2) return;
    for (const session of this.#sessions) {
      for (const subscription of session.subscriptions.values()) session.enqueue(subscription);
    }
  }

  #keep(topic: Topic): void {
    if (topic.opening !== undefined) return;
    const trimmed = topic.store.trim();
    if (trimmed instanceof Promise) {
      trimmed.catch((error: unknown) => this.faults.report(error, topic.name, 'a topic was not trimmed'));
    }
    this.topics.changed(topic);
  }
}

function transactionOver(topic: string): RpcError {
  return ownError(
    'TRANSACTION_OVER',
    `the transaction was rolled back, so nothing is published to ${topic} in it any more; await publications before the handler ends`,
    { code: 'FAILED_PRECONDITION', disposition: 'not-executed' },
  );
}
