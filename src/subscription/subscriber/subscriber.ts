/**
 * One subscription: its place in the log, what it holds, and what waits for the application. Everything the server says goes
 * through the table of states; the position has moved before anyone is told. No transport, no time and no chance of its own:
 * frames come in by `dispatch` and go out through the host.
 */
import {
  type Batch,
  type CommitOk,
  type Gap,
  type Progress,
  type Reset,
  Reset_Reason,
  type SnapshotBegin,
  type SnapshotChunk,
  type SnapshotEnd,
  type Subscribed,
  type Throttle,
  type Unsubscribed,
  type Update,
} from '../../../gen/hawser/subscription/v1/subscription.js';
import type { RpcError } from '../../call/rpc-error.js';
import { type Epoch, epochFromBytes, epochToBytes, type Position } from '../position.js';
import { Accounting } from './accounting.js';
import { Backoff } from './backoff.js';
import { wrongInBatch } from './chain.js';
import { Credit, type CreditTerms } from './credit.js';
import type { OutcomeName, SubscriptionEventHub, SubscriptionEvents } from './events.js';
import { brokenForGood, ended, tooLarge } from './failures.js';
import { Feed, type RawChange } from './feed.js';
import type { Host } from './host.js';
import { amendFrame, gapReasons, outcomeNames, resetReasons, throttleCauses, valueBytes } from './names.js';
import { type Accepted, acceptedBy, type StartAt } from './recovery.js';
import { type Entry, Replica } from './replica.js';
import { SnapshotStage } from './snapshot-stage.js';
import { conflateFrame, type ModeName, modeOf, type SubscriptionSpec, subscribeFrame } from './spec.js';
import { type InputName, type Inputs, type State, table } from './table.js';
import type { Trace } from './trace.js';

/** Breaks after which a resume is not tried again; and after which nothing is. */
const breaksUntilSnapshot = 3;
const breaksUntilFailure = 10;
/** ms without a break after which the next one is the first again. */
const breaksForgotten = 30_000;
/** Updates beyond the credit that an atomic group, which is never cut, may bring. */
const largestGroup = 10_000;

/** Where a chain of batches stands. */
interface Place {
  readonly epoch: Epoch;
  seq: number;
}

/** What a subscription held when its cursor was exported. */
export interface HeldState {
  readonly replica: Replica;
  readonly position: Position;
}

export interface Amendment {
  readonly minInterval?: number;
  readonly maxBps?: number;
  readonly keysAdd?: readonly string[];
  readonly keysRemove?: readonly string[];
  readonly conflate?: SubscriptionSpec['conflate'];
  readonly overflow?: SubscriptionSpec['overflow'];
}

export class Subscriber {
  readonly feed = new Feed();
  readonly accounting = new Accounting();
  readonly #host: Host;
  readonly #events: SubscriptionEventHub;
  readonly #credit: Credit;
  readonly #backoff: Backoff;
  #spec: SubscriptionSpec;
  #state: State = 'Stale';
  #replica: Replica;
  /** The number on this connection; 0 for none. */
  #sub = 0;
  #mode: ModeName;
  #keyed = false;
  /** Where the next batch must begin: of the stage while there is one. */
  #chain: Place | undefined;
  /** What the replica is a state of; the chain itself once nothing is staged. */
  #position: Place | undefined;
  #stage: SnapshotStage | undefined;
  /** The highest seq in what is held; of a snapshot its position, since a key that it lacks may have been deleted just there. */
  #top = 0;
  /** What is held is all there is: no gap since the snapshot, or since the start. */
  #whole = true;
  /** The head when the subscription was answered. */
  #target = 0;
  #head = 0;
  #asked: StartAt = { kind: 'default' };
  #arriving: OutcomeName | undefined;
  /** It has been ready once since the last reset. */
  #complete = false;
  #viewChanged = false;
  #paused = false;
  #breaks = 0;
  #lastBreak = 0;
  #cancelRetry: (() => void) | undefined;
  #commit: Position | undefined;
  #committed: Position | undefined;
  /** Where a REPEATING subscription began. */
  #origin: Position | undefined;
  #error: RpcError | undefined;
  #busy = 0;
  #news: (() => void)[] = [];
  readonly #trace: Trace | undefined;

