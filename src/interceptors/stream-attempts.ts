/**
 * The attempts of a call that streams, one after the other, until the server answers: with headers, with a
 * message, or with the end. From then on the call is committed to that attempt, because the caller has
 * seen a part of it; what was received passes through untouched.
 * Rule: gRFC A6, "When Retries are Valid".
 */
import { answerFrom } from '../call/answer-steps.js';
import { type AtOnce, atOnce, hasAtOnce } from '../call/at-once.js';
import type { Call } from '../call/call.js';
import { type Source, tellReturned } from '../call/pump.js';
import { isRpcError, RpcError } from '../call/rpc-error.js';
import { streamsRequest, streamsResponse } from '../contract/method.js';
import { Attempt, attemptTimedOut } from './attempt.js';
import { CallAttempts, leastRemaining } from './call-attempts.js';
import type { AttemptKind, GiveUpEvent } from './client-events.js';
import { Replay } from './replay.js';
import { judge } from './retry-rules.js';

export class StreamAttempts extends CallAttempts {
  readonly #replay: Replay | undefined;
  #current: Attempt | undefined;
  #committed = false;
  /** The request stream outgrew the buffer: this attempt is the last. */
  #overflowed = false;

  constructor(...init: ConstructorParameters<typeof CallAttempts>) {
    super(...init);
    const { plan, outer } = this;
    this.#replay = streamsRequest(plan.method.kind)
      ? new Replay(outer, outer.request as Source<unknown>, () => {
          this.#overflowed = true;
          this.#replay?.release();
        })
      : undefined;
    if (plan.maxAttempts < 2) this.#replay?.release();
  }

  protected override begin(): void {
    this.outer.onFinish(() => this.#over());
    this.outer.onAbort((reason) => this.#abort(reason));
    if (!this.done) this.#start('first');
  }

  #start(kind: AttemptKind): void {
    const attempt = Attempt.next(this.plan, this.outer, kind, this.ownership, false);
    const { call } = attempt;
    this.#current = attempt;
    const outer = this.outer;
    if (this.#replay === undefined) call.encodeItem = (message) => outer.encodeItem(message);
    else this.#replay.feed(call);
    call.decodeItem = (bytes) => outer.decodeItem(bytes);
    call.onResponseHeaders(() => this.#commit(attempt));
    const { attemptTimeout, method } = this.plan;
    if (attemptTimeout !== undefined) {
      attempt.arm(() => this.#timedOut(attempt, attemptTimedOut(method.path, attemptTimeout)), attemptTimeout);
    }
    answerFrom(this.next, call).then(
      (value) => this.#responded(attempt, value),
      (error: unknown) => this.#failed(attempt, error),
    );
  }

  /** A transport that settles on abort fails the attempt now; of others nothing is awaited. */
  #timedOut(attempt: Attempt, error: RpcError): void {
    attempt.call.abort(error);
    if (!this.plan.prompt) this.#failed(attempt, error);
  }

  /** Whether an outcome of this attempt can still be the call's. */
  #counts(attempt: Attempt): boolean {
    return !this.done && this.#current === attempt && (this.#committed || !attempt.ended);
  }

  #responded(attempt: Attempt, response: unknown): void {
    if (!streamsResponse(this.plan.method.kind)) {
      if (!this.#counts(attempt)) return;
      this.#commit(attempt);
      this.done = true;
      attempt.call.finish();
      this.resolve(response);
      return;
    }
    const iterator = (response as AsyncIterable<unknown>)[Symbol.asyncIterator]();
    if (!this.#counts(attempt)) {
      tellReturned(iterator);
      return;
    }
    if (this.#committed) {
      this.#hand(attempt, new Resumed(undefined, iterator));
      return;
    }
    // One message ahead, so that a stream which fails before it said anything can be begun again unseen.
    const first = iterator.next();
    let handed = false;
    const hand = (): void => {
      if (handed) return;
      handed = true;
      this.#hand(attempt, new Resumed(first, iterator));
    };
    attempt.call.onResponseHeaders(hand);
    first.then(
      () => {
        this.#commit(attempt);
        hand();
      },
      (error: unknown) => {
        if (!handed) this.#failed(attempt, error);
      },
    );
  }

  #hand(attempt: Attempt, stream: Resumed): void {
    if (!this.#counts(attempt)) return;
    this.done = true;
    const told = this.outer.attempts > 1 ? new Told(stream, (error) => this.#told(error)) : stream;
    this.resolve(this.plan.prompt ? told : new UntilAborted(this.outer, told));
    this.#endWith(attempt);
  }

  /** What the reader of a stream is told when it breaks: the attempts before it count, too. */
  #told(error: unknown): unknown {
    this.failed(error);
    return this.ofAll(error);
  }

  /** The server has answered: this attempt is the call now. */
  #commit(attempt: Attempt): void {
    if (this.#committed || !this.#counts(attempt)) return;
    this.#committed = true;
    const { call } = attempt;
    attempt.disarm();
    this.#replay?.release();
    this.outer.adopt(call);
    attempt.answered();
    this.plan.budget.earn();
    call.onFinish(() => {
      call.lease?.release(false);
      this.#endWith(attempt);
    });
  }

  /**
   * The transport knows first that a stream has ended; then the call's timers can go. An attempt may be over before its
   * stream was handed on, and even before it was committed to; the call goes on until its caller has the stream.
   */
  #endWith({ call }: Attempt): void {
    if (this.done && call.finished && call.aborted === undefined && streamsResponse(this.plan.method.kind)) {
      this.outer.finish();
    }
  }

  #failed(attempt: Attempt, error: unknown): void {
    if (!this.#counts(attempt)) return;
    if (this.#committed) {
      this.done = true;
      attempt.call.finish();
      this.failed(error);
      this.reject(this.ofAll(error));
      return;
    }
    attempt.end(error);
    this.failed(error);
    if (isRpcError(error) && this.#again(attempt, error)) return;
    this.done = true;
    this.plan.throttle?.failed(error);
    this.outer.adopt(attempt.call);
    this.#replay?.close();
    this.reject(this.ofAll(error));
  }

  /** Whether another attempt is to come. */
  #again(attempt: Attempt, error: RpcError): boolean {
    const { random, budget, maxAttempts } = this.plan;
    const verdict = judge(
      { error, attempt: attempt.call, repeatable: this.repeatable, ownedElsewhere: this.ownership.elsewhere },
      this.plan,
      this.retries,
      random,
    );
    if (verdict.kind === 'never') return false;
    if (verdict.kind === 'refused') return this.#giveUp(verdict.reason, error);
    if (this.#overflowed || this.outer.attempts >= maxAttempts) return this.#giveUp('attempts', error);
    const left = this.outer.deadline?.remaining() ?? Number.POSITIVE_INFINITY;
    if (left - verdict.delay < leastRemaining) return this.#giveUp('deadline', error);
    if (!budget.take()) return this.#giveUp('budget', error);
    this.awaitRetry(verdict.delay, verdict.exact, error);
    return true;
  }

  #giveUp(reason: GiveUpEvent['reason'], error: RpcError): false {
    this.tellGiveUp(reason, error);
    return false;
  }

  protected override retry(): void {
    this.#start('retry');
  }

  #abort(reason: RpcError): void {
    const attempt = this.#current;
    const pending = !this.done;
    this.done = true;
    this.dropRetry();
    if (attempt !== undefined) {
      if (this.#committed || !attempt.ended) this.failed(undefined);
      if (this.#committed) {
        attempt.call.abort(reason);
        attempt.call.finish();
      } else {
        this.outer.adopt(attempt.call);
        attempt.cancel(reason);
      }
    }
    this.#replay?.close();
    if (pending) this.reject(this.ofAll(reason));
  }

  /** The call as a whole has ended. */
  #over(): void {
    const pending = !this.done;
    this.done = true;
    this.dropRetry();
    this.#current?.call.finish();
    this.#replay?.close();
    if (pending) this.reject(new RpcError('CANCELLED', `the call of ${this.plan.method.path} ended unanswered`));
  }
}

