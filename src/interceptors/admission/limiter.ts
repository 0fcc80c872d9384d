/**
 * Lets in as many calls as the process can serve in time, and refuses the others at once. Two things can run out. Places:
 * how many calls are in flight, bounded by an adaptive limit. And the thread: handlers that compute never overlap, so calls pile
 * up unseen in the sockets; therefore handlers run for a slice of time, then the loop reads what has come, and a
 * call that arrives meanwhile waits in the queue, where the critical go first and those nobody will wait for are let go.
 *
 * While there is room and nobody waits, a call costs two readings of the clock and some additions.
 */
import { AsyncResource } from 'node:async_hooks';
import { answerFrom } from '../../call/answer-steps.js';
import type { Permit } from '../../call/attachments.js';
import type { Call } from '../../call/call.js';
import { peerPrincipal } from '../../call/certificate-name.js';
import { type Clock, laterTurn } from '../../call/clock.js';
import { readingOf } from '../../call/clock-reading.js';
import { begun, type Handler } from '../../call/interceptor.js';
import { type Owner, ownerOf } from '../../call/owner.js';
import type { RpcError } from '../../call/rpc-error.js';
import { pushbackHeader } from '../../call/status.js';
import type { IncomingRequest, Refusal } from '../../call/transport.js';
import { type MethodType, streamsResponse } from '../../contract/method.js';
import type { Criticality } from '../../contract/policy.js';
import { bandOf, criticalityHeader, criticalityOf, declaredCriticality, heard } from '../criticality.js';
import { discard, unwanted } from '../deadline.js';
import type { ServerEventHub } from '../server-events.js';
import { BandQueue, type QueueTerms, type Waiting } from './band-queue.js';
import { Gradient, type GradientTerms } from './gradient.js';
import { LoopDelay } from './loop-delay.js';
import { Pace } from './pace.js';
import { Refusals, rejected, type ShedReason } from './refusal.js';

export interface LimiterTerms {
  readonly limit: GradientTerms;
  readonly queue: QueueTerms;
  /** ms that handlers may compute before the loop is let go on. */
  readonly slice: number;
  /** ms that the event loop may be late; undefined where there is none that could be: in virtual time. */
  readonly loopDelay: number | undefined;
  /** Calls in flight while the loop is late: the fewest. */
  readonly leastPace: number;
}

/** What an operator sees of it. */
export interface AdmissionStatus {
  /** Calls that may be in flight now. */
  readonly limit: number;
  readonly inFlight: number;
  readonly queued: Readonly<Record<Criticality, number>>;
  /** ms that the event loop was late when last looked at. */
  readonly loopDelay: number;
  /** ms since which calls have been refused without a second's pause; 0 when none are. */
  readonly saturatedFor: number;
  /** Calls let in and refused since the start. */
  readonly admitted: number;
  readonly refused: number;
}

/** ms of computing after which the end of the turn is waited for. */
const worthMarking = 1;

/** What a call may wait in a standing queue: a part of the time that its caller gives it, but no longer than so many ms. */
const share = 0.4;
const longestWait = 30_000;

function patienceOf(remaining = Number.POSITIVE_INFINITY): number {
  return Math.min(longestWait, share * remaining);
}

interface Queued extends Waiting {
  readonly call: Call;
  readonly next: Handler;
  readonly streams: boolean;
  /** Whose context the handler runs in: it is started from another's. */
  readonly scope: AsyncResource;
  readonly resolve: (response: unknown) => void;
  readonly reject: (error: unknown) => void;
  stopListening: () => void;
}

export class Limiter implements Permit {
  readonly #terms: LimiterTerms;
  readonly #clock: Clock;
  readonly #events: ServerEventHub;
  readonly #gradient: Gradient;
  readonly #queue: BandQueue<Queued>;
  readonly #loop: LoopDelay | undefined;
  /** None where calls do not wait: a late loop alone is no reason to refuse one. */
  readonly #pace: Pace | undefined;
  readonly #refusals = new Refusals();
  readonly #defer: (fn: () => void) => void;
  readonly #endTurn = (): void => this.#turn();
  #inFlight = 0;
  /** ms that handlers have computed since the loop last went on. */
  #computed = 0;
  #turnEnds = false;
  #turnBegan = 0;
  #dispatching = false;
  #queueing = false;
  #cancelSweep: (() => void) | undefined;
  #admitted = 0;

  constructor(terms: LimiterTerms, clock: Clock, events: ServerEventHub) {
    this.#terms = terms;
    this.#clock = clock;
    this.#events = events;
    this.#gradient = new Gradient(terms.limit, clock.now());
    this.#queue = new BandQueue(terms.queue);
    const { loopDelay, leastPace: least, limit, queue } = terms;
    if (loopDelay !== undefined) {
      this.#loop = new LoopDelay(clock, loopDelay, (late) => this.#looked(late));
      if (queue.max > 0) this.#pace = new Pace({ loopDelay, first: limit.min, least });
    }
    this.#defer = laterTurn(clock);
  }

