/**
 * Every unary call has a deadline, and a call made inside a handler never outlives the call that
 * it serves. Kept on the monotonic clock; the wire carries what is left. A server drops work
 * that nobody waits for any more, wherever it has come to.
 * Rules: gRPC over HTTP/2 "Timeout"; SRE book, "Addressing Cascading Failures".
 */
import { Alarm, Alarms } from '../call/alarms.js';
import { answerFrom, sharing } from '../call/answer-steps.js';
import type { Call } from '../call/call.js';
import type { Clock } from '../call/clock.js';
import { handOn } from '../call/clock-reading.js';
import { outsideCalls, runInCall } from '../call/current.js';
import { Deadline } from '../call/deadline.js';
import { alsoImmediate, type Handler, type Interceptor, immediateOf } from '../call/interceptor.js';
import { type Disposition, RpcError } from '../call/rpc-error.js';
import { milliseconds } from '../contract/duration.js';
import { type MethodType, streamsRequest, streamsResponse } from '../contract/method.js';
import type { ClientEventHub } from './client-events.js';
import { effectivePolicy, type PolicyOptions } from './effective-policy.js';
import type { ShortestAnswer } from './latency.js';
import type { DiscardStage, ServerEventHub } from './server-events.js';

/** ms; the longest deadline a server grants a unary call unless the IDL says otherwise. */
export const defaultMaxTimeout = 3_600_000;

/** ms of its caller's time that a call inside a handler leaves for the way, while no answer has told how long that is. */
const usualReserve = 2;
/** ms at most: an answer takes the time of its handler too, which is no reason to give up early. */
const mostReserve = 25;

export interface ClientDeadlineContext {
  readonly clock: Clock;
  readonly events: ClientEventHub;
  readonly shortest: ShortestAnswer;
}

/** Client, stage `deadline`. */
export function clientDeadline(
  { clock, events, shortest }: ClientDeadlineContext,
  options: PolicyOptions,
): Interceptor {
  const alarms = Alarms.of(clock);
  return sharing((method, next) => {
    const usual = effectivePolicy(method, options).timeout.value;
    return (call) => {
      const given = call.options.timeout;
      const own = given === undefined ? usual : milliseconds(given, 'timeout');
      const inherited = leftForCallee(call, shortest);
      const ms = inherited === undefined ? own : Math.min(own, inherited);
      if (ms === Number.POSITIVE_INFINITY) return next(call);
      if (ms <= 0) {
        const error = exceeded(method, ms, 'not-executed');
        if (events.wants('discarded')) events.emit('discarded', { method, stage: 'deadline', error });
        return Promise.reject(error);
      }
      const now = clock.now();
      alarms.set(new CallAlarm(call, new Deadline(now + ms, clock), ms));
      return handOn(call, now, next);
    };
  });
}

/**
 * ms that a call made here may take: what is left for its caller, less the way there. A deadline travels as a time that is
 * left, so it arrives later by the time it was on the way; after some hops the last would work long after the first
 * has given up. Half of the shortest answer is no less than one way, so no hop ends later than the one before.
 */
function leftForCallee({ parent }: Call, shortest: ShortestAnswer): number | undefined {
  if (parent === undefined || parent.finished || parent.deadline === undefined) return undefined;
  const left = parent.deadline.remaining();
  const way = Math.min((shortest.value ?? 0) / 2, mostReserve);
  return left - Math.max(way, Math.min(usualReserve, left / 4));
}

export interface ServerDeadlineContext {
  readonly clock: Clock;
  readonly events: ServerEventHub;
  /** The server's own, ms. */
  readonly maxTimeout: number | undefined;
  /**
   * Whether somebody further out is to see the call end at its deadline even while the handler still thinks. Whoever called
   * does: transports answer a call that is aborted.
   */
  readonly watched: boolean;
}

