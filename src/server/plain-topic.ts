/**
 * A topic for callers that know nothing of subscriptions: the method that declares it as an ordinary stream of updates, and
 * in Thrift as an ordinary call that returns a list. Such a caller has no position, so what would make its stream wrong, a
 * gap or a reset, ends it with ABORTED. It sees no deletions: an update has no way to say so.
 */
import {
  ClientFrame,
  type ClientItem,
  Reset_Reason,
  ServerFrame,
  type ServerItem,
  Start_Kind,
  type Subscribe,
  type Unsubscribed,
  type Update,
} from '../../gen/hawser/subscription/v1/subscription.js';
import type { Call } from '../call/call.js';
import { Inbox } from '../call/inbox.js';
import { ownError, toldError } from '../call/own-error.js';
import { isRpcError, RpcError } from '../call/rpc-error.js';
import { codeOf } from '../contract/code.js';
import type { MethodType } from '../contract/method.js';
import type { Reason } from '../contract/reasons.js';
import type { Connection, Session } from '../subscription/connection.js';
import { version } from '../subscription/hub/greeting.js';
import type { Hub } from '../subscription/hub/hub.js';
import type { Authorize } from '../subscription/hub/hub-context.js';
import { undecodable } from '../subscription/subscriber/failures.js';
import { encodingOf, keysField, topicName } from '../subscription/topic-name.js';

type Item = NonNullable<ServerItem['item']>;

/** Updates that wait for the wire. */
const highWater = 16;

/** The snapshot, then every update, decoded. */
export function plainStream(hub: Hub, call: Call, authorize: Authorize | undefined): AsyncIterableIterator<unknown> {
  const { method } = call;
  let reader: PlainReader | undefined;
  const inbox = new Inbox<unknown>({
    highWater,
    onDrain: () => reader?.drained(),
    onReturn: () => reader?.end(),
  });
  reader = new PlainReader(hub, call, authorize, {
    update: (update) => {
      const value = decoded(hub, method, update);
      return value === undefined || inbox.push(value);
    },
    consistent: () => {},
    failed: (error) => inbox.fail(error),
  });
  call.onFinish(() => reader.end());
  reader.subscribe(Start_Kind.UNSPECIFIED);
  return inbox;
}

/**
 * What a topic with keys holds now; of a topic without, what its log still has. `method` is the topic as it is declared: the
 * call's own answers with a list.
 */
export function plainSnapshot(
  hub: Hub,
  call: Call,
  method: MethodType,
  authorize: Authorize | undefined,
): Promise<unknown[]> {
  return new Promise((resolve, reject) => {
    const held = new Map<unknown, Update>();
    const reader = new PlainReader(hub, call, authorize, {
      update: (update) => {
        held.set(reader.keyed ? update.key : update.seq, update);
        return true;
      },
      deleted: (key) => held.delete(key),
      consistent: () => {
        const updates = [...held.values()]
          .map((update) => decoded(hub, method, update))
          .filter((value) => value !== undefined);
        reader.end();
        resolve(updates);
      },
      most: hub.limits.maxReplay,
      failed: reject,
    });
    call.onFinish(() => reader.end());
    call.onAbort(reject);
    reader.subscribe(method.topicKey === undefined ? Start_Kind.LAST_N : Start_Kind.SNAPSHOT);
  });
}

interface Sink {
  /** Updates of the log that it takes at most; no bound when left out. */
  readonly most?: number;
  /** Answers whether it wants more now. */
  update(update: Update): boolean;
  deleted?(key: string): void;
  /** What came is a state of the topic. */
  consistent(): void;
  failed(error: RpcError): void;
}

/** A subscriber inside the server. */
class PlainReader implements Connection {
  readonly peer: string;
  readonly principal: string;
  readonly authorize: Authorize | undefined;
  keyed = false;
  readonly #call: Call;
  readonly #sink: Sink;
  readonly #session: Session;
  #drain: () => void = () => {};
  #full = false;
  #ended = false;
  #subscribed = false;
  #staging = false;
  #position = 0;
  #highest = 0;
  #target = 0;
  /** Entries of the snapshot that may be newer than what follows it, by seq. */
  readonly #newer = new Map<string, number>();

  constructor(hub: Hub, call: Call, authorize: Authorize | undefined, sink: Sink) {
    this.#call = call;
    this.#sink = sink;
    this.peer = call.peer.address;
    this.principal = call.principal;
    this.authorize = authorize;
    this.#session = hub.connect(this);
  }

  subscribe(kind: Start_Kind): void {
    const { method, request } = this.#call;
    const hello = { version, clientId: '', maxFrameBytes: 0, heartbeatMs: 0, credit: undefined, takesParts: true };
    const subscribe: Subscribe = {
      sub: 1,
      topic: topicName(method, request as object),
      keys: keysIn(method, request),
      start: { kind, epoch: new Uint8Array(), seq: 0, time: 0, count: 2 ** 32 - 1 },
      accept: [],
      mode: 0,
      conflate: undefined,
      minIntervalMs: 0,
      maxBps: 0,
      credit: undefined,
      durableName: '',
      priority: 0,
    };
    const items: ClientItem[] = [
      { item: { $case: 'hello', value: hello } },
      { item: { $case: 'subscribe', value: subscribe } },
    ];
    this.#session.receive(ClientFrame.encode({ items }));
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#session.closed();
  }

