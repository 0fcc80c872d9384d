/**
 * The topics at work. A topic with parameters exists as soon as somebody names it, so their number is bounded: for all, for
 * those that only peers hold, which leaves the server's own publications a share, and for each peer by what it reads and made.
 * One that is empty and not read is closed within seconds; where there are too many, so is every other that can be found
 * again in its store.
 */
import type { Clock, TimerHandle } from '../../call/clock.js';
import { ownError } from '../../call/own-error.js';
import type { Owner } from '../../call/owner.js';
import { countRefusal } from '../../call/refusals.js';
import { Shares } from '../../call/shares.js';
import type { Reason } from '../../contract/reasons.js';
import type { HubLimits } from './limits.js';
import type { Topic } from './topic.js';
import type { Keys } from './view.js';

/** ms that a topic which is empty and not read stays. */
const idleMs = 3000;
/** ms between two looks at topics that may go. */
const sweepMs = 1000;

/** Whose share a claim takes. */
export interface Claimant {
  readonly owner: Owner;
  /** Undefined where it cannot be told from others. */
  readonly connection: string | undefined;
}

/** A claim of a subscription on its topic, which stays at work until the claim has ended. */
export interface TopicClaim {
  readonly topic: Topic;
  /** The subscription names other keys. Throws an RpcError RESOURCE_EXHAUSTED when its caller names too many. */
  readonly rename: (keys: Keys) => void;
  readonly end: () => void;
}

interface Entry {
  readonly topic: Topic;
  /** The server itself has used it. */
  own: boolean;
  /** By connection, or owner where that is not known: how often each holds it. */
  readonly holders: Map<string, { readonly by: Claimant; claims: number }>;
  claims: number;
  /** Since when it may go; undefined where nothing suggests that it may. */
  idleSince: number | undefined;
}

export class OpenTopics {
  readonly #limits: Pick<HubLimits, 'maxTopics' | 'maxPeerTopics'>;
  readonly #clock: Clock;
  readonly #make: (name: string) => Topic;
  readonly #entries = new Map<string, Entry>();
  readonly #shares: { readonly topics: Shares; readonly subscriptions: Shares; readonly keys: Shares };
  readonly #idle = new Set<Entry>();
  /** Entries that only peers hold. */
  #ofPeers = 0;
  #cancelSweep: TimerHandle | undefined;
  /** What a look at all has found that may go: looked for once in a while only, as each refusal would pay for it. */
  #spare: Entry[] = [];
  #spareAt = Number.NEGATIVE_INFINITY;