  constructor(spec: SubscriptionSpec, host: Host, events: SubscriptionEventHub, held?: HeldState, trace?: Trace) {
    this.#spec = spec;
    this.#trace = trace;
    this.#host = host;
    this.#events = events;
    this.#mode = spec.mode ?? 'EVERY';
    this.#credit = new Credit(spec.credit);
    this.#backoff = new Backoff(host.backoff, host.random);
    this.#replica = held?.replica ?? new Replica();
    if (held !== undefined) {
      this.#position = { ...held.position };
      this.#keyed = held.replica.size > 0;
      this.#complete = true;
      this.#top = highest(held.replica, held.position.seq);
      if (spec.changes) this.feed.replace([], [...held.replica.entries()], held.position);
    }
  }

  get state(): State {
    return this.#state;
  }

  get spec(): SubscriptionSpec {
    return this.#spec;
  }

  get mode(): ModeName {
    return this.#mode;
  }

  /** The number on this connection; 0 for none. */
  get sub(): number {
    return this.#sub;
  }

  get replica(): Replica {
    return this.#replica;
  }

  /** Where a resume would begin. */
  get position(): Position | undefined {
    return this.#position && { ...this.#position };
  }

  get head(): number {
    return Math.max(this.#head, this.#position?.seq ?? 0);
  }

  get keyed(): boolean {
    return this.#keyed;
  }

  get complete(): boolean {
    return this.#complete;
  }

  /** What is held is a state of the topic, as far as updates have come. */
  get consistent(): boolean {
    return this.#complete && this.#whole && this.#stage === undefined && this.#top <= (this.#position?.seq ?? -1);
  }

  get error(): RpcError | undefined {
    return this.#error;
  }

  get over(): boolean {
    return this.#state === 'Failed' || this.#state === 'Ended';
  }

  dispatch<I extends InputName>(name: I, input: Inputs[I]): void {
    const before = this.#state;
    this.#busy += 1;
    try {
      // The row has an action for this very input: the lookup loses the connection between the two.
      const action = table[before][name] as (it: Subscriber, input: Inputs[I]) => State;
      const after = action(this, input);
      this.#state = after;
      if (after !== before) {
        this.#trace?.({ type: 'state', state: after });
        this.#tell('state', { from: before, to: after });
      }
      if (after !== 'Broken') this.#stopRetry();
    } finally {
      this.#busy -= 1;
    }
    if (this.#busy === 0) this.#deliver();
  }

  // ---------------------------------------------------------------- what the table does

  request(): State {
    if (!this.#host.ready) return 'Stale';
    const start = this.#nextStart();
    if (start === undefined) return this.fail(brokenForGood(this.#spec.topic, this.#breaks));
    this.#asked = start;
    this.#credit.restart();
    this.#sub = this.#host.attach(this);
    const credit = this.#credit.tell();
    this.#trace?.({ type: 'asked', credit });
    this.#host.send({ $case: 'subscribe', value: subscribeFrame(this.#spec, this.#sub, start, credit) });
    return 'Requested';
  }

  lost(error: RpcError | undefined): State {
    this.#sub = 0;
    this.#drop();
    this.#tell('stale', { position: this.position, error });
    return 'Stale';
  }

  breakOff(problem: string): State {
    const now = this.#host.clock.now();
    if (now - this.#lastBreak > breaksForgotten) this.#breaks = 0;
    this.#lastBreak = now;
    this.#breaks += 1;
    this.#detach('here');
    this.#trace?.({ type: 'broken', problem });
    this.#tell('broken', { problem });
    if (this.#breaks >= breaksUntilFailure) return this.fail(brokenForGood(this.#spec.topic, this.#breaks, problem));
    this.#retryIn(this.#backoff.next());
    return 'Broken';
  }

  subscribed(input: Subscribed): State {
    const epoch = epochFromBytes(input.epoch);
    if (epoch === undefined)
      return this.breakOff(`the epoch of Subscribed has ${input.epoch.byteLength} bytes, not 16`);
    const outcome = outcomeNames[input.outcome];
    if (outcome === undefined) return this.breakOff(`the outcome ${input.outcome} is none`);
    const wrong = this.#unacceptable(outcome, epoch, input.from);
    if (wrong !== undefined) return this.breakOff(wrong);
    const { from, head, keyed, effective } = input;
    this.#keyed = keyed;
    this.#mode = modeOf(effective?.mode ?? 0, this.#spec.mode);
    this.#target = head;
    this.#head = head;
    this.#arriving = outcome;
    if (this.#paused) this.#host.send(amendFrame(this.#sub, { paused: true }));
    if (this.#commit !== undefined) this.commit(this.#commit);
    const { kind } = this.#asked;
    const fresh = kind === 'snapshot' || (keyed && (kind === 'default' || kind === 'committed'));
    const snapshot = outcome === 'RESET' || (outcome === 'FRESH' && fresh);
    this.#trace?.({ type: 'began', epoch, from, outcome, mode: this.#mode, keyed, snapshot });
    if (snapshot) return 'Syncing';
    this.#beginAt(epoch, from, outcome);
    return this.#settle();
  }

  beginSnapshot({ epoch: bytes, at }: SnapshotBegin): State {
    const epoch = epochFromBytes(bytes);
    if (epoch === undefined) return this.breakOff(`the epoch of SnapshotBegin has ${bytes.byteLength} bytes, not 16`);
    if (this.#stage !== undefined) return this.breakOff('a snapshot began inside another');
    this.#stage = new SnapshotStage(epoch, at);
    this.#arriving ??= 'RESET';
    return 'Syncing';
  }

  addChunk(input: SnapshotChunk): State {
    const stage = this.#stage;
    if (stage === undefined) return this.breakOff('a SnapshotChunk came before SnapshotBegin');
    const wrong = stage.add(input);
    if (wrong !== undefined) return this.breakOff(wrong);
    if (this.#tooLarge(stage.replica)) return this.fail(tooLarge(this.#spec));
    const bytes = valueBytes(input.entries);
    this.#credit.receive(input.entries.length, bytes);
    this.#trace?.({ type: 'entries', count: input.entries.length, bytes });
    this.#taken(input.entries.length, bytes);
    return 'Syncing';
  }

  endSnapshot(input: SnapshotEnd): State {
    const stage = this.#stage;
    if (stage === undefined) return this.breakOff('a SnapshotEnd came before SnapshotBegin');
    const wrong = stage.end(input);
    if (wrong !== undefined) return this.breakOff(wrong);
    this.#chain = { epoch: stage.epoch, seq: stage.at };
    this.#trace?.({ type: 'staged', epoch: stage.epoch, at: stage.at });
    this.accounting.begin(undefined);
    return this.#settle();
  }

  apply(input: Batch): State {
    const chain = this.#chain;
    if (chain === undefined) return this.breakOff('a Batch came before the position was known');
    const wrong = wrongInBatch(input, chain.seq, this.#mode === 'EVERY');
    if (wrong !== undefined) return this.breakOff(wrong);
    const { updates, to } = input;
    const bytes = valueBytes(updates);
    this.#credit.receive(updates.length, bytes);
    if (this.#credit.excess > largestGroup) {
      return this.breakOff(`the server sent ${this.#credit.excess} updates more than it had credit for`);
    }
    chain.seq = to;
    if (to > this.#head) this.#head = to;
    let free = 0;
    let freeBytes = 0;
    for (const update of updates) {
      if (this.#take(update, chain.epoch, input.from)) continue;
      free += 1;
      freeBytes += update.value.byteLength;
    }
    const replica = this.#stage?.replica ?? this.#replica;
    if (this.#keyed) replica.forget(to);
    if (this.#keyed && this.#tooLarge(replica)) return this.fail(tooLarge(this.#spec));
    this.#trace?.({
      type: 'applied',
      epoch: chain.epoch,
      from: input.from,
      to,
      updates,
      staged: this.#stage !== undefined,
    });
    if (this.#stage === undefined) this.feed.advance(chain.epoch, to);
    if (free > 0) this.#taken(free, freeBytes);
    return this.#settle();
  }

  bookmark({ deliveredTo, head, epoch }: Progress): State {
    const chain = this.#chain;
    if (chain === undefined) return this.state;
    if (epoch.byteLength > 0 && epochFromBytes(epoch) !== chain.epoch) {
      return this.breakOff('Progress is of another epoch than its chain');
    }
    if (deliveredTo > chain.seq) {
      return this.breakOff(
        `everything up to ${deliveredTo} was sent, and the position is ${chain.seq}: something is lost`,
      );
    }
    if (head > this.#head) this.#head = head;
    this.#trace?.({ type: 'bookmark', seq: deliveredTo });
    return this.state;
  }

  gap({ from, to, reason }: Gap): State {
    const chain = this.#chain;
    if (chain === undefined || to <= from || from !== chain.seq) {
      return this.breakOff(`a gap from ${from} to ${to} does not begin at the position ${chain?.seq ?? 'unknown'}`);
    }
    chain.seq = to;
    if (to > this.#head) this.#head = to;
    if (this.#stage === undefined) this.#whole = false;
    else this.#stage.whole = false;
    this.accounting.gap(to - from);
    if (this.#stage === undefined) this.feed.advance(chain.epoch, to);
    this.#trace?.({ type: 'gap', from, to });
    this.#tell('gap', { from, to, reason: gapReasons[reason] ?? 'UNKNOWN' });
    return this.#settle();
  }

  reset({ reason, epoch }: Reset): State {
    if (reason === Reset_Reason.VIEW_CHANGED) this.#viewChanged = false;
    else if (!this.#accepts('RESET')) {
      return this.fail(
        ended(this.#spec.topic, 'UNRECOVERABLE', 'the server reset a subscription that does not accept it'),
      );
    }
    this.#void(resetReasons[reason] ?? 'UNKNOWN', epochFromBytes(epoch));
    return 'Requested';
  }

  throttled({ minIntervalMs, maxBps, cause }: Throttle): State {
    this.#tell('throttled', { minInterval: minIntervalMs, maxBps, cause: throttleCauses[cause] ?? 'UNKNOWN' });
    return this.state;
  }

  committed({ position }: CommitOk): State {
    const epoch = position && epochFromBytes(position.epoch);
    if (position === undefined || epoch === undefined) return this.state;
    this.#committed = { epoch, seq: position.seq };
    const asked = this.#commit;
    if (asked?.epoch === epoch && asked.seq <= position.seq) this.#commit = undefined;
    this.#tell('committed', { position: this.#committed });
    return this.state;
  }

  unsubscribed({ code, message, retryable, retryAfterMs }: Unsubscribed): State {
    this.#detach('there');
    if (!retryable && code !== '') return this.fail(ended(this.#spec.topic, code, message));
    this.#tell('broken', { problem: `the server ended the subscription for now: ${code} ${message}`.trimEnd() });
    this.#retryIn(this.#backoff.next(retryAfterMs));
    return 'Broken';
  }

  pause(): State {
    if (!this.#paused && this.#sub !== 0) this.#host.send(amendFrame(this.#sub, { paused: true }));
    this.#paused = true;
    return this.state === 'Live' || this.state === 'CatchingUp' ? 'Paused' : this.state;
  }

  resume(): State {
    if (this.#paused && this.#sub !== 0) this.#host.send(amendFrame(this.#sub, { paused: false }));
    this.#paused = false;
    if (this.state !== 'Paused') return this.state;
    return this.#settle();
  }

  fail(error: RpcError): State {
    this.#error = error;
    this.#trace?.({ type: 'failed', error });
    this.#finish();
    return 'Failed';
  }

  end(): State {
    this.#finish();
    return 'Ended';
  }

  // ---------------------------------------------------------------- what the application does

  amend(change: Amendment): void {
    const { keysAdd = [], keysRemove = [] } = change;
    const keys = new Set([...this.#spec.keys, ...keysAdd]);
    for (const key of keysRemove) keys.delete(key);
    this.#spec = {
      ...this.#spec,
      keys: [...keys],
      minInterval: change.minInterval ?? this.#spec.minInterval,
      maxBps: change.maxBps ?? this.#spec.maxBps,
      conflate: change.conflate ?? this.#spec.conflate,
      overflow: change.overflow ?? this.#spec.overflow,
    };
    if (keysAdd.length + keysRemove.length > 0) this.#viewChanged = true;
    if (this.#sub === 0) return;
    this.#host.send(
      amendFrame(this.#sub, {
        minIntervalMs: change.minInterval,
        maxBps: change.maxBps,
        keysAdd: [...keysAdd],
        keysRemove: [...keysRemove],
        conflate:
          change.conflate === undefined && change.overflow === undefined ? undefined : conflateFrame(this.#spec),
      }),
    );
  }

  /** Everything up to `position` is processed; kept by the server under the durable name. Said again until it is confirmed. */
  commit(position: Position): void {
    this.#commit = position;
    if (this.#sub === 0) return;
    const { epoch, seq } = position;
    this.#host.send({ $case: 'commit', value: { sub: this.#sub, position: { epoch: epochToBytes(epoch), seq } } });
  }

  /** The next change for the application; its credit is given back. */
  takeChange(): RawChange | undefined {
    const change = this.feed.take();
    if (change === undefined) return undefined;
    const { key, seq, epoch, snapshot, value } = change;
    this.#trace?.({ type: 'taken', key, seq, epoch, snapshot, value });
    if (!snapshot) this.#taken(1, value?.byteLength ?? 0);
    return change;
  }

  /** The limits as of now, for a Credit frame. */
  tellCredit(): CreditTerms {
    const limits = this.#credit.tell();
    this.#trace?.({ type: 'credit', limits });
    return limits;
  }

  // ---------------------------------------------------------------- how

  #nextStart(): StartAt | undefined {
    const held = this.#position;
    if (this.#viewChanged && held !== undefined) {
      this.#viewChanged = false;
      this.#void('VIEW_CHANGED', held.epoch);
      return { kind: 'default' };
    }
    if (held === undefined)
      return this.#complete || this.#origin !== undefined ? { kind: 'default' } : this.#spec.start;
    if (this.#spec.recovery === 'REPEATING')
      return { kind: 'resume', position: this.#committed ?? this.#origin ?? { ...held } };
    if (this.#breaks >= breaksUntilSnapshot) {
      if (this.#accepts('RESET')) {
        this.#void('BROKEN', held.epoch);
        return { kind: 'default' };
      }
      if (!this.#accepts('GAP')) return undefined;
    }
    // The rest of a merged run would come merged with what was taken of it already.
    if (this.#mode === 'MERGE' && this.#top > held.seq && this.#accepts('RESET')) {
      this.#void('BROKEN', held.epoch);
      return { kind: 'default' };
    }
    return { kind: 'resume', position: { ...held } };
  }

  #accepts(outcome: Accepted): boolean {
    const accepted = this.#spec.accept ?? acceptedBy[this.#spec.recovery];
    // Positions of two logs do not compare: what a gap allows, a reset announces then.
    return accepted.includes(outcome) || (outcome === 'RESET' && accepted.includes('GAP'));
  }

  #unacceptable(outcome: OutcomeName, epoch: Epoch, from: number): string | undefined {
    const asked = this.#asked;
    if (asked.kind !== 'resume') return undefined;
    if (outcome === 'RESET') return undefined;
    if (outcome === 'FRESH') return 'a resume was answered with FRESH';
    if (outcome === 'CONFLATED' && !this.#accepts('CONFLATED')) return 'the outcome CONFLATED is not accepted';
    if (outcome === 'GAP' && !this.#accepts('GAP')) return 'the outcome GAP is not accepted';
    if (epoch !== asked.position.epoch) return `a resume was answered with ${outcome} in another epoch`;
    if (from !== asked.position.seq) {
      return `a resume from ${asked.position.seq} was answered with ${outcome} from ${from}`;
    }
    return undefined;
  }

  /** A chain begins without a snapshot. */
  #beginAt(epoch: Epoch, from: number, outcome: OutcomeName): void {
    const held = this.#position;
    const resumed = held !== undefined && held.epoch === epoch && outcome !== 'FRESH' && outcome !== 'RESET';
    if (!resumed) {
      if (this.#keyed) this.#replica = new Replica();
      this.#top = 0;
      this.#whole = true;
    }
    const cut = !resumed || this.#top <= held.seq;
    this.#chain = { epoch, seq: from };
    this.#position = this.#chain;
    this.#origin ??= { epoch, seq: from };
    this.feed.begin({ epoch, seq: from });
    this.accounting.begin(cut ? from : undefined);
  }

  /** Whether it waits for the application now. */
  #take(update: Update, epoch: Epoch, from: number): boolean {
    const { key, seq, mergedCount, time, expires } = update;
    const count = Math.max(1, mergedCount);
    if (seq > this.#top) this.#top = seq;
    this.accounting.represent(count);
    let entry: Entry | undefined;
    if (this.#keyed) {
      entry = (this.#stage?.replica ?? this.#replica).apply(update);
      if (this.#stage !== undefined || (entry === undefined && this.#spec.recovery !== 'REPEATING')) return false;
    }
    if (!this.#spec.changes) return false;
    const value = entry !== undefined ? entry.value : update.tombstone ? undefined : update.value.slice();
    // The last one of the batch is followed by its `to`, once all are in.
    const after = this.#mode === 'EVERY' ? seq : from;
    this.feed.push({ key, seq, value, mergedCount: count, time, expires, epoch, snapshot: false }, after);
    return true;
  }

  #taken(updates: number, bytes: number): void {
    if (this.#credit.take(updates, bytes) && this.#sub !== 0) this.#host.creditDue(this);
  }

  /** The state that fits the position: after every step forward. */
  #settle(): State {
    const chain = this.#chain;
    if (chain === undefined) return 'Syncing';
    const stage = this.#stage;
    if (stage !== undefined) {
      if (chain.seq < stage.consistentAt) return 'CatchingUp';
      this.#publish(stage, chain);
    }
    if (chain.seq < this.#target && this.#arriving !== undefined) return this.#paused ? 'Paused' : 'CatchingUp';
    if (this.#arriving !== undefined) this.#arrive(this.#arriving);
    if (this.#top <= chain.seq) this.#cutHere(chain);
    return this.#paused ? 'Paused' : 'Live';
  }

  /** What was staged takes the place of what was held, all at once. */
  #publish(stage: SnapshotStage, chain: Place): void {
    const had = this.#replica;
    this.#stage = undefined;
    this.#replica = stage.replica;
    this.#position = chain;
    this.#trace?.({ type: 'published', position: { ...chain }, replica: stage.replica });
    this.#origin ??= { ...chain };
    this.#whole = stage.whole;
    this.#top = highest(stage.replica, chain.seq);
    if (!this.#spec.changes) return;
    const dropped = this.feed.replace(had.keys(), [...stage.replica.entries()], { ...chain });
    this.#taken(
      dropped.length,
      dropped.reduce((sum, { value }) => sum + (value?.byteLength ?? 0), 0),
    );
  }

  #arrive(outcome: OutcomeName): void {
    const first = !this.#complete;
    this.#complete = true;
    this.#arriving = undefined;
    this.#backoff.reset();
    const position = this.position as Position; // there is a chain, and nothing is staged
    this.#tell(first ? 'ready' : 'recovered', { position, outcome });
  }

  #cutHere({ epoch, seq }: Place): void {
    const cut = this.accounting.cut(seq);
    const position = { epoch, seq };
    this.#trace?.({ type: 'cut', position, cut });
    // After a gap nobody knows which of the keys that are held were deleted in it.
    if (!this.#whole && this.#keyed) return;
    if (this.#keyed) this.#trace?.({ type: 'consistent', position, replica: this.#replica });
    if (this.#events.wants('consistent')) this.#tell('consistent', { position, cut });
  }

  /** What is held is worth nothing; it stays visible until something takes its place. */
  #void(reason: SubscriptionEvents['reset']['reason'], epoch: Epoch | undefined): void {
    const position = this.position;
    this.#trace?.({ type: 'reset', reason });
    this.#drop();
    this.#position = undefined;
    this.#complete = false;
    this.#origin ??= position;
    this.#tell('reset', {
      reason,
      epochChanged: epoch !== undefined && position !== undefined && epoch !== position.epoch,
      position,
    });
  }

  /** The chain and what is staged are of no use any more. */
  #drop(): void {
    this.#stage = undefined;
    // The place in the log stays, the chain that led there does not.
    if (this.#position === this.#chain && this.#chain !== undefined) this.#position = { ...this.#chain };
    this.#chain = undefined;
    this.#arriving = undefined;
  }

  #detach(ended: 'here' | 'there'): void {
    if (this.#sub !== 0) this.#host.detach(this, this.#sub, ended);
    this.#sub = 0;
    this.#drop();
  }

  #finish(): void {
    this.#detach('here');
    this.#host.forget(this);
    this.#tell('end', { error: this.#error });
  }

  #tooLarge(replica: Replica): boolean {
    return replica.size > this.#spec.maxKeys || replica.bytes > this.#spec.maxBytes;
  }

  #retryIn(ms: number): void {
    this.#cancelRetry = this.#host.clock.setTimer(() => {
      this.#cancelRetry = undefined;
      this.dispatch('retry', undefined);
    }, ms);
  }

  #stopRetry(): void {
    this.#cancelRetry?.();
    this.#cancelRetry = undefined;
  }

  /** Told once the step is done: a listener may end the subscription, or amend it. */
  #tell<K extends keyof SubscriptionEvents>(name: K, event: SubscriptionEvents[K]): void {
    if (this.#events.wants(name)) this.#news.push(() => this.#events.emit(name, event));
  }

  #deliver(): void {
    while (this.#news.length > 0) {
      const news = this.#news;
      this.#news = [];
      for (const tell of news) tell();
    }
  }
}

function highest(replica: Replica, least: number): number {
  let top = least;
  for (const [, { seq }] of replica.entries()) if (seq > top) top = seq;
  return top;
}
