/**
 * The port that a topic's log stands behind, and all that the hub knows of storage. One store holds one topic: the log as
 * far as its history reaches, the newest update of each key, and what producers have published.
 *
 * A store that holds something in memory answers at once, one that must wait answers with a promise; the hub takes both,
 * so that fan-out from memory costs no promise. Every store passes `test/subscription/topic-store-conformance.ts`.
 */
import type { Generation, Generations } from './generation.js';
import type { Epoch, Position } from './position.js';

export type Awaitable<T> = T | Promise<T>;

/** What an update has survived before anyone sees it: nothing, the end of the process, the end of the machine. */
export type Durability = 'NONE' | 'PROCESS' | 'FSYNC';

/** An update in the log. Stores hand out the same object for the same update where they can: its encoding is kept on it. */
export interface LogUpdate {
  readonly seq: number;
  /** Empty where the topic has no keys. */
  readonly key: string;
  /** Undefined: the key is deleted. */
  readonly value: Uint8Array | undefined;
  /** When it was appended, ms since the Unix epoch. */
  readonly time: number;
  /** When the key expires, ms since the Unix epoch; 0 is never. */
  readonly expires: number;
  /** The next update belongs to the same atomic group; no reader is left between the two. */
  readonly more: boolean;
  /** The last update of the group, where that is another and is known: in the pages of a log that hold it. */
  groupTo?: number | undefined;
  /** Bytes of a value that was left out, as `Limits.later` allows: `get` has it. */
  readonly later?: number | undefined;
  /** How many updates of the log it stands for, in what a merge made; 1 in a log. */
  readonly merged: number;
  /** For the hub: the bytes that go to subscribers. */
  wire: Uint8Array | undefined;
}

/** One update to append. */
export interface Append {
  readonly key: string;
  /** Undefined deletes the key. */
  readonly value: Uint8Array | undefined;
  /** ms until the key expires; 0 is never. */
  readonly ttl: number;
  readonly producer?: { readonly id: string; readonly seq: number } | undefined;
  readonly expect?: Expectation | undefined;
}

/** What must hold for an update to be appended; what is undefined is not looked at. */
export interface Expectation {
  readonly epoch?: Epoch | undefined;
  /** The head of the log. */
  readonly seq?: number | undefined;
  /** That owns `seq`. */
  readonly generation?: Generation | undefined;
  /** The seq of the newest update of the key; 0: the key does not exist, is deleted, or its time is over. */
  readonly keySeq?: number | undefined;
  /** That owns `keySeq`. */
  readonly keyGeneration?: Generation | undefined;
}

export interface Appended {
  readonly position: Position;
  /** The producer had published it before; `position` is where that went. */
  readonly duplicate: boolean;
}

export interface TopicState {
  readonly epoch: Epoch;
  /** The oldest update that is held; head + 1 when there is none. */
  readonly first: number;
  /** The newest update that readers may see; 0 when there is none. */
  readonly head: number;
  /** Tombstones above it are all held, so `changesSince` is complete from there on. */
  readonly tombstoneHorizon: number;
  /** Which generation owns which seq. */
  readonly generations: Generations;
}

export interface Limits {
  /** At least 1. */
  readonly count: number;
  /** Of values; the first update comes whatever its size. */
  readonly bytes: number;
  /** Of the log: a page may end inside a group, as its last update says. */
  readonly cut?: boolean;
  /** Of what changed: values that the store would have to read may be left out, and are asked for when they are sent. */
  readonly later?: boolean;
}

export interface Page {
  readonly updates: readonly LogUpdate[];
  /** There may be more. */
  readonly more: boolean;
}

export interface ScanPage extends Page {
  /** Where the next page begins. */
  readonly cursor: string;
  /** The head when the page was read. */
  readonly head: number;
}

