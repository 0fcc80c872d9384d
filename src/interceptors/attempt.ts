/**
 * One attempt of a call: a Call of its own, with its own headers, deadline and life, so that what stands further
 * in (tracing, balancing, the transport) sees each attempt as the whole thing. Ends exactly once,
 * and then nothing of it is left: no timer, no listener, no place in the balancer. Only a first attempt may be the call
 * itself; see first-attempt.ts.
 */
import { Call } from '../call/call.js';
import { Deadline } from '../call/deadline.js';
import { HeaderMap } from '../call/headers.js';
import { ownError } from '../call/own-error.js';
import { isRpcError, type RpcError } from '../call/rpc-error.js';
import { type AttemptPlan, hadTime } from './attempt-plan.js';
import type { AttemptKind } from './client-events.js';
import { mark } from './retry-rules.js';

/** What the call as a whole decided about retries, for its attempts. */
export interface Ownership {
  /** Sent on: who repeats this call. Undefined when nobody may. */
  readonly owner: string | undefined;
  /** It is someone further out. */
  readonly elsewhere: boolean;
}

export class Attempt {
  readonly call: Call;
  readonly kind: AttemptKind;
  readonly startedAt: number;
  /** Another attempt was begun because this one is slow. */
  overdue = false;
  readonly #plan: AttemptPlan;
  #cancelTimer: (() => void) | undefined;
  #reported = false;
  #ended = false;

  constructor(plan: AttemptPlan, call: Call, kind: AttemptKind, startedAt: number) {
    this.#plan = plan;
    this.call = call;
    this.kind = kind;
    this.startedAt = startedAt;
  }

  /** The next attempt of a call. `bounded`: it has the deadline of one attempt, where there is one. */
  static next(plan: AttemptPlan, outer: Call, kind: AttemptKind, ownership: Ownership, bounded: boolean): Attempt {
    const startedAt = plan.clock.now();
    outer.attempts += 1;
    const call = new Call({
      method: outer.method,
      side: 'client',
      encoding: outer.encoding,
      request: outer.request,
      options: outer.options,
      outer,
      parent: outer.parent,
      carriesHeaders: outer.carriesHeaders,
      headers: headersOf(outer, ownership),
      deadline: bounded ? deadlineOf(plan, outer) : outer.deadline,
    });
    call.attempts = outer.attempts;
    call.attemptKind = kind;
    return new Attempt(plan, call, kind, startedAt);
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Sets the attempt's one timer, in the place of an earlier one. */
  arm(fn: () => void, ms: number): void {
    this.#cancelTimer?.();
    this.#cancelTimer = this.#plan.clock.setTimer(fn, ms);
  }

  disarm(): void {
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  /** Tells the endpoint how it did; only the first time. */
  report(error: unknown): void {
    if (this.#reported) return;
    this.#reported = true;
    const { lease } = this.call;
    if (lease !== undefined) lease.report(error, !isDeadline(error) || hadTime(this.#plan, this.#listened()));
  }

  /**
   * ms that the attempt had until its deadline; 0 where the end comes so late that this process was busy with something else, and an
   * answer may lie unread.
   */
  #listened(): number {
    const at = this.call.deadline?.at;
    if (at === undefined) return Number.POSITIVE_INFINITY;
    const had = at - this.startedAt;
    return this.#plan.clock.now() - at > had / 2 ? 0 : had;
  }

  /** The attempt has its outcome. */
  end(error: unknown): void {
    if (this.#ended) return;
    this.#ended = true;
    this.disarm();
    this.report(error);
    if (this.call.outer !== undefined) this.call.finish();
    this.call.lease?.release(error !== undefined && (this.overdue || isTimeout(error)));
    this.#tell(error);
  }

  /** The server has answered, and goes on answering: a stream. Its call and its lease live on. */
  answered(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.report(undefined);
    this.#tell(undefined);
  }

  #tell(error: unknown): void {
    const { events } = this.#plan;
    if (events.wants('attempt')) {
      events.emit('attempt', {
        method: this.#plan.method,
        attempt: this.call.attempts,
        kind: this.kind,
        address: this.call.lease?.address ?? this.call.peer.address,
        duration: this.#plan.clock.now() - this.startedAt,
        code: error === undefined ? 'OK' : isRpcError(error) ? error.code : 'UNKNOWN',
        ...(error === undefined ? {} : { error }),
        correlationId: this.call.correlationId,
      });
    }
  }

  /** Gives the attempt up, here and at the server. */
  cancel(reason: RpcError): void {
    if (this.#ended) return;
    this.call.abort(reason);
    this.end(reason);
  }
}

/** The attempt's own bound, never beyond the call's. */
function deadlineOf({ attemptTimeout, clock }: AttemptPlan, outer: Call): Deadline | undefined {
  if (attemptTimeout === undefined) return outer.deadline;
  if (outer.deadline !== undefined && outer.deadline.remaining() <= attemptTimeout) return outer.deadline;
  return Deadline.after(attemptTimeout, clock);
}

/** Why an attempt that took its whole time is given up. Not the call's own deadline: that one has not passed. */
export function attemptTimedOut(path: string, ms: number): RpcError {
  return ownError('ATTEMPT_TIMEOUT', `an attempt of ${path} had ${ms} ms and no answer came`, {
    disposition: 'unknown',
  });
}

function isDeadline(error: unknown): error is RpcError {
  return isRpcError(error) && error.code === 'DEADLINE_EXCEEDED';
}

function isTimeout(error: unknown): boolean {
  return isDeadline(error) && error.disposition !== 'not-executed';
}

/** The caller's headers and ours. Where there are none, or none would arrive, no map is made. */
function headersOf(outer: Call, { owner }: Ownership): HeaderMap | undefined {
  if (!outer.carriesHeaders && !outer.hasHeaders) return undefined;
  const before = outer.attempts - 1;
  if (before === 0 && owner === undefined && !outer.hasHeaders) return undefined;
  const headers = new HeaderMap(outer.hasHeaders ? outer.headers : undefined);
  mark(headers, before, owner);
  return headers;
}