/** A stream that something of the user's may hold up: its reader hears of an abort all the same. */
class UntilAborted implements AsyncIterableIterator<unknown> {
  readonly #call: Call;
  readonly #stream: Resumed | Told;

  constructor(call: Call, stream: Resumed | Told) {
    this.#call = call;
    this.#stream = stream;
  }

  next(): Promise<IteratorResult<unknown>> {
    return new Promise((resolve, reject) => {
      const remove = this.#call.onAbort(reject);
      this.#stream.next().then(resolve, reject).finally(remove);
    });
  }

  return(): Promise<IteratorResult<unknown>> {
    return this.#stream.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** A stream whose error is told by all attempts of its call. */
class Told implements AsyncIterableIterator<unknown> {
  readonly #stream: Resumed;
  readonly #fail: (error: unknown) => never;

  constructor(stream: Resumed, told: (error: unknown) => unknown) {
    this.#stream = stream;
    this.#fail = (error) => {
      throw told(error);
    };
  }

  next(): Promise<IteratorResult<unknown>> {
    return this.#stream.next().catch(this.#fail);
  }

  return(): Promise<IteratorResult<unknown>> {
    return this.#stream.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}

/** A stream of which the first message was asked for already. Adds no promise to any message. */
class Resumed implements AsyncIterableIterator<unknown>, AtOnce<unknown> {
  #first: Promise<IteratorResult<unknown>> | undefined;
  readonly #rest: AsyncIterator<unknown>;

  constructor(first: Promise<IteratorResult<unknown>> | undefined, rest: AsyncIterator<unknown>) {
    this.#first = first;
    this.#rest = rest;
  }

  next(): Promise<IteratorResult<unknown>> {
    const first = this.#first;
    if (first === undefined) return this.#rest.next();
    this.#first = undefined;
    return first;
  }

  [atOnce](): IteratorResult<unknown> | undefined {
    return this.#first === undefined && hasAtOnce(this.#rest) ? this.#rest[atOnce]() : undefined;
  }

  return(): Promise<IteratorResult<unknown>> {
    this.#first = undefined;
    return this.#rest.return?.() ?? Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
