/**
 * Server, stage `idempotency`: a call of a KEYED method runs in a transaction of the store, and with a key its answer
 * commits together with what it wrote, so every later call with the key gets that answer and no second effect.
 * What is decided from a key stands here; one execution and its waiters are in keyed-execution.ts, records in the store.
 * Rules: RIFL (SOSP 2015); IETF draft-ietf-httpapi-idempotency-key-header.
 */
import { answerFrom, sharing } from '../call/answer-steps.js';
import type { Call } from '../call/call.js';
import type { Clock } from '../call/clock.js';
import { CommitHooks, CommitsInDoubt } from '../call/commit-hooks.js';
import { answerHeaders } from '../call/correlation-id.js';
import { rawText, rawValues } from '../call/headers.js';
import type { InFlight } from '../call/in-flight.js';
import { type Handler, type Interceptor, immediateOf } from '../call/interceptor.js';
import type { Logger } from '../call/logger.js';
import { ownError } from '../call/own-error.js';
import type { RpcError } from '../call/rpc-error.js';
import { declarationOf } from '../call/status.js';
import { traceparentHeader, traceparentOf } from '../call/trace-context.js';
import type { MethodType } from '../contract/method.js';
import type { Reason } from '../contract/reasons.js';
import { discard, longestTimeout, pastCheck, unwanted } from './deadline.js';
import { dispositionOfExecution } from './disposition.js';
import { nameOf, withTransaction } from './execution-call.js';
import { fingerprintOf, sameRequest } from './fingerprint.js';
import { type Key, keyHeader, keyPropertyOf, parseKey, replayedHeader, transactionHeader } from './idempotency-key.js';
import { type IdempotencyStore, recordName, type StoredRecord } from './idempotency-store.js';
import { type Answer, type ExecutionContext, KeyedExecution } from './keyed-execution.js';
import { knownKeysOf } from './known-keys.js';
import type { IdempotencyOutcome, ServerEventHub } from './server-events.js';

export interface IdempotencyContext {
  readonly store: IdempotencyStore;
  readonly clock: Clock;
  readonly events: ServerEventHub;
  readonly logger: Logger;
  /** The server's own, ms. */
  readonly maxTimeout: number | undefined;
  /** Executions whose handler runs. */
  readonly running: InFlight<Call>;
  /** Whether interceptors of the user's see the response outside this stage, so that a replay must be a message. */
  readonly observed: boolean;
  /** Told the wall time of each call. */
  readonly onCall: (now: number) => void;
}

const theHeader = `the header ${keyHeader}`;
/** ms; how far two clocks may be apart. */
const skew = 300_000;

export function serverIdempotency(context: IdempotencyContext): Interceptor {
  return sharing((method, next) => {
    if (!isKeyed(method)) return next;
    const stage = new KeyedStage(method, next, context);
    return (call) => {
      try {
        return stage.handle(call);
      } catch (error) {
        return Promise.reject(error);
      }
    };
  });
}

export function isKeyed({ policy, kind }: MethodType): boolean {
  return policy.idempotency === 'KEYED' && kind === 'unary';
}

class KeyedStage {
  readonly #method: MethodType;
  readonly #next: Handler;
  readonly #context: IdempotencyContext;
  readonly #execution: ExecutionContext;
  readonly #service: string;
  readonly #property: string | undefined;
  /** The field of the key, as messages name it. */
  readonly #field: string;
  readonly #storeName: string;

