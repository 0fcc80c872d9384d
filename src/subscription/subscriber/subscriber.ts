/**
 * One subscription: what it asks the server for, and which state each event leads to. Everything the server says goes through
 * the table of states to what is held, and the application hears of it when the step is done. No transport, no time and
 * no chance of its own: frames come in by `dispatch` and go out through the host.
 */
import {
  type Batch,
  type CommitOk,
  type Error as ErrorItem,
  type Gap,
  type Progress,
  type Reset,
  Reset_Reason,
  type SnapshotBegin,
  type SnapshotChunk,
  type SnapshotEnd,
  Subscribe_Scope,
  type Subscribed,
  type Throttle,
  type Unsubscribed,
} from '../../../gen/hawser/subscription/v1/subscription.js';
import type { RpcError } from '../../call/rpc-error.js';
import { epochFromBytes, type Position, positionFromWire } from '../position.js';
import type { Accounting } from './accounting.js';
import { type Amendment, Amendments, amended, amendmentFrame, changesView } from './amendment.js';
import { Breaks } from './breaks.js';
import type { HeldState } from './contents.js';
import { Credit, type CreditTerms } from './credit.js';
import type { SubscriptionEventHub } from './events.js';
import { brokenForGood, commitRefused, ended, noEmptySet, refused } from './failures.js';
import type { Feed, RawChange } from './feed.js';
import { Holding, type HoldingContext, type Wrong } from './holding.js';
import type { Host } from './host.js';
import { amendFrame, resetReasons, throttleCauses } from './names.js';
import { News } from './news.js';
import { Processed } from './processed.js';
import type { StartAt } from './recovery.js';
import type { Replica } from './replica.js';
import { accepts, answerOf, nextStart } from './resumption.js';
import { type ModeName, type SubscriptionSpec, subscribeFrame } from './spec.js';
import { type InputName, type Inputs, type State, table } from './table.js';
import type { Trace } from './trace.js';

export class Subscriber {
  readonly #host: Host;
  readonly #news: News;
  readonly #trace: Trace | undefined;
  readonly #credit: Credit;
  readonly #breaks: Breaks;
  readonly #holding: Holding;
  #spec: SubscriptionSpec;
  #state: State = 'Stale';
  /** The number on this connection; 0 for none. */
  #sub = 0;
  #asked: StartAt = { kind: 'default' };
  #viewChanged = false;
  #paused = false;
  readonly #processed = new Processed();
  #amendments = new Amendments();
  #error: RpcError | undefined;

  constructor(spec: SubscriptionSpec, host: Host, events: SubscriptionEventHub, held?: HeldState, trace?: Trace) {
    this.#spec = spec;
    this.#host = host;
    this.#news = new News(events);
    this.#trace = trace;
    this.#credit = new Credit(spec.credit);
    this.#breaks = new Breaks(host, () => this.dispatch('retry', undefined));
    const context: HoldingContext = {
      credit: this.#credit,
      news: this.#news,
      trace,
      taken: (updates, bytes) => this.#taken(updates, bytes),
      arrived: () => this.#breaks.mended(),
    };
    this.#holding = new Holding(spec, context, held);
  }

  get state(): State {
    return this.#state;
  }

  get spec(): SubscriptionSpec {
    return this.#spec;
  }

  get mode(): ModeName {
    return this.#holding.mode;
  }

  /** The number on this connection; 0 for none. */
  get sub(): number {
    return this.#sub;
  }

  get replica(): Replica {
    return this.#holding.replica;
  }

  get feed(): Feed {
    return this.#holding.feed;
  }

  get accounting(): Accounting {
    return this.#holding.accounting;
  }

  /** Where a resume would begin. */
  get position(): Position | undefined {
    return this.#holding.position;
  }

  /** The newest update that is held. */
  get newest(): Position | undefined {
    return this.#holding.newest;
  }

  /** What the server calls the view that what is held was sent by. */
  get view(): Uint8Array | undefined {
    return this.#holding.view;
  }

  get head(): number {
    return this.#holding.head;
  }

  get complete(): boolean {
    return this.#holding.complete;
  }

  /** What is held is a state of the topic, as far as updates have come. */
  get consistent(): boolean {
    return this.#holding.consistent;
  }

  get error(): RpcError | undefined {
    return this.#error;
  }

  get over(): boolean {
    return this.#state === 'Failed' || this.#state === 'Ended';
  }