  /** `make` throws an RpcError for a topic that is not declared. */
  constructor(limits: HubLimits, clock: Clock, make: (name: string) => Topic) {
    this.#limits = limits;
    const shares = (what: string, option: keyof HubLimits, reason: Reason): Shares =>
      new Shares({ most: limits[option], what, option, reason });
    this.#shares = {
      topics: shares('topics', 'maxTopicsPerCaller', 'TOO_MANY_TOPICS_OF_CALLER'),
      subscriptions: shares('subscriptions', 'maxSubscriptionsPerCaller', 'TOO_MANY_SUBSCRIPTIONS_OF_CALLER'),
      keys: shares('keys', 'maxKeysPerCaller', 'TOO_MANY_KEYS_OF_CALLER'),
    };
    this.#clock = clock;
    this.#make = make;
  }

  get size(): number {
    return this.#entries.size;
  }

  *[Symbol.iterator](): IterableIterator<Topic> {
    for (const { topic } of [...this.#entries.values()]) yield topic;
  }

  /** For the server itself. Throws an RpcError RESOURCE_EXHAUSTED when there are too many. */
  own(name: string): Topic {
    const entry = this.#entries.get(name) ?? this.#open(name, true);
    if (!entry.own) {
      entry.own = true;
      this.#ofPeers -= 1;
    }
    return entry.topic;
  }

  /** For a peer that reads it, as a rule certain keys. Throws an RpcError RESOURCE_EXHAUSTED when there are too many. */
  claim(name: string, by: Claimant, named: Keys): TopicClaim {
    const { subscriptions, keys } = this.#shares;
    const { owner, connection } = by;
    let weight = weightOf(named);
    subscriptions.take(owner, 1, connection);
    let entry: Entry;
    try {
      keys.take(owner, weight, connection);
      try {
        entry = this.#enter(name, by);
      } catch (error) {
        keys.give(owner, weight, connection);
        throw error;
      }
    } catch (error) {
      subscriptions.give(owner, 1, connection);
      throw error;
    }
    entry.claims += 1;
    let ended = false;
    const rename = (others: Keys): void => {
      if (ended) return;
      const more = weightOf(others) - weight;
      if (more > 0) keys.take(owner, more, connection);
      else keys.give(owner, -more, connection);
      weight += more;
    };
    const end = (): void => {
      if (ended) return;
      ended = true;
      keys.give(owner, weight, connection);
      subscriptions.give(owner, 1, connection);
      entry.claims -= 1;
      this.#leave(entry, by);
      if (entry.claims === 0) this.#mayGo(entry);
    };
    return { topic: entry.topic, rename, end };
  }

  /** For a peer that publishes to it: one that is made for that counts as the peer's for as long as it is there. */
  publishedBy(name: string, by: Claimant): Topic {
    return this.#entries.get(name)?.topic ?? this.#enter(name, by).topic;
  }

  /** Something was published to it, or has ended in it. */
  changed(topic: Topic): void {
    if (topic.readers > 0 || !topic.store.isEmpty) return;
    const entry = this.#entries.get(topic.name);
    if (entry?.topic === topic && !this.#idle.has(entry)) this.#mayGo(entry);
  }

  /** It could not be opened: the next claim tries again. */
  failed(topic: Topic): void {
    const entry = this.#entries.get(topic.name);
    if (entry?.topic === topic) this.#drop(entry);
  }

  async close(): Promise<void> {
    this.#cancelSweep?.();
    this.#cancelSweep = undefined;
    for (const { topic } of this.#entries.values()) await topic.close();
    this.#entries.clear();
    this.#idle.clear();
    this.#spare = [];
    this.#ofPeers = 0;
  }

  #enter(name: string, by: Claimant): Entry {
    const known = this.#entries.get(name);
    const key = holderOf(by);
    const held = known?.holders.get(key)?.claims ?? 0;
    const { topics } = this.#shares;
    if (held === 0) topics.take(by.owner, 1, by.connection);
    let entry = known;
    try {
      entry ??= this.#open(name, false);
    } catch (error) {
      topics.give(by.owner, 1, by.connection);
      throw error;
    }
    entry.holders.set(key, { by, claims: held + 1 });
    return entry;
  }

  #leave({ holders }: Entry, by: Claimant): void {
    const key = holderOf(by);
    const holder = holders.get(key);
    if (holder === undefined) return;
    holder.claims -= 1;
    if (holder.claims > 0) return;
    holders.delete(key);
    this.#shares.topics.give(by.owner, 1, by.connection);
  }

  #open(name: string, own: boolean): Entry {
    const { maxTopics, maxPeerTopics } = this.#limits;
    if (!own && this.#ofPeers >= maxPeerTopics && !this.#makeRoom((entry) => !entry.own)) {
      throw refused(
        'TOO_MANY_TOPICS',
        `${this.#ofPeers} topics of the server are held by its clients alone (maxPeerTopics); come back later`,
      );
    }
    if (this.#entries.size >= maxTopics && !this.#makeRoom(() => true)) {
      throw refused('TOO_MANY_TOPICS', `the server has ${maxTopics} topics; raise maxTopics`);
    }
    const entry: Entry = { topic: this.#make(name), own, holders: new Map(), claims: 0, idleSince: undefined };
    this.#entries.set(name, entry);
    if (!own) this.#ofPeers += 1;
    this.#mayGo(entry);
    return entry;
  }

  #drop(entry: Entry): void {
    const { topic, own, holders } = entry;
    this.#entries.delete(topic.name);
    this.#idle.delete(entry);
    if (!own) this.#ofPeers -= 1;
    for (const { by } of holders.values()) this.#shares.topics.give(by.owner, 1, by.connection);
    holders.clear();
    void topic.close();
  }

  #mayGo(entry: Entry): void {
    entry.idleSince = this.#clock.now();
    this.#idle.add(entry);
    this.#sweepLater();
  }

  #sweepLater(): void {
    if (this.#cancelSweep !== undefined) return;
    this.#cancelSweep = this.#clock.setTimer(() => this.#sweep(), sweepMs);
    this.#cancelSweep.hold?.(false);
  }

  #sweep(): void {
    this.#cancelSweep = undefined;
    const now = this.#clock.now();
    for (const entry of this.#idle) {
      const { topic, idleSince = now } = entry;
      if (topic.opening === undefined && !(isUnused(entry) && isSpent(topic))) this.#idle.delete(entry);
      else if (topic.opening === undefined && now - idleSince >= idleMs) this.#drop(entry);
    }
    if (this.#idle.size > 0) this.#sweepLater();
  }

  /** Closes one topic that `fits` and can be done without; false where there is none. */
  #makeRoom(fits: (entry: Entry) => boolean): boolean {
    for (const entry of this.#idle) {
      if (!isUnused(entry) || !isSpent(entry.topic)) {
        if (entry.topic.opening === undefined) this.#idle.delete(entry);
      } else if (fits(entry)) {
        this.#drop(entry);
        return true;
      }
    }
    const now = this.#clock.now();
    if (this.#spare.length === 0 && now - this.#spareAt >= sweepMs) {
      this.#spareAt = now;
      this.#spare = [...this.#entries.values()].filter((one) => rank(one) > 0).sort((a, b) => rank(a) - rank(b));
    }
    for (let at = this.#spare.length - 1; at >= 0; at--) {
      const entry = this.#spare[at] as Entry;
      const stays = this.#entries.get(entry.topic.name) !== entry || rank(entry) === 0;
      if (!stays && !fits(entry)) continue;
      this.#spare.splice(at, 1);
      if (stays) continue;
      this.#drop(entry);
      return true;
    }
    return false;
  }
}