  constructor(method: MethodType, next: Handler, context: IdempotencyContext) {
    const { store, maxTimeout } = context;
    this.#method = method;
    this.#next = next;
    this.#context = context;
    this.#service = withMajor(method.service);
    this.#property = keyPropertyOf(method);
    this.#field = `the field ${this.#property}`;
    this.#storeName = nameOf(store);
    this.#execution = {
      doubts: new CommitsInDoubt(),
      ...context,
      known: knownKeysOf<KeyedExecution>(store),
      next: immediateOf(pastCheck(next)),
      timeout: longestTimeout(method, maxTimeout),
    };
  }

  /** No async function: each promise counts here. Throws what it refuses. */
  handle(call: Call): Promise<unknown> {
    const { store, clock, onCall } = this.#context;
    const now = clock.wallTime();
    onCall(now);
    this.#refuseNested(call);
    const found = this.#keyOf(call);
    if (found === undefined) return this.#runWithoutKey(call);
    const { key, made } = found;
    if (made !== undefined) this.#checkAge(call, key, made, now);
    call.idempotencyKey = key;

    const fingerprint = fingerprintOf(call.request as object, this.#property);
    const id = { principal: call.principal, service: this.#service, method: this.#method.name, key };
    const name = recordName(id);
    const { known } = this.#execution;
    const kept = known.find(name, now);
    if (kept !== undefined) return Promise.resolve(this.#replay(call, kept, fingerprint, 'replayed'));

    const running = known.running(name);
    if (running !== undefined) {
      if (running.idl !== this.#method.service.idl) throw otherIdl(call, running.idl);
      if (!sameRequest(running.fingerprint, fingerprint)) throw this.#mismatch(call);
      return running.attach(call, ({ record }) => this.#replay(call, record, fingerprint, 'attached'));
    }
    const expiresAt = (made ?? now) + store.retention + skew;
    const record = { id, fingerprint, trace: traceOf(call), expiresAt };
    const execution = new KeyedExecution(this.#execution, record, name, call);
    return execution.begin((answer) => this.#answer(call, answer, fingerprint));
  }

  /** The answer for the call that asked first: of its own execution, or one that is recorded. */
  #answer(call: Call, { record, ran }: Answer, fingerprint: Uint8Array): unknown {
    if (ran === undefined) return this.#replay(call, record, fingerprint, 'replayed');
    copyAnswerHeaders(ran.call, call);
    if (ran.outcome.kind === 'declared') throw ran.error;
    call.encoded = { response: ran.response, bytes: ran.outcome.bytes };
    return ran.response;
  }

  /** The stored bytes, as they are; a declared error as its class. */
  #replay(call: Call, record: StoredRecord, fingerprint: Uint8Array, how: 'replayed' | 'attached'): unknown {
    const { outcome } = record;
    const idl = outcome.encoding === 'proto' ? 'proto' : 'thrift';
    call.verdict = undefined;
    if (idl !== this.#method.service.idl) throw otherIdl(call, idl);
    if (!sameRequest(record.fingerprint, fingerprint)) throw this.#mismatch(call);
    this.#tell(call, how);
    call.verdict = 'executed';
    call.responseHeaders.set(replayedHeader, 'true');
    if (record.trace !== '') call.trace?.link(record.trace, { 'hawser.link': 'idempotent-replay' });
    if (outcome.kind === 'declared') {
      const type = this.#method.errors.find((one) => one.type.typeName === outcome.type)?.type;
      if (type !== undefined) throw type.codec.decode(outcome.bytes, outcome.encoding);
      throw ownError(
        'IDEMPOTENCY_RECORD_UNREADABLE',
        `the recorded answer of ${this.#method.path} is the error ${outcome.type}, which this version does not declare`,
      );
    }
    const { response: codec } = this.#method;
    const sameEncoding = outcome.encoding === call.encoding;
    const response =
      sameEncoding && !this.#context.observed ? undefined : codec.decode(outcome.bytes, outcome.encoding);
    const bytes = sameEncoding ? outcome.bytes : codec.encode(response, call.encoding);
    call.encoded = { response, bytes };
    return response;
  }

  /** In its transaction, and unrecorded: what plain gRPC and Thrift promise, and no half effects. */
  async #runWithoutKey(call: Call): Promise<unknown> {
    const { store, events } = this.#context;
    if (this.#method.policy.keyRequired === true) {
      this.#tell(call, 'refused');
      throw ownError(
        'IDEMPOTENCY_KEY_REQUIRED',
        `${this.#method.path} needs an idempotency key: send one in the header ${keyHeader}${this.#property === undefined ? '' : `, or in ${this.#field}`}`,
        { disposition: 'not-executed' },
      );
    }
    let failure: { readonly error: unknown } | undefined;
    const failed = (error: unknown): unknown => {
      failure = { error };
      return error;
    };
    const handle = this.#next;
    try {
      const { error, response } = await store.transact(
        async (tx) => {
          const late = unwanted(call);
          if (late !== undefined) throw failed(discard(call, 'queue', late, events));
          call.tx = tx;
          call.commit = new CommitHooks();
          call.transactions = withTransaction(call, this.#storeName);
          try {
            const response = await untilAborted(call, handle);
            call.encoded = { response, bytes: this.#method.response.encode(response, call.encoding) };
            return { response, error: undefined };
          } catch (error) {
            // A declared error is an answer: what was written with it commits.
            if (declarationOf(this.#method, error) !== undefined) return { response: undefined, error };
            throw failed(error);
          }
        },
        () => {
          const late = unwanted(call);
          if (late !== undefined) throw failed(discard(call, 'commit', late, events));
          try {
            call.commit?.check();
          } catch (error) {
            throw failed(error);
          }
        },
      );
      const published = call.commit?.committed();
      if (published !== undefined) await published;
      this.#tell(call, 'unkeyed');
      if (error !== undefined) throw error;
      return response;
    } catch (error) {
      // Without a record nobody finds out what became of a commit that went unanswered.
      if (call.commit?.state === 'open') call.commit.rolledBack();
      const before = failure?.error === error;
      if (before) this.#tell(call, 'failed');
      // A declared error committed, and says so by the handler alone.
      if (before || declarationOf(this.#method, error) === undefined) {
        const { handlerStarted } = call;
        const { transactional } = store;
        call.verdict = dispositionOfExecution({ error, before, handlerStarted, transactional });
      }
      throw error;
    }
  }

  /** The key, from the header, the field, or both alike; undefined when there is none. */
  #keyOf(call: Call): Key | undefined {
    const field = this.#property === undefined ? undefined : (call.request as Record<string, unknown>)[this.#property];
    const inField = field === undefined || field === '' ? undefined : this.#parsed(call, this.#field, field);
    // Our own clients send it in both places.
    if (inField !== undefined && rawText(call.rawHeaders, keyHeader) === field) return inField;
    const headers = rawValues(call.rawHeaders, keyHeader);
    if (headers.length === 0) return inField;
    if (headers.length > 1) {
      throw this.#refusedKey(
        call,
        'IDEMPOTENCY_KEY_MALFORMED',
        `${theHeader} came ${headers.length} times; a call has one key`,
      );
    }
    const inHeader = this.#parsed(call, theHeader, headers[0]);
    if (inField !== undefined && inHeader.key !== inField.key) {
      throw this.#refusedKey(
        call,
        'IDEMPOTENCY_KEY_AMBIGUOUS',
        `${this.#method.path} was given two idempotency keys: ${JSON.stringify(inHeader.key)} in the header and ${JSON.stringify(inField.key)} in ${this.#field}`,
      );
    }
    return inHeader;
  }

  #parsed(call: Call, place: string, given: unknown): Key {
    if (typeof given !== 'string') {
      throw this.#refusedKey(call, 'IDEMPOTENCY_KEY_MALFORMED', `${place} is no text; a call has one key`);
    }
    const parsed = parseKey(given);
    if ('fault' in parsed) throw this.#refusedKey(call, parsed.fault, `${place} ${parsed.problem}`);
    return parsed;
  }

  #checkAge(call: Call, key: string, made: number, now: number): void {
    const { retention } = this.#context.store;
    if (made > now + skew) {
      throw this.#refusedKey(
        call,
        'IDEMPOTENCY_KEY_IN_FUTURE',
        `the idempotency key ${key} was made at ${when(made)}, and here it is ${when(now)}; clocks may be ${skew / 60_000} minutes apart`,
      );
    }
    if (now - made < retention) return;
    this.#tell(call, 'expired');
    throw ownError(
      'IDEMPOTENCY_KEY_EXPIRED',
      `the idempotency key ${key} was made at ${when(made)}; keys are remembered for ${retention / 60_000} minutes, so whether it had its effect is no longer known, and it is never run again`,
      { disposition: 'not-executed' },
    );
  }

  /** A call inside a KEYED handler of the same store would wait for the transaction that waits for it. */
  #refuseNested(call: Call): void {
    if (!call.hasHeaders) return;
    const held = call.headers.get(transactionHeader);
    if (held === undefined) return;
    call.transactions = held.slice(0, 400);
    if (!held.split(',').includes(this.#storeName)) return;
    this.#tell(call, 'refused');
    throw ownError(
      'NESTED_TRANSACTION',
      `${this.#method.path} was called from inside a KEYED handler whose transaction is in the same store, and would wait for it; do this work through that handler's own call.tx`,
      { disposition: 'not-executed' },
    );
  }

  #refusedKey(call: Call, reason: Reason, message: string): RpcError {
    this.#tell(call, 'refused');
    return ownError(reason, message, { code: 'INVALID_ARGUMENT', disposition: 'not-executed' });
  }

  #mismatch(call: Call): RpcError {
    this.#tell(call, 'mismatched');
    return ownError(
      'IDEMPOTENCY_KEY_REUSED',
      `the idempotency key ${JSON.stringify(call.idempotencyKey)} was used for another request of ${this.#method.path}; make a new key for a new request`,
      { disposition: 'not-executed' },
    );
  }

  #tell(call: Call, outcome: IdempotencyOutcome): void {
    const { events, store } = this.#context;
    if (events.wants('idempotency')) {
      events.emit('idempotency', { method: this.#method, outcome, store: store.name, call });
    }
  }
}

/** A service of the same name in both IDLs has one set of keys; its messages cannot stand for each other's. */
function otherIdl(call: Call, idl: 'proto' | 'thrift'): RpcError {
  const wire = idl === 'proto' ? 'gRPC' : 'Thrift';
  return ownError(
    'IDEMPOTENCY_KEY_OF_OTHER_IDL',
    `the idempotency key ${JSON.stringify(call.idempotencyKey)} was used over ${wire}, and its answer is a ${wire} message; repeat the call over ${wire}`,
    { disposition: 'not-executed' },
  );
}

/** Major 0 and 1 are what a service without a version is, so that declaring one forgets no keys. */
function withMajor({ name, version }: MethodType['service']): string {
  const major = Number.parseInt(version ?? '1', 10);
  return major <= 1 || new RegExp(`(?:^|\\.)v${major}(?![0-9])`).test(name) ? name : `${name}@${major}`;
}

/** Rejects when nobody waits for the call any more, so that its transaction does not outlive it. */
function untilAborted(call: Call, handle: Handler): Promise<unknown> {
  return new Promise((resolve, reject) => {
    call.onAbort(reject);
    answerFrom(handle, call).then(resolve, reject);
  });
}

function copyAnswerHeaders(from: Call, to: Call): void {
  // What the runtime says with every answer it has said to this call already.
  const own: readonly string[] = answerHeaders;
  if (from.hasResponseHeaders) {
    for (const [name, value] of from.responseHeaders) if (!own.includes(name)) to.responseHeaders.append(name, value);
  }
  if (from.hasResponseTrailers) {
    for (const [name, value] of from.responseTrailers) to.responseTrailers.append(name, value);
  }
}

/** Who ran, for the links of replays. */
function traceOf(call: Call): string {
  if (call.trace !== undefined) return call.trace.traceparent;
  if (!call.hasHeaders || traceparentOf(call.headers) === undefined) return '';
  return (call.headers.get(traceparentHeader) as string).trim();
}

function when(ms: number): string {
  return new Date(ms).toISOString();
}
