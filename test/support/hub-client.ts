/**
 * A client of a hub without a transport: gives frames, takes frames, and keeps the rules of the protocol while it does.
 * What it holds is a replica of what it subscribed to, and every batch must fit the one before.
 */
import {
  ClientFrame,
  type ClientItem,
  ServerFrame,
  type ServerItem,
  Start_Kind,
  type Subscribe,
  type Update,
} from '../../gen/hawser/subscription/v1/subscription.js';
import type { RpcError } from '../../src/call/rpc-error.js';
import type { Connection, Session } from '../../src/subscription/connection.js';
import type { TopicDeclaration } from '../../src/subscription/hub/declaration.js';
import type { Hub } from '../../src/subscription/hub/hub.js';
import { SeqChecksum } from '../../src/subscription/seq-checksum.js';

export type Item = NonNullable<ServerItem['item']>;

export interface Held {
  readonly seq: number;
  readonly value: string | undefined;
}

/** One chain, as the client sees it. */
export class View {
  readonly replica = new Map<string, Held>();
  readonly updates: Update[] = [];
  readonly outcomes: string[] = [];
  ref = 0;
  position = 0;
  consistentAt = 0;
  highest = 0;
  represented = 0;
  gapped = 0;
  start = 0;
  ended: string | undefined;
  staging: Update[] | undefined;
  #checksum = new SeqChecksum();

  /** Whether what is held is a state of the topic. */
  get consistent(): boolean {
    return this.staging === undefined && this.position >= this.consistentAt && this.highest <= this.position;
  }

  values(): Record<string, string> {
    const values: Record<string, string> = {};
    for (const [key, { value }] of [...this.replica].sort()) if (value !== undefined) values[key] = value;
    return values;
  }

  stage(entries: readonly Update[]): void {
    for (const entry of entries) this.#checksum.add(entry.seq);
    this.staging?.push(...entries);
  }

  publish(count: number, checksum: number): void {
    const staged = this.staging ?? [];
    if (staged.length !== count) throw new Error(`a snapshot of ${staged.length} entries says that it has ${count}`);
    if (this.#checksum.value !== checksum) throw new Error('the checksum of a snapshot is wrong');
    this.#checksum = new SeqChecksum();
    this.staging = undefined;
    this.replica.clear();
    for (const entry of staged) this.#apply(entry);
    this.highest = 0; // an entry that is newer than `at` is bounded by consistent_at
  }

  batch(from: number, to: number, updates: readonly Update[]): void {
    if (this.staging !== undefined) throw new Error('a batch came before the end of the snapshot');
    if (from !== this.position) throw new Error(`a batch from ${from} came to a replica at ${this.position}`);
    if (to < from) throw new Error(`a batch goes back from ${from} to ${to}`);
    this.position = to;
    for (const update of updates) {
      if (update.seq <= from) throw new Error(`the update ${update.seq} came after everything up to ${from}`);
      this.updates.push(update);
      this.represented += Math.max(1, update.mergedCount);
      this.highest = Math.max(this.highest, update.seq);
      this.#apply(update);
    }
  }

  #apply(update: Update): void {
    const held = this.replica.get(update.key);
    if (held !== undefined && held.seq >= update.seq) return;
    this.replica.set(update.key, {
      seq: update.seq,
      value: update.tombstone ? undefined : Buffer.from(update.value).toString(),
    });
  }
}

export class HubClient implements Connection {
  readonly peer = 'test';
  readonly principal: string;
  readonly items: Item[] = [];
  readonly views = new Map<number, View>();
  readonly frames: Uint8Array[] = [];
  writable = true;
  /** Frames that are taken before the connection is full; Infinity is never. */
  room = Number.POSITIVE_INFINITY;
  closedWith: RpcError | undefined;
  isClosed = false;
  bytes = 0;
  readonly #session: Session;
  #drain: () => void = () => {};

  constructor(hub: Hub, principal = 'anonymous', hello = true) {
    this.principal = principal;
    this.#session = hub.connect(this);
    if (hello) this.hello();
  }

  hello(
    more: { maxFrameBytes?: number; heartbeatMs?: number; credit?: { updates: number; bytes: number } } = {},
  ): void {
    this.give({
      $case: 'hello',
      value: { version: 1, clientId: 'test', maxFrameBytes: 0, heartbeatMs: 0, credit: undefined, ...more },
    });
  }

  give(...items: NonNullable<ClientItem['item']>[]): void {
    this.giveBytes(ClientFrame.encode({ items: items.map((item) => ({ item })) }));
  }

  giveBytes(frame: Uint8Array): void {
    this.#session.receive(frame);
  }

  subscribe(sub: number, topic: string, more: Partial<Subscribe> = {}): View {
    const view = new View();
    this.views.set(sub, view);
    this.give({ $case: 'subscribe', value: subscription(sub, topic, more) });
    return view;
  }

