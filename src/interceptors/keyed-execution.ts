/**
 * One execution of one key in this process, and the calls that wait for its answer. It belongs to none of them: it has the
 * method's longest time, not what one attempt had left, so that a retry finds it running and gets its answer. Nothing
 * begins once nobody waits.
 */
import { Alarms } from '../call/alarms.js';
import { type AnswerStep, leaveStep } from '../call/answer-steps.js';
import type { Call } from '../call/call.js';
import type { Clock } from '../call/clock.js';
import type { CommitsInDoubt } from '../call/commit-hooks.js';
import { runInCall } from '../call/current.js';
import type { InFlight, Named } from '../call/in-flight.js';
import type { Immediate } from '../call/interceptor.js';
import { isPromise } from '../call/is-promise.js';
import type { Logger } from '../call/logger.js';
import { type Disposition, isRpcError, RpcError } from '../call/rpc-error.js';
import { declarationOf } from '../call/status.js';
import { alarmAfter, discard, unwanted } from './deadline.js';
import { dispositionOfExecution } from './disposition.js';
import { executionOf, nameOf } from './execution-call.js';
import type { Execution, IdempotencyStore, NewRecord, StoredOutcome, StoredRecord } from './idempotency-store.js';
import { inProgress } from './in-progress.js';
import type { KnownKeys } from './known-keys.js';
import type { ServerEventHub } from './server-events.js';

export interface ExecutionContext {
  readonly store: IdempotencyStore;
  readonly clock: Clock;
  readonly events: ServerEventHub;
  readonly logger: Logger;
  readonly known: KnownKeys<KeyedExecution>;
  /** What waits for commits that went unanswered. */
  readonly doubts: CommitsInDoubt;
  /** Executions whose handler runs. */
  readonly running: InFlight<Call>;
  /** ms that each has: the method's longest. */
  readonly timeout: number;
  /** Through to the handler. */
  readonly next: Immediate;
}

/** The answer of a key. `ran` of the call whose handler made it just now, and nobody else. */
export interface Answer {
  readonly record: StoredRecord;
  readonly ran: Ran | undefined;
}

/** What the handler did, in its own values. */
export interface Ran {
  readonly call: Call;
  readonly response: unknown;
  /** The declared error that it threw. */
  readonly error: unknown;
  readonly outcome: StoredOutcome;
}

/** Makes a call's response out of the answer; may throw. */
type Take = (answer: Answer) => unknown;

interface Thrown {
  readonly error: unknown;
}

interface Waiter {
  readonly call: Call;
  readonly take: Take;
  readonly resolve: (response: unknown) => void;
  readonly reject: (error: unknown) => void;
  cancelLimit: (() => void) | undefined;
}

/** ms that a call waits for the execution of another one. */
const longestWait = 5_000;
/** ms at most of its time that a call does not wait, so that the answer still reaches its caller. */
const mostReserve = 100;
/** ms between two looks at a key that another process executes. */
const polls = { first: 10, longest: 250 } as const;

export class KeyedExecution implements AnswerStep {
  outer: AnswerStep | undefined = undefined;
  readonly fingerprint: Uint8Array;
  readonly idl: 'proto' | 'thrift';
  readonly #context: ExecutionContext;
  readonly #record: NewRecord;
  readonly #name: string;
  readonly #origin: Call;
  /** What the call that asked first makes of the answer, as long as that is all it waits for. */
  #take: Take | undefined;
  #named: Named<KeyedExecution> | undefined;
  /** The others, and the first one too once another process is at the key. */
  #waiters: Waiter[] = [];
  #pause: number = polls.first;
  /** What the work, or the last look before the commit, failed with: then the store has rolled back. */
  #failure: { readonly error: unknown } | undefined;
  #ran: Ran | undefined;
  #call: Call | undefined;

  /** `name` is the record's, `origin` the call that asks first. */
  constructor(context: ExecutionContext, record: NewRecord, name: string, origin: Call) {
    this.#context = context;
    this.#record = record;
    this.#name = name;
    this.#origin = origin;
    this.fingerprint = record.fingerprint;
    this.idl = origin.method.service.idl;
  }