function isUnused({ topic, claims }: Entry): boolean {
  return claims === 0 && topic.readers === 0 && topic.opening === undefined && !topic.appending;
}

/** Nothing is lost with it: not even what its log had, where a reader may come back for each update. */
function isSpent({ head, declaration, keyed, store }: Topic): boolean {
  if (head === 0) return true;
  return store.isEmpty === true && !(keyed && declaration.mode === 'EVERY' && store.durability === 'NONE');
}

/** How well it can be done without, though it is not spent: 0 is not at all. */
function rank(entry: Entry): number {
  if (!isUnused(entry)) return 0;
  const { topic } = entry;
  if (topic.store.isEmpty === true) return 2;
  // The store keeps it; but keys with an end do so only while the topic is at work.
  return topic.store.durability !== 'NONE' && topic.store.expiresIn() === Number.POSITIVE_INFINITY ? 1 : 0;
}

function holderOf({ owner, connection }: Claimant): string {
  return connection === undefined ? owner : `${owner} at ${connection}`;
}

/** What so many keys cost, long ones more. */
function weightOf(keys: Keys): number {
  let weight = 0;
  for (const key of keys === 'all' ? [] : keys) weight += 1 + (key.length >> 7);
  return weight;
}

function refused(reason: Reason, message: string) {
  countRefusal(reason);
  return ownError(reason, message, { code: 'RESOURCE_EXHAUSTED', disposition: 'not-executed' });
}