  drained(): void {
    this.#full = false;
    this.#drain();
  }

  get writable(): boolean {
    return !this.#full && !this.#ended;
  }

  onDrain(fn: () => void): void {
    this.#drain = fn;
  }

  send(frame: Uint8Array): void {
    try {
      for (const { item } of ServerFrame.decode(frame).items) {
        if (!this.#ended && item !== undefined) this.#take(item);
      }
    } catch (error) {
      // What the log holds is no message of the topic, as a rule; the caller is told, and nobody else.
      this.#fail(isRpcError(error) ? error : new RpcError('INTERNAL', 'the server failed', { cause: error }));
    }
  }

  close(reason?: RpcError): void {
    this.#fail(reason ?? ownError('SHUTDOWN', 'the server is shutting down'));
  }

  #take(item: Item): void {
    switch (item.$case) {
      case 'subscribed':
        if (this.#subscribed) break; // after a reset, which has ended this
        this.#subscribed = true;
        this.keyed = item.value.keyed;
        this.#position = item.value.from;
        this.#target = item.value.head;
        if (!this.#fits(item.value)) break;
        // Announced with the subscription, and a state of the topic only once it is here.
        this.#staging = this.keyed;
        this.#settled();
        break;
      case 'snapshotBegin':
        this.#staging = true;
        break;
      case 'snapshotChunk':
        for (const entry of item.value.entries) {
          if (entry.seq > this.#position) this.#newer.set(entry.key, entry.seq);
          this.#give(entry);
        }
        break;
      case 'snapshotEnd':
        this.#staging = false;
        this.#target = item.value.consistentAt;
        this.#settled();
        break;
      case 'batch':
        this.#position = item.value.to;
        for (const update of item.value.updates) this.#update(update);
        if (this.#position >= this.#target) this.#newer.clear();
        this.#settled();
        break;
      case 'gap':
        this.#fail(aborted('TOPIC_GAP', `the updates ${item.value.from + 1} to ${item.value.to} are lost`));
        break;
      case 'reset':
        this.#fail(
          item.value.reason === Reset_Reason.VIEW_CHANGED
            ? aborted('VIEW_CHANGED', 'what may be seen of the topic has changed')
            : aborted('TOPIC_RESET', 'what was received is no state of the topic any more'),
        );
        break;
      case 'unsubscribed':
      case 'error':
        this.#fail(ended(item.value));
        break;
      default:
    }
  }

  /** A list is made whole before it is sent, so a log that is too long for one is refused rather than cut. */
  #fits({ from, head, keyed }: { readonly from: number; readonly head: number; readonly keyed: boolean }): boolean {
    const { most = Number.POSITIVE_INFINITY } = this.#sink;
    if (keyed || head - from <= most) return true;
    this.#fail(
      ownError(
        'TOPIC_TOO_LONG',
        `the log holds ${head - from} updates, and one answer ${most} at most (maxReplay); subscribe, or poll from where you are`,
        { disposition: 'not-executed' },
      ),
    );
    return false;
  }

  #update(update: Update): void {
    this.#highest = Math.max(this.#highest, update.seq);
    const known = this.#newer.get(update.key);
    if (known !== undefined && known >= update.seq) return;
    if (update.tombstone) this.#sink.deleted?.(update.key);
    else this.#give(update);
  }

  #give(update: Update): void {
    if (!this.#sink.update(update)) this.#full = true;
  }

  #settled(): void {
    if (this.#subscribed && !this.#staging && this.#position >= this.#target && this.#highest <= this.#position) {
      this.#sink.consistent();
    }
  }

  #fail(error: RpcError): void {
    if (this.#ended) return;
    this.end();
    this.#sink.failed(error);
  }
}

/**
 * Throws an RpcError for bytes that are no message: a log may be older than the rule that none come in. Undefined where the server
 * skips such updates.
 */
function decoded({ faults }: Hub, method: MethodType, { key, seq, value }: Update): unknown {
  try {
    return method.response.decode(value, encodingOf(method));
  } catch (error) {
    const topic = `${method.service.name}/${method.name}`;
    const malformed = undecodable(topic, key, seq, method.response.typeName, error);
    if (!faults.skipsMalformed) throw malformed;
    faults.skip({ topic, key, seq, value, error: malformed });
    return undefined;
  }
}

function keysIn(method: MethodType, request: unknown): string[] {
  const keys = (request as Record<string, unknown>)[keysField];
  if (method.topicKey === undefined || typeof keys !== 'object' || keys === null || !(Symbol.iterator in keys))
    return [];
  return [...(keys as Iterable<unknown>)].map(String);
}

function aborted(reason: Reason, message: string): RpcError {
  return ownError(reason, `${message}; call again for a snapshot, or subscribe to lose nothing`, {
    code: 'ABORTED',
    disposition: 'executed',
  });
}

/** The reason says what it was; the codes are those a caller can act on. */
function ended({ code: reason, message, status = 0 }: Pick<Unsubscribed, 'code' | 'message' | 'status'>): RpcError {
  const asked = reason === 'NO_SUCH_TOPIC' || reason.startsWith('INVALID_');
  const code = asked ? 'INVALID_ARGUMENT' : status === 0 ? 'ABORTED' : codeOf(status);
  return toldError(reason, code, message === '' ? 'the stream of the topic has ended' : message);
}