  /** Begins, and leaves a step that makes of what the store says what the call that asked first gets. */
  begin(take: Take): Promise<Execution> {
    this.#named = this.#context.known.begin(this.#name, this);
    this.#take = take;
    this.#origin.verdict = 'unknown';
    leaveStep(this.#origin, this);
    return this.#execute();
  }

  /**
   * The same for another call with the same key; rejects with ABORTED when there is no answer in time. A call that nobody
   * waits for any more has been answered further out: it is not listened for here.
   */
  attach(call: Call, take: Take): Promise<unknown> {
    // Its handler does not run for this call, and yet its effect may come.
    call.verdict = 'unknown';
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { call, take, resolve, reject, cancelLimit: undefined };
      this.#waiters.push(waiter);
      this.#limit(waiter);
    });
  }

  get #awaited(): boolean {
    if (this.#take !== undefined && isAwaited(this.#origin)) return true;
    return this.#waiters.some(({ call }) => isAwaited(call));
  }

  /** Its time is that of one who waits for somebody else. */
  #limit(waiter: Waiter): void {
    const { call } = waiter;
    const left = call.deadline?.remaining() ?? Number.POSITIVE_INFINITY;
    const ms = Math.max(0, Math.min(longestWait, left - Math.min(mostReserve, left / 10)));
    waiter.cancelLimit = this.#context.clock.setTimer(() => {
      this.#waiters = this.#waiters.filter((one) => one !== waiter);
      this.#tell(call, 'in-progress');
      waiter.reject(inProgress(call));
    }, ms);
    call.onFinish(waiter.cancelLimit);
  }

  /** Once more. Resolves as the step does. */
  #ask(): Promise<unknown> {
    return this.#execute().then(
      (execution) => this.answered(execution),
      (error: unknown) => this.failed(error),
    );
  }

  #execute(): Promise<Execution> {
    return this.#context.store.execute(
      this.#record,
      (tx) => this.#work(tx),
      () => this.#beforeCommit(),
    );
  }

  /** What the first call gets, or a promise of that; nothing when it waits like the others. */
  answered(said: unknown): unknown {
    const execution = said as Execution;
    if (execution.kind === 'running') return this.#pollLater();
    const { doubts } = this.#context;
    const doubtful = doubts.take(this.#name);
    if (execution.kind === 'recorded') {
      // What ran here before, and was rolled back for a twin, or went unanswered and has committed after all.
      this.#call?.commit?.rolledBack();
      return after(doubtful?.committed(), () => this.#settle({ record: execution.record, ran: undefined }));
    }
    doubtful?.rolledBack();
    return after(this.#call?.commit?.committed(), () => this.#committed());
  }

  /** Another process executes the key. It may be rolled back there, and then it is ours to execute. */
  #pollLater(): Promise<unknown> | undefined {
    this.#context.clock.setTimer(() => {
      // Nobody waits for what another process does.
      if (this.#awaited) void this.#ask();
      else this.#end();
    }, this.#pause);
    this.#pause = Math.min(this.#pause * 2, polls.longest);
    const take = this.#take;
    if (take === undefined) return undefined;
    this.#take = undefined;
    return this.attach(this.#origin, take);
  }

  #end(): void {
    if (this.#named !== undefined) this.#context.known.end(this.#named);
  }

  // The work, inside the store's transaction. Few promises: with AsyncLocalStorage each costs a microsecond.

  #work(tx: unknown): Promise<StoredOutcome> | StoredOutcome {
    const { events, running, clock, timeout, next, store } = this.#context;
    const origin = this.#origin;
    if (!this.#awaited) throw this.#failed(discard(origin, 'queue', unwanted(origin) ?? nobodyWaits(), events));
    const call = executionOf(origin, tx, nameOf(store));
    this.#call = call;
    const place = running.add(call);
    const alarm = alarmAfter(call, timeout, clock);
    let answer: unknown;
    try {
      answer = runInCall(call, next, call);
    } catch (error) {
      return this.#ended(call, place, undefined, { error });
    }
    if (!isPromise(answer)) return this.#ended(call, place, answer, undefined);
    if (alarm !== undefined) Alarms.of(clock).set(alarm);
    return this.#later(call, place, answer);
  }

  #ended(call: Call, place: number, response: unknown, thrown: Thrown | undefined): StoredOutcome {
    try {
      return this.#outcome(call, response, thrown);
    } catch (error) {
      throw this.#failed(error);
    } finally {
      this.#context.running.remove(place, call);
      call.finish();
    }
  }

  /** The handler's answer, when it comes, or the abort of its call. */
  #later(call: Call, place: number, answer: PromiseLike<unknown>): Promise<StoredOutcome> {
    return new Promise((resolve, reject) => {
      const settle = (response: unknown, thrown: Thrown | undefined): void => {
        if (call.finished) return; // it was given up before
        try {
          resolve(this.#ended(call, place, response, thrown));
        } catch (error) {
          reject(error);
        }
      };
      const fail = (error: unknown): void => settle(undefined, { error });
      call.onAbort(fail);
      answer.then((response) => settle(response, undefined), fail);
    });
  }

  /** What is to be recorded. Throws what the handler threw when the IDL does not declare it. */
  #outcome(call: Call, response: unknown, thrown: Thrown | undefined): StoredOutcome {
    const { method, encoding } = call;
    if (thrown === undefined) {
      const bytes = method.response.encode(response, encoding);
      return this.#done(call, response, undefined, { kind: 'response', type: '', encoding, bytes });
    }
    const { error } = thrown;
    const type = declarationOf(method, error)?.type;
    if (type === undefined) throw error;
    const bytes = type.codec.encode(error as Error, encoding);
    return this.#done(call, undefined, error, { kind: 'declared', type: type.typeName, encoding, bytes });
  }

  #done(call: Call, response: unknown, error: unknown, outcome: StoredOutcome): StoredOutcome {
    this.#ran = { call, response, error, outcome };
    return outcome;
  }

  #beforeCommit(): void {
    const call = this.#call;
    const late = call === undefined ? undefined : unwanted(call);
    if (late !== undefined) throw this.#failed(discard(this.#origin, 'commit', late, this.#context.events));
    try {
      call?.commit?.check();
    } catch (error) {
      throw this.#failed(error);
    }
  }

  #failed(error: unknown): unknown {
    this.#failure = { error };
    return error;
  }

  // The end

  #committed(): unknown {
    const ran = this.#ran;
    if (ran === undefined) {
      return this.failed(
        new Error(`the store ${this.#context.store.name} says that it executed a call, and never called its work`),
      );
    }
    const { fingerprint, trace } = this.#record;
    const record = { fingerprint, outcome: ran.outcome, committedAt: this.#context.clock.wallTime(), trace };
    return this.#settle({ record, ran });
  }

  /** Returns what the first call gets. */
  #settle(answer: Answer): unknown {
    const { known, store } = this.#context;
    this.#end();
    if (answer.ran === undefined) {
      // Nobody knows when the record of a key without a time ends, but it is not before this.
      const { committedAt } = answer.record;
      known.keep(this.#name, answer.record, Math.min(this.#record.expiresAt, committedAt + store.retention));
    } else {
      if (store.near !== true) known.keep(this.#name, answer.record, this.#record.expiresAt);
      this.#tell(this.#origin, 'new');
    }
    for (const { call, take, cancelLimit, resolve, reject } of this.#waiters) {
      cancelLimit?.();
      call.verdict = 'executed';
      try {
        resolve(take(call === this.#origin ? answer : { record: answer.record, ran: undefined }));
      } catch (error) {
        reject(error);
      }
    }
    if (this.#take === undefined) return undefined;
    this.#origin.verdict = 'executed';
    return this.#take(answer);
  }

  /** Throws what the first call fails with. */
  failed(error: unknown): unknown {
    if (this.#call === undefined && error === this.#failure?.error && this.#awaited) {
      // A new waiter arrived during the rollback: run again.
      this.#failure = undefined;
      return this.#ask();
    }
    const { logger } = this.#context;
    this.#end();
    // The store may have given up on a handler that still runs.
    this.#call?.abort(isRpcError(error) ? error : nobodyWaits());
    const verdict = this.#verdictOn(error);
    this.#giveUp(verdict);
    this.#tell(this.#origin, 'failed');
    if (!this.#awaited && error === this.#failure?.error && this.#call !== undefined) {
      const { method, correlationId } = this.#origin;
      logger.error(
        { err: error, method: method.path, correlationId },
        'a handler failed when nobody waited for it any more',
      );
    }
    for (const { call, cancelLimit, reject } of this.#waiters) {
      cancelLimit?.();
      call.verdict = verdict;
      reject(error);
    }
    if (this.#take === undefined) return undefined;
    this.#origin.verdict = verdict;
    throw error;
  }

  /** What waits for a commit that went unanswered waits for whoever asks for the record next. */
  #giveUp(verdict: Disposition): void {
    const hooks = this.#call?.commit;
    if (hooks === undefined || hooks.state !== 'open') return;
    if (verdict === 'unknown' && !hooks.empty) this.#context.doubts.add(this.#name, hooks);
    else hooks.rolledBack();
  }

  #verdictOn(error: unknown): Disposition {
    return dispositionOfExecution({
      error,
      before: this.#failure?.error === error,
      handlerStarted: this.#call?.handlerStarted === true,
      transactional: this.#context.store.transactional,
    });
  }

  #tell(call: Call, outcome: 'new' | 'failed' | 'in-progress'): void {
    const { events, store } = this.#context;
    if (events.wants('idempotency')) {
      events.emit('idempotency', { method: call.method, outcome, store: store.name, call });
    }
  }
}

function isAwaited(call: Call): boolean {
  return call.aborted === undefined && !call.finished;
}

function nobodyWaits(): RpcError {
  return new RpcError('CANCELLED', 'nobody waits for this call any more', { disposition: 'not-executed' });
}

function after(wait: Promise<void> | undefined, then: () => unknown): unknown {
  return wait === undefined ? then() : wait.then(then);
}
