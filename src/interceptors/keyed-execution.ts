/**
 * One execution of one key in this process, and the calls that wait for its answer. It belongs to none of them: it has the
 * method's longest time, not what one attempt had left, so that a retry finds it running and gets its answer. Nothing
 * begins once nobody waits.
 */
import { randomUUID } from 'node:crypto';
import { RetryInfo } from '../../gen/google/rpc/error_details.js';
import { Call } from '../call/call.js';
import type { Clock } from '../call/clock.js';
import { runInCall } from '../call/current.js';
import type { Handler } from '../call/interceptor.js';
import type { Logger } from '../call/logger.js';
import { type Disposition, isRpcError, RpcError } from '../call/rpc-error.js';
import { declarationOf } from '../call/status.js';
import { discard, unwanted } from './deadline.js';
import type { IdempotencyStore, NewRecord, StoredOutcome, StoredRecord } from './idempotency-store.js';
import type { KnownKeys } from './known-keys.js';
import type { ServerEventHub } from './server-events.js';

export interface ExecutionContext {
  readonly store: IdempotencyStore;
  readonly clock: Clock;
  readonly events: ServerEventHub;
  readonly logger: Logger;
  readonly known: KnownKeys<KeyedExecution>;
  /** Executions whose handler runs. */
  readonly running: Set<Call>;
  /** Through to the handler, bounded by the method's longest time. */
  readonly run: Handler;
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

interface Waiter {
  readonly call: Call;
  /** The call that began the execution, as long as it does. */
  readonly first: boolean;
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
  cancelLimit: (() => void) | undefined;
  stopListening: (() => void) | undefined;
}

/** ms that a call waits for the execution of another one. */
const longestWait = 5_000;
/** ms at most of its time that a call does not wait, so that the answer still reaches its caller. */
const mostReserve = 100;
/** ms until a call that waited in vain should be tried again. */
const tryAgainAfter = 100;
/** ms between two looks at a key that another process executes. */
const polls = { first: 10, longest: 250 } as const;

export class KeyedExecution {
  readonly fingerprint: Uint8Array;
  readonly idl: 'proto' | 'thrift';
  readonly #context: ExecutionContext;
  readonly #record: NewRecord;
  readonly #name: string;
  readonly #origin: Call;
  readonly #waiters = new Set<Waiter>();
  #cancelPoll: (() => void) | undefined;
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

  /** Begins, and resolves to the answer for the call that asked first. */
  begin(): Promise<Answer> {
    this.#context.known.begin(this.#name, this);
    const answer = this.#wait(this.#origin, true);
    this.#ask();
    return answer;
  }

  /** The answer for another call with the same key; rejects with ABORTED when it does not come in time. */
  attach(call: Call): Promise<Answer> {
    return this.#wait(call, false);
  }