/** Server, stage `deadline`. */
export function serverDeadline({ clock, events, maxTimeout, watched }: ServerDeadlineContext): Interceptor {
  const alarms = Alarms.of(clock);
  return sharing((method, next) => {
    const longest = longestTimeout(method, maxTimeout);
    return (call) => {
      const { deadline } = call;
      const now = clock.now();
      const asked = deadline?.remaining(now) ?? Number.POSITIVE_INFINITY;
      if (asked <= 0) return Promise.reject(discard(call, 'arrival', exceeded(method, asked, 'not-executed'), events));
      const ms = Math.min(asked, longest);
      if (ms === Number.POSITIVE_INFINITY) return next(call);
      const held = deadline !== undefined && asked <= longest ? deadline : new Deadline(now + ms, clock);
      alarms.set(new CallAlarm(call, held, ms));
      if (!watched) return handOn(call, now, next);
      return new Promise((resolve, reject) => {
        call.onAbort(reject);
        answerFrom(next, call).then(resolve, reject);
      });
    };
  });
}

/** Gives a call so many ms from now on. The alarm aborts it when they are over, once it is set: what is done at once needs none. */
export function alarmAfter(call: Call, ms: number, clock: Clock): Alarm | undefined {
  return ms < Number.POSITIVE_INFINITY ? new CallAlarm(call, Deadline.after(ms, clock), ms) : undefined;
}

/** ms that a server grants a call of a method; `maxTimeout` is the server's own. */
export function longestTimeout({ kind, policy, service }: MethodType, maxTimeout: number | undefined): number {
  if (streamsRequest(kind) || streamsResponse(kind)) return Number.POSITIVE_INFINITY;
  return maxTimeout ?? policy.maxTimeout ?? service.policy.maxTimeout ?? defaultMaxTimeout;
}

/**
 * Server, after a stage that took time (queueing, decoding, deciding who may call): what nobody waits for any more goes no
 * further. The deadline's own timer is not enough: it cannot fire while the thread is busy.
 */
export function discardLate(stage: DiscardStage, events: ServerEventHub): Interceptor {
  return sharing((_method, next) => {
    // Where nothing stands between two of these, what was wanted at the first is wanted at the second.
    const onward = pastCheck(next);
    const checked: Handler = (call) => {
      const late = unwanted(call);
      return late === undefined ? onward(call) : Promise.reject(discard(call, stage, late, events));
    };
    behindCheck.set(checked, onward);
    const immediate = immediateOf(onward);
    return alsoImmediate(checked, (call) => {
      const late = unwanted(call);
      if (late !== undefined) throw discard(call, stage, late, events);
      return immediate(call);
    });
  });
}

const behindCheck = new WeakMap<Handler, Handler>();

/** For a stage that begins a call of its own: where a check comes next, what stands behind that. Nobody has waited for it yet. */
export function pastCheck(next: Handler): Handler {
  return behindCheck.get(next) ?? next;
}

/** Why nobody waits for a call any more; undefined while somebody does. For the last look before a commit. */
export function unwanted(call: Call): RpcError | undefined {
  const { disposition } = call;
  if (call.aborted !== undefined) return call.aborted.withDisposition(disposition);
  const left = call.deadline?.remaining();
  return left === undefined || left > 0 ? undefined : exceeded(call.method, left, disposition);
}

/** Tells that work was dropped for `error`, and returns that. */
export function discard(call: Call, stage: DiscardStage, error: RpcError, events: ServerEventHub): RpcError {
  if (events.wants('discarded')) events.emit('discarded', { method: call.method, stage, error, call });
  return error;
}

/** Aborts a call at its deadline, as part of the call in which it was begun; gone when the call is over. */
class CallAlarm extends Alarm {
  readonly #call: Call;
  readonly #ms: number;
  readonly #within: Call | undefined;

  constructor(call: Call, deadline: Deadline, ms: number) {
    super(deadline.at);
    this.#call = call;
    this.#ms = ms;
    this.#within = call.side === 'client' ? call.parent : call;
    call.deadline = deadline;
    call.alarm?.cancel();
    call.alarm = this;
  }

  override ring(): void {
    const call = this.#call;
    const abort = (): void =>
      call.abort(exceeded(call.method, this.#ms, call.side === 'client' ? 'unknown' : call.disposition));
    if (this.#within === undefined) outsideCalls(abort);
    else runInCall(this.#within, abort);
  }
}

export function exceeded(method: MethodType, ms: number, disposition: Disposition): RpcError {
  const had = ms > 0 ? `had ${Math.round(ms * 100) / 100} ms` : 'had no time left when it began';
  return new RpcError('DEADLINE_EXCEEDED', `${method.path} ${had}`, { disposition });
}
