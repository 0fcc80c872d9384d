/**
 * Errors for calls that are refused in great numbers. A refusal must cost far less than an answer, or refusing is what
 * brings the server down: no stack is written down, and what is the same for all is made and encoded once a second.
 */
import type { Call } from '../../call/call.js';
import { ownError } from '../../call/own-error.js';
import { withoutStack } from '../../call/rpc-error.js';
import { preencoded, pushbackHeader } from '../../call/status.js';
import type { Refusal } from '../../call/transport.js';
import { criticalityOf } from '../criticality.js';
import type { RejectReason, ServerEventHub } from '../server-events.js';

/** ms that one refusal serves all calls of its reason. */
const freshFor = 1_000;
/** ms without a refusal that end a time of saturation. */
const calm = 1_000;
/** ms of saturation after which callers are told to go away rather than elsewhere. */
const hopeless = 10_000;

export type ShedReason = Extract<RejectReason, 'limit' | 'queue-full' | 'codel'>;

interface Made {
  readonly refusal: Refusal;
  readonly until: number;
}

/** The refusals of calls that are shed: UNAVAILABLE, proven not to have run. */
export class Refusals {
  readonly #made = new Map<ShedReason, Made>();
  #count = 0;
  #saturatedSince = 0;
  #lastAt = Number.NEGATIVE_INFINITY;

  /** Since the start. */
  get count(): number {
    return this.#count;
  }

  /** ms since which calls have been refused without a second's pause; 0 when none are. */
  saturatedFor(now: number): number {
    return now - this.#lastAt < calm ? now - this.#saturatedSince : 0;
  }

  /** One more. `sentence` says what is full. */
  next(reason: ShedReason, now: number, sentence: () => string): Refusal {
    if (now - this.#lastAt >= calm) this.#saturatedSince = now;
    this.#lastAt = now;
    this.#count += 1;
    const pushback = now - this.#saturatedSince > hopeless ? '-1' : '0';
    const known = this.#made.get(reason);
    if (known !== undefined && now < known.until && known.refusal.pushback === pushback) return known.refusal;
    const error = withoutStack(() =>
      ownError('OVERLOADED', `the server is overloaded: ${sentence()}; try another one, or later`, {
        disposition: 'not-executed',
      }),
    );
    preencoded(error);
    const refusal = { error, pushback };
    this.#made.set(reason, { refusal, until: now + freshFor });
    return refusal;
  }
}

/** Tells the caller when to come again: after `ms`, or with -1 not at all. */
export function pushBack(call: Call, ms: number): void {
  call.responseTrailers.set(pushbackHeader, String(ms));
}

/** Tells whoever listens that a call was refused. */
export function rejected(events: ServerEventHub, call: Call, reason: RejectReason): void {
  if (!events.wants('rejected')) return;
  const { method, principal } = call;
  events.emit('rejected', { method, reason, criticality: criticalityOf(call), principal });
}