  #wait(call: Call, first: boolean): Promise<Answer> {
    // Its handler does not run for this call, and yet its effect may come.
    call.verdict = 'unknown';
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { call, first, resolve, reject, cancelLimit: undefined, stopListening: undefined };
      this.#waiters.add(waiter);
      if (!first) this.#limit(waiter);
      const stop = call.onAbort((reason) => this.#leave(waiter, reason));
      waiter.stopListening = stop;
    });
  }

  /** From now on the waiter's time is that of one who waits for somebody else. */
  #limit(waiter: Waiter): void {
    if (waiter.cancelLimit !== undefined) return;
    const left = waiter.call.deadline?.remaining() ?? Number.POSITIVE_INFINITY;
    const ms = Math.max(0, Math.min(longestWait, left - Math.min(mostReserve, left / 10)));
    waiter.cancelLimit = this.#context.clock.setTimer(() => {
      this.#tell(waiter.call, 'in-progress');
      this.#leave(waiter, inProgress(waiter.call));
    }, ms);
  }

  #leave(waiter: Waiter, reason: RpcError): void {
    if (!this.#forget(waiter)) return;
    waiter.reject(reason);
    if (this.#waiters.size > 0 || this.#cancelPoll === undefined) return;
    // Nobody waits for what another process does.
    this.#cancelPoll();
    this.#context.known.end(this.#name);
  }

  #forget(waiter: Waiter): boolean {
    if (!this.#waiters.delete(waiter)) return false;
    waiter.cancelLimit?.();
    waiter.stopListening?.();
    return true;
  }

  #ask(): void {
    const { store } = this.#context;
    store
      .execute(
        this.#record,
        (tx) => this.#work(tx),
        () => this.#beforeCommit(),
      )
      .then(
        (execution) => {
          if (execution.kind === 'running') this.#pollLater();
          else if (execution.kind === 'recorded') this.#settle({ record: execution.record, ran: undefined });
          else this.#committed();
        },
        (error: unknown) => this.#fail(error),
      );
  }

  /** Another process executes the key. It may be rolled back there, and then it is ours to execute. */
  #pollLater(): void {
    const { clock, known } = this.#context;
    for (const waiter of this.#waiters) this.#limit(waiter);
    if (this.#waiters.size === 0) {
      known.end(this.#name);
      return;
    }
    this.#cancelPoll = clock.setTimer(() => {
      this.#cancelPoll = undefined;
      this.#ask();
    }, this.#pause);
    this.#pause = Math.min(this.#pause * 2, polls.longest);
  }

  // The work, inside the store's transaction

  async #work(tx: unknown): Promise<StoredOutcome> {
    const { events, running, run, store } = this.#context;
    if (this.#waiters.size === 0) {
      throw this.#failed(discard(this.#origin, 'queue', unwanted(this.#origin) ?? nobodyWaits(), events));
    }
    const call = executionOf(this.#origin, tx, nameOf(store));
    this.#call = call;
    running.add(call);
    const { method } = call;
    try {
      const response = await runInCall(call, () => run(call));
      const bytes = method.response.encode(response, call.encoding);
      return this.#done(call, response, undefined, { kind: 'response', type: '', encoding: call.encoding, bytes });
    } catch (error) {
      const declaration = declarationOf(method, error);
      if (declaration === undefined) throw this.#failed(error);
      try {
        const { typeName, codec } = declaration.type;
        const bytes = codec.encode(error as Error, call.encoding);
        return this.#done(call, undefined, error, { kind: 'declared', type: typeName, encoding: call.encoding, bytes });
      } catch (unfit) {
        throw this.#failed(unfit);
      }
    } finally {
      running.delete(call);
      call.finish();
    }
  }

  #done(call: Call, response: unknown, error: unknown, outcome: StoredOutcome): StoredOutcome {
    this.#ran = { call, response, error, outcome };
    return outcome;
  }

  #beforeCommit(): void {
    const call = this.#call;
    const late = call === undefined ? undefined : unwanted(call);
    if (late !== undefined) throw this.#failed(discard(this.#origin, 'commit', late, this.#context.events));
  }

  #failed(error: unknown): unknown {
    this.#failure = { error };
    return error;
  }

  // The end

  #committed(): void {
    const ran = this.#ran;
    if (ran === undefined) {
      this.#fail(
        new Error(`the store ${this.#context.store.name} says that it executed a call, and never called its work`),
      );
      return;
    }
    const { fingerprint, trace } = this.#record;
    const record = { fingerprint, outcome: ran.outcome, committedAt: this.#context.clock.wallTime(), trace };
    this.#settle({ record, ran });
  }

  #settle(answer: Answer): void {
    const { known } = this.#context;
    known.end(this.#name);
    known.keep(this.#name, answer.record, this.#record.expiresAt);
    if (answer.ran !== undefined) this.#tell(this.#origin, 'new');
    for (const waiter of this.#waiters) {
      this.#forget(waiter);
      waiter.call.verdict = 'executed';
      waiter.resolve(waiter.first ? answer : { record: answer.record, ran: undefined });
    }
  }

  #fail(error: unknown): void {
    const { known, logger } = this.#context;
    known.end(this.#name);
    // The store may have given up on a handler that still runs.
    this.#call?.abort(isRpcError(error) ? error : nobodyWaits());
    const verdict = this.#verdictOn(error);
    this.#tell(this.#origin, 'failed');
    if (this.#waiters.size === 0 && error === this.#failure?.error && this.#call !== undefined) {
      const { method, correlationId } = this.#origin;
      logger.error(
        { err: error, method: method.path, correlationId },
        'a handler failed when nobody waited for it any more',
      );
    }
    for (const waiter of this.#waiters) {
      this.#forget(waiter);
      waiter.call.verdict = verdict;
      waiter.reject(error);
    }
  }

  /** What the callers may be told: the store proves that nothing is left of a failed work, or says itself what it knows. */
  #verdictOn(error: unknown): Disposition {
    if (this.#failure?.error === error) {
      if (this.#context.store.transactional || this.#call?.handlerStarted !== true) return 'not-executed';
      return 'executed';
    }
    return isRpcError(error) ? error.disposition : 'unknown';
  }

  #tell(call: Call, outcome: 'new' | 'failed' | 'in-progress'): void {
    const { events, store } = this.#context;
    if (events.wants('idempotency')) {
      events.emit('idempotency', { method: call.method, outcome, store: store.name, call });
    }
  }
}

const storeNames = new WeakMap<IdempotencyStore, string>();

/** A name that no other store in the world has. */
export function nameOf(store: IdempotencyStore): string {
  let name = storeNames.get(store);
  if (name === undefined) {
    name = randomUUID();
    storeNames.set(store, name);
  }
  return name;
}

/** The call as the handler sees it: the same caller and request, a life of its own. */
function executionOf(origin: Call, tx: unknown, store: string): Call {
  const call = new Call({
    method: origin.method,
    side: 'server',
    encoding: origin.encoding,
    request: origin.request,
    headers: () => origin.headers,
    peer: () => origin.peer,
    local: () => origin.local ?? '',
    outer: origin,
  });
  call.principal = origin.principal;
  call.identity = origin.identity;
  call.trusted = origin.trusted;
  call.criticality = origin.criticality;
  call.trace = origin.trace;
  call.idempotencyKey = origin.idempotencyKey;
  call.tx = tx;
  call.transactions = withTransaction(origin, store);
  return call;
}

/** What a call holds once a transaction of `store` is its own. */
export function withTransaction({ transactions }: Call, store: string): string {
  return transactions === undefined ? store : `${transactions},${store}`;
}

function inProgress({ method, idempotencyKey }: Call): RpcError {
  const delay = { seconds: 0n, nanos: tryAgainAfter * 1e6 };
  return new RpcError(
    'ABORTED',
    `${method.path} with the idempotency key ${JSON.stringify(idempotencyKey)} is still being executed; repeat the call to get its answer`,
    {
      reason: 'IDEMPOTENCY_IN_PROGRESS',
      details: [
        { type: 'google.rpc.RetryInfo', value: RetryInfo.encode(RetryInfo.create({ retryDelay: delay })).finish() },
      ],
      disposition: 'unknown',
    },
  );
}

function nobodyWaits(): RpcError {
  return new RpcError('CANCELLED', 'nobody waits for this call any more', { disposition: 'not-executed' });
}