  dispatch<I extends InputName>(name: I, input: Inputs[I]): void {
    const before = this.#state;
    this.#news.begin();
    try {
      // The row has an action for this very input: the lookup loses the connection between the two.
      const action = table[before][name] as (it: Subscriber, input: Inputs[I]) => State;
      const after = action(this, input);
      this.#state = after;
      if (after !== before) {
        this.#trace?.({ type: 'state', state: after });
        this.#news.tell('state', { from: before, to: after });
      }
      if (after !== 'Broken') this.#breaks.stopRetry();
    } finally {
      this.#news.end();
    }
    this.#news.deliver();
  }

  // ---------------------------------------------------------------- what the table does

  request(): State {
    if (!this.#host.ready) return 'Stale';
    const start = this.#nextStart();
    if (start === undefined) return this.fail(brokenForGood(this.#spec.topic, this.#breaks.count));
    this.#asked = start;
    this.#credit.restart();
    this.#amendments = new Amendments();
    this.#sub = this.#host.attach(this);
    const credit = this.#credit.tell();
    this.#trace?.({ type: 'asked', credit });
    this.#host.send({ $case: 'subscribe', value: subscribeFrame(this.#spec, this.#sub, start, credit) });
    return 'Requested';
  }

  lost(error: RpcError | undefined): State {
    this.#sub = 0;
    this.#holding.drop();
    return this.unreached(error);
  }

  /** Another try to connect has failed, the first one or one after a loss. */
  unreached(error: RpcError | undefined): State {
    this.#news.tell('stale', { position: this.position, error });
    return 'Stale';
  }

  breakOff(problem: string): State {
    this.#breaks.add();
    this.#detach('here');
    this.#trace?.({ type: 'broken', problem });
    this.#news.tell('broken', { problem });
    if (this.#breaks.tooOften) return this.fail(brokenForGood(this.#spec.topic, this.#breaks.count, problem));
    this.#breaks.retryLater();
    return 'Broken';
  }

  subscribed(input: Subscribed): State {
    if (this.#spec.keys.length === 0 && input.scope !== Subscribe_Scope.NAMED) {
      return this.fail(noEmptySet(this.#spec.topic));
    }
    const answer = answerOf(this.#spec, this.#asked, input);
    if (typeof answer === 'string') return this.breakOff(answer);
    const { epoch, outcome, snapshot, generation } = answer;
    const { from, keyed } = input;
    this.#holding.answered(input, outcome);
    if (this.#paused) this.#host.send(amendFrame(this.#sub, { paused: true }));
    this.#tellProcessed();
    this.#trace?.({ type: 'began', epoch, generation, from, outcome, mode: this.mode, keyed, snapshot });
    if (snapshot) return 'Syncing';
    this.#holding.beginAt({ epoch, seq: from, generation }, outcome);
    return this.#holding.settle(this.#paused);
  }

  beginSnapshot(input: SnapshotBegin): State {
    return this.#refused(this.#holding.beginSnapshot(input)) ?? 'Syncing';
  }

  addChunk(input: SnapshotChunk): State {
    return this.#refused(this.#holding.addChunk(input)) ?? 'Syncing';
  }

  endSnapshot(input: SnapshotEnd): State {
    return this.#refused(this.#holding.endSnapshot(input)) ?? this.#holding.settle(this.#paused);
  }

  apply(input: Batch): State {
    return this.#refused(this.#holding.apply(input)) ?? this.#holding.settle(this.#paused);
  }

  bookmark(input: Progress): State {
    return this.#refused(this.#holding.bookmark(input)) ?? this.#holding.settle(this.#paused);
  }

  gap(input: Gap): State {
    return this.#refused(this.#holding.gap(input)) ?? this.#holding.settle(this.#paused);
  }

  reset({ reason, epoch }: Reset): State {
    if (reason === Reset_Reason.VIEW_CHANGED) this.#viewChanged = false;
    else if (!accepts(this.#spec, 'RESET')) {
      return this.fail(
        ended(this.#spec.topic, 'UNRECOVERABLE', 'the server reset a subscription that does not accept it'),
      );
    }
    if (reason === Reset_Reason.EPOCH_CHANGED || reason === Reset_Reason.EPOCH_VIOLATION) this.#processed.forget();
    this.#holding.invalidate(resetReasons[reason] ?? 'UNKNOWN', epochFromBytes(epoch));
    return 'Requested';
  }

  throttled({ minIntervalMs, maxBps, cause }: Throttle): State {
    this.#news.tell('throttled', { minInterval: minIntervalMs, maxBps, cause: throttleCauses[cause] ?? 'UNKNOWN' });
    return this.state;
  }

  committed(input: CommitOk): State {
    const refused = input.refused && positionFromWire(input.refused);
    if (refused !== undefined) {
      this.#processed.refuse(refused);
      const { code = '', message = '' } = input.error ?? {};
      this.#news.tell('commitRefused', { position: refused, error: commitRefused(this.#spec.topic, code, message) });
    }
    const position = this.#processed.confirm(input);
    if (position !== undefined) this.#news.tell('committed', { position });
    return this.state;
  }

  unsubscribed({ code, message, retryable, retryAfterMs, status }: Unsubscribed): State {
    this.#detach('there');
    // A server that fails at the same place again and again is not asked for ever.
    if (code === 'INTERNAL') this.#breaks.add();
    const forGood = !retryable || (code === 'INTERNAL' && this.#breaks.tooOften);
    if (forGood && code !== '') {
      const error = ended(this.#spec.topic, code, message, status);
      // Nothing of it may be seen any more.
      if (error.code === 'PERMISSION_DENIED') this.#holding.letGo();
      return this.fail(error);
    }
    this.#news.tell('broken', { problem: `the server ended the subscription for now: ${code} ${message}`.trimEnd() });
    this.#breaks.retryLater(retryAfterMs);
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
    return this.state === 'Paused' ? this.#holding.settle(false) : this.state;
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

  /** Throws a TypeError for keys that cannot be meant. */
  amend(change: Amendment): void {
    const before = this.#spec;
    this.#spec = amended(before, change);
    if (changesView(change)) this.#viewChanged = true;
    if (this.#sub === 0) return;
    const request = this.#amendments.add(before.keys, this.#spec.keys);
    this.#host.send(amendmentFrame(this.#sub, change, this.#spec, request));
  }

  /** The server refused to change the keys: they stay. */
  refused({ code, message, request, status }: ErrorItem): State {
    const keys = this.#amendments.refused(request ?? 0, this.#spec.keys);
    if (keys !== undefined) {
      this.#spec = { ...this.#spec, keys };
      this.#viewChanged = this.#amendments.open > 0;
    }
    this.#news.tell('refused', { error: refused(this.#spec.topic, code, message, status) });
    return this.state;
  }

  /** Everything up to `position` is processed; kept by the server under the durable name. Said again until it is confirmed. */
  commit(position: Position): void {
    this.#processed.ask(position);
    if (this.#sub !== 0) this.#tellProcessed();
  }

  /** The next change for the application; its credit is given back. */
  takeChange(): RawChange | undefined {
    const change = this.feed.take();
    if (change === undefined) return undefined;
    const { key, seq, epoch, generation, snapshot, value } = change;
    this.#trace?.({ type: 'taken', key, seq, epoch, generation, snapshot, value });
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
    const { position, newest, view, origin, complete, mode, keyed, ranAhead } = this.#holding;
    const next = nextStart(this.#spec, {
      position,
      newest,
      view,
      origin,
      committed: this.#processed.kept,
      complete,
      viewChanged: this.#viewChanged,
      mode,
      keyed,
      ranAhead,
      brokeOften: this.#breaks.often,
    });
    if (next?.voids === 'VIEW_CHANGED') this.#viewChanged = false;
    if (next?.voids !== undefined) this.#holding.invalidate(next.voids, position?.epoch);
    return next?.start;
  }

  #tellProcessed(): void {
    const frame = this.#processed.frame(this.#sub);
    if (frame !== undefined) this.#host.send(frame);
  }

  /** The state that something wrong leads to. */
  #refused(wrong: Wrong): State | undefined {
    if (wrong === undefined) return undefined;
    return typeof wrong === 'string' ? this.breakOff(wrong) : this.fail(wrong);
  }

  #taken(updates: number, bytes: number): void {
    if (this.#credit.take(updates, bytes) && this.#sub !== 0) this.#host.creditDue(this);
  }

  #detach(ended: 'here' | 'there'): void {
    if (this.#sub !== 0) this.#host.detach(this, this.#sub, ended);
    this.#sub = 0;
    this.#holding.drop();
  }

  #finish(): void {
    this.#detach('here');
    this.#host.forget(this);
    this.#news.tell('end', { error: this.#error });
  }
}