  resume(sub: number, topic: string, epoch: Uint8Array, seq: number, more: Partial<Subscribe> = {}): View {
    const start = { kind: Start_Kind.RESUME, epoch, seq, time: 0, count: 0 };
    const view = this.subscribe(sub, topic, { start, ...more });
    view.position = seq;
    view.start = seq;
    return view;
  }

  /** The items of a kind that came. */
  of<K extends Item['$case']>(kind: K): Extract<Item, { $case: K }>['value'][] {
    return this.items.filter((one) => one.$case === kind).map((one) => one.value) as never;
  }

  drained(room = Number.POSITIVE_INFINITY): void {
    this.room = room;
    this.writable = room > 0;
    if (this.writable) this.#drain();
  }

  gone(): void {
    this.isClosed = true;
    this.#session.closed();
  }

  // As the hub sees it.

  send(frame: Uint8Array): void {
    if (this.isClosed) throw new Error('the hub sends to a connection that is closed');
    this.frames.push(frame);
    this.bytes += frame.byteLength;
    this.room -= 1;
    this.writable = this.room > 0;
    for (const { item } of ServerFrame.decode(frame).items) {
      if (item === undefined) throw new Error('an item is empty');
      this.items.push(item);
      this.#take(item);
    }
  }

  onDrain(fn: () => void): void {
    this.#drain = fn;
  }

  close(reason?: RpcError): void {
    this.isClosed = true;
    this.closedWith = reason;
  }

  #take(item: Item): void {
    switch (item.$case) {
      case 'subscribed': {
        const view = this.#view(item.value.sub);
        view.ref = item.value.ref;
        view.position = item.value.from;
        view.start = item.value.from;
        view.represented = 0;
        view.gapped = 0;
        view.outcomes.push(['', 'FRESH', 'REPLAY', 'CONFLATED', 'RESET', 'GAP'][item.value.outcome] ?? '?');
        break;
      }
      case 'snapshotBegin':
        this.#view(item.value.sub).staging = [];
        break;
      case 'snapshotChunk':
        this.#view(item.value.sub).stage(item.value.entries);
        break;
      case 'snapshotEnd': {
        const view = this.#view(item.value.sub);
        view.publish(item.value.count, item.value.checksum);
        view.consistentAt = item.value.consistentAt;
        if (view.position !== item.value.at) throw new Error('a snapshot ends at another position than it began');
        break;
      }
      case 'batch':
        this.#chain(item.value.ref)?.batch(item.value.from, item.value.to, item.value.updates);
        break;
      case 'progress': {
        const view = this.#chain(item.value.ref);
        if (view !== undefined && view.position !== item.value.deliveredTo) {
          throw new Error(`progress says ${item.value.deliveredTo}, and the replica is at ${view.position}`);
        }
        break;
      }
      case 'gap': {
        const view = this.#view(item.value.sub);
        if (view.position !== item.value.from) throw new Error('a gap does not begin where the replica stands');
        view.position = item.value.to;
        view.gapped += item.value.to - item.value.from;
        break;
      }
      case 'unsubscribed':
        this.#view(item.value.sub).ended = item.value.code;
        break;
      default:
    }
  }

  #view(sub: number): View {
    const view = this.views.get(sub);
    if (view === undefined) throw new Error(`something came for the subscription ${sub}, which there is not`);
    return view;
  }

  #chain(ref: number): View {
    for (const view of this.views.values()) if (view.ref === ref && view.ended === undefined) return view;
    throw new Error(`something came for the chain ${ref}, which there is not`);
  }
}

export function subscription(sub: number, topic: string, more: Partial<Subscribe> = {}): Subscribe {
  return {
    sub,
    topic,
    keys: [],
    start: undefined,
    accept: [],
    mode: 0,
    conflate: undefined,
    minIntervalMs: 0,
    maxBps: 0,
    credit: undefined,
    durableName: '',
    priority: 0,
    ...more,
  };
}

/** A topic of texts: what is before the `=` is the key. */
export function declaration(name: string, more: Partial<TopicDeclaration> = {}): TopicDeclaration {
  return {
    name,
    mode: 'LATEST',
    conflation: 'ON_PRESSURE',
    recovery: 'CONVERGENT',
    history: { count: 10_000, age: Number.POSITIVE_INFINITY, bytes: 1 << 26 },
    durability: 'NONE',
    tombstones: 10_000,
    maxKeys: 100_000,
    keyOf: (value) => Buffer.from(value).toString().split('=')[0] ?? '',
    merge: undefined,
    takes: (parameters) => parameters === '',
    ...more,
  };
}

/** What is published: `fish=12`, or `fish` alone to delete it. */
export function change(text: string, more: { ttl?: number } = {}) {
  const [key = '', ...rest] = text.split('=');
  return { key, value: rest.length === 0 ? undefined : Buffer.from(text), ttl: 0, ...more };
}