export interface TopicStore {
  readonly durability: Durability;
  /** Before anything else, once: what is appended from now on is of a new generation. Writes nothing down. */
  open(): Awaitable<TopicState>;
  /** As of now; what `open` said at first. */
  state(): TopicState;
  /**
   * Appends a group of updates, all or none, and answers when readers may see them: at the store's durability. Of a
   * group that was published before, every update is a duplicate.
   *
   * Rejects with an RpcError: ABORTED (`EXPECTATION_FAILED`; `PRODUCER_SEQ_PASSED` for a producer_seq below the producer's last that
   * the log does not have),
   * RESOURCE_EXHAUSTED (`TOPIC_FULL`).
   */
  append(group: readonly Append[]): Awaitable<readonly Appended[]>;
  /** Whether an append now is a part of the transaction that the running handler holds; false where it is left out. */
  readonly inTransaction?: boolean;
  /** What `append` would answer or throw now, where that is known without appending: the answers for a group that the log has. */
  check?(group: readonly Append[]): readonly Appended[] | undefined;
  /**
   * The updates after `after`, oldest first; those that readers may see. A group is not cut, unless the limits say so. Undefined when the log does
   * not hold all of them any more.
   */
  read(after: number, limits: Limits): Awaitable<Page | undefined>;
  /**
   * The newest update of each key, deleted ones left out, page by page: in an order of the store's own that later updates
   * do not change. A key that exists from the first page to the last is in exactly one of them, as it is by then.
   */
  scan(cursor: string | undefined, limits: Limits): Awaitable<ScanPage>;
  /**
   * The newest update of each key that changed after `seq`, tombstones included, in the order of their seq. Undefined below
   * the tombstone horizon.
   */
  changesSince(seq: number, limits: Limits): Awaitable<Page | undefined>;
  /** The newest update of each of `keys`, tombstones included; keys that never were are left out. */
  get(keys: readonly string[]): Awaitable<readonly LogUpdate[]>;
  /** The highest seq that is older than `time` (ms since the Unix epoch), or first - 1. */
  before(time: number): Awaitable<number>;
  /**
   * Whether no key is there, or without keys no update: then a hub closes it once it is not read, and what comes back to it later has
   * lost nothing. Left out: only while nothing was ever appended.
   */
  readonly isEmpty?: boolean;
  /**
   * Appends tombstones for keys whose time is over, the first to go first, and drops what the history does not keep: so much as fits into
   * one turn. `expiresIn` says whether there are more.
   */
  trim(): Awaitable<void>;
  /** The time of the log, ms since the Unix epoch: a key that expires then or before is over. */
  now(): number;
  /** ms until a key's time may be over, which `trim` ends then; 0 or less: now. Infinity: no key has an end. Never too late. */
  expiresIn(): number;
  /** `fn` is called with the head whenever readers may see more. Returns what removes it. */
  onVisible(fn: (head: number) => void): () => void;
  /**
   * `fn` is called when the log turns out to be another one than was read: it was put back from a copy, or cut. `state` is of
   * the new one by then. Returns what removes it.
   */
  onRewound(fn: () => void): () => void;
  close(): Awaitable<void>;
}

/** How much of the past a topic keeps. Whatever is passed first ends it. */
export interface History {
  /** Updates in the log. */
  readonly count: number;
  /** ms; Infinity for no bound. */
  readonly age: number;
  /** Bytes of the values in the log. */
  readonly bytes: number;
}

/** What a store is made for. */
export interface TopicSpec {
  readonly name: string;
  readonly keyed: boolean;
  /** What the topic is declared with: a store may keep one that asks for less more cheaply. Its own when left out. */
  readonly durability?: Durability;
  readonly history: History;
  /** How many tombstones are kept for those who come back. */
  readonly tombstones: number;
  /** Keys and tombstones at most; an append above fails. */
  readonly maxKeys: number;
}

/** Makes the stores of topics. */
export interface TopicStores {
  /** Of all stores that it makes. */
  readonly durability: Durability;
  topic(spec: TopicSpec): TopicStore;
  /** Names of kept topics that are `topic`, or `topic` with parameters, and hold keys with an end: so many at most. */
  expiring?(topic: string, most: number): readonly string[];
  close(): Awaitable<void>;
}