  status(): AdmissionStatus {
    const now = this.#clock.now();
    return {
      limit: this.#gradient.limit,
      inFlight: this.#inFlight,
      queued: this.#queue.sizes(),
      loopDelay: this.#loop?.current ?? 0,
      saturatedFor: this.#refusals.saturatedFor(now),
      admitted: this.#admitted,
      refused: this.#refusals.count,
    };
  }

  /** Runs the call now, or when it is its turn, or refuses it. */
  admit(call: Call, next: Handler, streams: boolean): Promise<unknown> {
    const now = readingOf(call, this.#clock);
    this.#loop?.touch();
    if (!this.#crowded(now)) return this.#run(call, next, streams, now);
    const criticality = criticalityOf(call);
    const patience = patienceOf(call.deadline?.remaining());
    const reason = this.#hopeless(criticality, patience, now, ownerOf(call.principal, call.peer.address));
    if (reason === undefined) return this.#enqueue(call, next, streams, bandOf(criticality), patience, now);
    return Promise.reject(this.#shed(call, reason, now));
  }

  /** Why a call would be refused that comes now, asked before it is made. */
  refuse(method: MethodType, request: IncomingRequest, at?: number): Refusal | undefined {
    if (!this.#busy) return undefined;
    const now = at ?? this.#clock.now();
    if (!this.#crowded(now)) return undefined;
    // Where none waits, nobody's headers are looked at.
    if (this.#terms.queue.max === 0 && !this.#events.wants('rejected')) return this.#refusal('limit', now);
    const criticality = heard(declaredCriticality(method), request.getAll(criticalityHeader), false);
    const { peer } = request;
    const owner = ownerOf(peerPrincipal(peer), peer.address);
    const reason = this.#hopeless(criticality, patienceOf(request.timeout), now, owner);
    if (reason === undefined) return undefined;
    if (this.#events.wants('rejected')) {
      const principal = peerPrincipal(peer);
      this.#events.emit('rejected', { method, reason, criticality, principal });
    }
    return this.#refusal(reason, now);
  }

  get #busy(): boolean {
    return this.#queueing || this.#inFlight >= this.#gradient.limit || this.#computed >= this.#terms.slice;
  }

  /** Calls that may be in flight now. */
  #room(now: number): number {
    const { limit } = this.#gradient;
    return Math.min(limit, this.#pace?.room(this.#inFlight, this.#loop?.overdue(now) ?? 0) ?? limit);
  }

  #looked(late: number | undefined): void {
    if (late === undefined) this.#pace?.free();
    else this.#pace?.looked(late, this.#inFlight, this.#gradient.limit);
    this.#dispatch();
  }

  /** Whether a call cannot run at once. */
  #crowded(now: number): boolean {
    if (this.#queueing && this.#queue.size === 0 && !this.#queue.overloaded(now)) this.#queueing = false;
    return this.#busy || this.#inFlight >= this.#room(now);
  }

  /** Why it makes no sense that a call waits, if it makes none. */
  #hopeless(criticality: Criticality, patience: number, now: number, owner: Owner): ShedReason | undefined {
    if (this.#terms.queue.max === 0) return 'limit';
    return this.#queue.refuses(bandOf(criticality), patience, now, owner);
  }

  /** For calls: one that was let in is over. */
  release(call: Call): void {
    call.permit = undefined;
    const now = this.#clock.now();
    if (this.#gradient.record(now - call.permittedAt, this.#inFlight, now, call.aborted !== undefined))
      this.#heedLoop();
    this.#inFlight -= 1;
    this.#pace?.end();
    if (this.#queue.size > 0) this.#dispatch();
  }

  #run(call: Call, next: Handler, streams: boolean, now: number): Promise<unknown> {
    this.#inFlight += 1;
    this.#admitted += 1;
    const response = streams ? this.#open(call, next) : this.#answer(call, next, now);
    // Everything up to the handler's first await has run by now.
    this.#computed += this.#clock.now() - now;
    if (this.#computed > worthMarking) this.#awaitTurn();
    return response;
  }

  #answer(call: Call, next: Handler, now: number): Promise<unknown> {
    call.permit = this;
    call.permittedAt = now;
    return begun(next, call);
  }

  /** A stream holds its place until it is open: while it is idle it costs nothing that is short. */
  #open(call: Call, next: Handler): Promise<unknown> {
    let open = false;
    const free = (): void => {
      if (open) return;
      open = true;
      this.#inFlight -= 1;
      this.#dispatch();
    };
    call.onFinish(free);
    const response = begun(next, call);
    // One that only takes requests, and a long poll, answer at their very end; their handlers have begun by now.
    if (!streamsResponse(call.method.kind)) free();
    else response.then(free, free);
    return response;
  }

  #heedLoop(): void {
    if ((this.#loop?.excess ?? 0) > 0) this.#gradient.cut();
  }

  #enqueue(call: Call, next: Handler, streams: boolean, band: number, patience: number, now: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const one: Queued = {
        call,
        next,
        streams,
        band,
        since: now,
        patience,
        owner: ownerOf(call.principal, call.peer.address),
        older: undefined,
        newer: undefined,
        olderOwn: undefined,
        newerOwn: undefined,
        queued: false,
        scope: new AsyncResource('HawserQueued', { requireManualDestroy: true }),
        resolve,
        reject,
        stopListening: () => {},
      };
      const evicted = this.#queue.push(one);
      if (evicted !== undefined) this.#letGo(evicted, 'queue-full', now);
      this.#queueing = true;
      one.stopListening = call.onAbort((reason) => this.#abandoned(one, reason));
      this.#awaitTurn();
      this.#sweepLater();
    });
  }

  /** Its caller went away, or its time is over, while it waited. */
  #abandoned(one: Queued, reason: RpcError): void {
    if (!one.queued) return;
    this.#queue.remove(one);
    one.reject(discard(one.call, 'queue', reason.withDisposition('not-executed'), this.#events));
  }

  /** After the loop has gone on: what it read now stands in line. */
  #awaitTurn(): void {
    if (this.#turnEnds) return;
    this.#turnEnds = true;
    this.#turnBegan = this.#clock.now();
    this.#defer(this.#endTurn);
  }

  #turn(): void {
    const now = this.#clock.now();
    // What computes after its first await is seen by timers only.
    this.#queue.turned(Math.max(now - this.#turnBegan, this.#loop?.current ?? 0));
    this.#turnEnds = false;
    this.#computed = 0;
    this.#dispatch();
  }

  /** Starts those who wait, as far as places and the slice go. */
  #dispatch(): void {
    if (this.#queue.size === 0 || this.#dispatching) return;
    this.#dispatching = true;
    const now = this.#clock.now();
    for (const one of this.#queue.stale(now)) this.#letGo(one, 'codel', now);
    this.#loop?.touch();
    const room = this.#room(now);
    while (this.#inFlight < room && this.#computed < this.#terms.slice) {
      const one = this.#queue.take(this.#clock.now());
      if (one === undefined) break;
      this.#start(one);
    }
    this.#dispatching = false;
    if (this.#queue.size > 0 && this.#computed >= this.#terms.slice) this.#awaitTurn();
  }

  #start(one: Queued): void {
    const { call, next, streams, scope, resolve, reject } = one;
    one.stopListening();
    const late = unwanted(call);
    if (late !== undefined) {
      reject(discard(call, 'queue', late, this.#events));
      return;
    }
    const now = this.#clock.now();
    call.queued = now - one.since;
    if (this.#events.wants('admitted')) {
      const { method } = call;
      this.#events.emit('admitted', { method, queued: call.queued, criticality: criticalityOf(call), call });
    }
    const run = (): Promise<unknown> => this.#run(call, next, streams, now);
    resolve(scope.runInAsyncScope(() => answerFrom(run, call)));
  }

  #letGo(one: Queued, reason: ShedReason, now: number): void {
    one.stopListening();
    one.reject(this.#shed(one.call, reason, now));
  }

  #shed(call: Call, reason: ShedReason, now: number): RpcError {
    rejected(this.#events, call, reason);
    const { error, pushback } = this.#refusal(reason, now);
    call.responseTrailers.set(pushbackHeader, pushback);
    return error;
  }

  #refusal(reason: ShedReason, now: number): Refusal {
    return this.#refusals.next(reason, now, () => {
      const flight = `${this.#inFlight} calls are in flight (limit ${this.#gradient.limit})`;
      if (reason === 'limit') return flight;
      if (reason === 'codel') return `${flight}, and calls wait for longer than they may`;
      return `${flight}, and ${this.#queue.size} wait (of ${this.#terms.queue.max} places)`;
    });
  }

  /** Where nothing is served any more, nobody would be let go either. */
  #sweepLater(): void {
    this.#cancelSweep ??= this.#clock.setTimer(() => {
      this.#cancelSweep = undefined;
      this.#dispatch();
      if (this.#queue.size > 0) this.#sweepLater();
    }, this.#terms.queue.interval);
  }
}
