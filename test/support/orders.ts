/**
 * The orders in which the ends of a call can happen, and a small reference model of what comes of each: the call's outcome, how
 * many messages its reader gets, how many attempts there are. Steps are 10 ms apart, timers of the call fire between them; a step
 * that is `joined` happens in the same turn as the one before it.
 */
import { type SeededRandom, seededRandom } from 'hawser/testing';
import type { MethodKind } from '../../src/contract/method.js';

/** What the server does to the latest attempt that is open. */
export const serverSteps = ['headers', 'message', 'trailers', 'failure'] as const;
/** What the caller does. */
export const callerSteps = ['abort', 'close', 'return'] as const;
/** When a timer fires. */
export const timerSteps = ['deadline', 'attempt timeout', 'hedge'] as const;
export type ServerStep = (typeof serverSteps)[number];
export type CallerStep = (typeof callerSteps)[number];
export type StepName = ServerStep | CallerStep | (typeof timerSteps)[number];

export interface Step {
  readonly what: StepName;
  readonly joined: boolean;
}

/** What a wire does that the model has to know. */
export interface WireTraits {
  /** A message cannot come without headers before it. */
  readonly headersFirst: boolean;
  /** Whether the client sees that headers have come. */
  readonly headersSeen: boolean;
  /** One answer is one message: there is none without, and none with two. */
  readonly oneMessage: boolean;
}

export interface Order {
  readonly number: number;
  readonly kind: MethodKind;
  readonly steps: readonly Step[];
  /** Two attempts, or one. */
  readonly retry: boolean;
  /** The reader begins once everything has happened. */
  readonly late: boolean;
  /** An interceptor within the retries hands streams on only after a while. */
  readonly slow: boolean;
  /** Addresses: the one transport, or a list of so many. */
  readonly addresses: 1 | readonly [1] | readonly [1, 2];
  readonly wire: WireTraits;
}

export type End =
  | 'ok'
  | 'stopped'
  | 'UNAVAILABLE'
  | 'CANCELLED'
  | 'DEADLINE_EXCEEDED'
  | 'ATTEMPT_TIMEOUT'
  | 'UNIMPLEMENTED';

export interface Outcome {
  readonly end: End;
  readonly messages: number;
  readonly attempts: number;
}

/** ms; a slow interceptor keeps a stream for so long. */
export const slowness = 25;
export const backoff = 1;

const offset = { hedge: 2, deadline: 4, 'attempt timeout': 6 } as const;

/** ms from the beginning of the call, or of the attempt; undefined where there is none. */
export function timerOf({ steps }: Order, what: keyof typeof offset): number | undefined {
  const at = steps.findIndex((step) => step.what === what);
  return at < 0 ? undefined : timeOf(at) + offset[what];
}

export function timeOf(step: number): number {
  return (step + 1) * 10;
}

export const streamsBack = (kind: MethodKind): boolean => kind === 'server' || kind === 'bidi';

interface ModelAttempt {
  readonly startedAt: number;
  headers: boolean;
  messages: number;
  /** The wire has ended it. */
  ended: boolean;
  /** What is not known to the call yet; undefined once the interceptor has let the stream go. */
  held: (() => void)[] | undefined;
}

/** What comes of an order: one outcome, or several where the caller acts in the very turn in which the server does. */
export function outcomes(order: Order): readonly Outcome[] {
  const all = [outcome(order, order.steps)];
  order.steps.forEach((step, at) => {
    if (!step.joined || !isCaller(step.what)) return;
    let first = at;
    while (order.steps[first]?.joined === true) first -= 1;
    const moved = [...order.steps];
    moved.splice(at, 1);
    moved.splice(first, 0, { what: step.what, joined: false });
    moved[first + 1] = { ...(moved[first + 1] as Step), joined: true };
    // Times are those of the original: steps of one turn share one.
    all.push(outcome(order, moved));
  });
  return all;
}

export function isCaller(what: StepName): what is CallerStep {
  return (callerSteps as readonly string[]).includes(what);
}

export function isServer(what: StepName): what is ServerStep {
  return (serverSteps as readonly string[]).includes(what);
}

function outcome(order: Order, steps: readonly Step[]): Outcome {
  const model = new ModelCall(order);
  steps.forEach((step, at) => {
    if (!step.joined) model.advance(timeOf(at));
    model.happen(step.what);
  });
  model.advance(timeOf(steps.length));
  model.happen('abort');
  return model.outcome();
}

class ModelCall {
  readonly #order: Order;
  readonly #streams: boolean;
  #now = 0;
  #attempts = 0;
  /** The latest last. */
  #live: ModelAttempt[] = [];
  #committed: ModelAttempt | undefined;
  #retryAt: number | undefined;
  #hedged = false;
  #closed = false;
  #messages = 0;
  #end: End | undefined;

  constructor(order: Order) {
    this.#order = order;
    this.#streams = order.kind !== 'unary';
    this.#begin();
  }

  outcome(): Outcome {
    if (this.#end === undefined) throw new Error('the model has not settled');
    return { end: this.#end, messages: this.#messages, attempts: this.#attempts };
  }

  /** Fires the timers until `at`. */
  advance(at: number): void {
    for (;;) {
      const due = this.#timers().filter(([time]) => time <= at);
      due.sort(([a], [b]) => a - b);
      const [next] = due;
      if (next === undefined || this.#end !== undefined) break;
      this.#now = next[0];
      next[1]();
    }
    this.#now = at;
  }

  #timers(): (readonly [number, () => void])[] {
    const timers: (readonly [number, () => void])[] = [];
    const add = (time: number | undefined, fn: () => void) => time !== undefined && timers.push([time, fn]);
    add(timerOf(this.#order, 'deadline'), () => this.#finish('DEADLINE_EXCEEDED'));
    add(this.#retryAt, () => {
      this.#retryAt = undefined;
      this.#begin();
    });
    if (!this.#hedged) {
      add(timerOf(this.#order, 'hedge'), () => {
        this.#hedged = true;
        if (this.#attempts < 2 && this.#retryAt === undefined) this.#begin();
      });
    }
    const bound = timerOf(this.#order, 'attempt timeout');
    for (const attempt of this.#live) {
      if (bound !== undefined && this.#committed === undefined) {
        add(attempt.startedAt + bound, () => this.#fail(attempt, 'ATTEMPT_TIMEOUT'));
      }
      if (attempt.held !== undefined) {
        add(attempt.startedAt + slowness, () => {
          const { held = [] } = attempt;
          attempt.held = undefined;
          for (const known of held) known();
        });
      }
    }
    return timers;
  }

  happen(what: StepName): void {
    if (this.#end !== undefined) return;
    switch (what) {
      case 'abort':
        this.#finish('CANCELLED');
        return;
      case 'return':
        this.#finish('stopped');
        return;
      case 'close':
        this.#closed = true;
        for (const attempt of [...this.#live]) {
          if (attempt.ended) continue;
          this.#wireEnd(attempt);
          attempt.held = undefined; // what was not read is dropped, and the stream's error known at once or with the stream
          if (this.#order.slow && streamsBack(this.#order.kind) && this.#now < attempt.startedAt + slowness) {
            attempt.held = [() => this.#finish('CANCELLED')];
          } else this.#finish('CANCELLED');
        }
        return;
      default:
        if (isServer(what)) this.#serve(what);
    }
  }

  #serve(what: ServerStep): void {
    const attempt = this.#live.findLast((one) => !one.ended);
    if (attempt === undefined) return;
    const { kind, wire } = this.#order;
    if (what === 'headers' || (what === 'message' && wire.headersFirst)) this.#headers(attempt);
    if (what === 'message' && streamsBack(kind)) {
      this.#known(attempt, () => {
        this.#commit(attempt);
        this.#messages += 1;
      });
    } else if (what === 'message') {
      attempt.messages += 1;
      if (attempt.messages > 1 && !wire.oneMessage) {
        this.#wireEnd(attempt);
        this.#finish('UNIMPLEMENTED');
      }
    } else if (what === 'trailers') {
      this.#wireEnd(attempt);
      this.#known(attempt, () => {
        if (streamsBack(kind)) this.#finish('ok');
        else if (attempt.messages > 0 || wire.oneMessage) {
          this.#messages = 1;
          this.#finish('ok');
        } else this.#finish('UNIMPLEMENTED');
      });
    } else if (what === 'failure') {
      this.#wireEnd(attempt);
      this.#known(attempt, () => {
        if (kind === 'unary' && attempt.headers) this.#finish('UNAVAILABLE');
        else this.#fail(attempt, 'UNAVAILABLE');
      });
    }
  }

  #headers(attempt: ModelAttempt): void {
    if (!this.#order.wire.headersSeen) return;
    attempt.headers = true;
    if (this.#streams) this.#commit(attempt);
  }

  #known(attempt: ModelAttempt, fn: () => void): void {
    const run = (): void => {
      if (this.#end === undefined && this.#live.includes(attempt)) fn();
    };
    if (attempt.held === undefined) run();
    else attempt.held.push(run);
  }

  #wireEnd(attempt: ModelAttempt): void {
    attempt.ended = true;
  }

  #commit(attempt: ModelAttempt): void {
    this.#committed ??= attempt;
  }

  #begin(): void {
    this.#attempts += 1;
    if (this.#closed) {
      this.#finish('CANCELLED');
      return;
    }
    const held = this.#order.slow && streamsBack(this.#order.kind) ? [] : undefined;
    this.#live.push({ startedAt: this.#now, headers: false, messages: 0, ended: false, held });
  }

  #fail(attempt: ModelAttempt, end: End): void {
    this.#live = this.#live.filter((one) => one !== attempt);
    if (this.#committed !== undefined) this.#finish(end);
    else if (this.#order.retry && this.#attempts < 2) this.#retryAt = this.#now + backoff;
    else if (this.#live.length === 0) this.#finish(end);
  }

  #finish(end: End): void {
    this.#end ??= end;
  }
}

const kinds: readonly MethodKind[] = ['unary', 'server', 'client', 'bidi'];

export interface OrderTerms {
  readonly kinds?: readonly MethodKind[];
  readonly wire: WireTraits;
  /** Steps that this wire's peers can take. */
  readonly steps?: readonly StepName[];
  readonly joins?: boolean;
  readonly plain?: boolean;
}

/**
 * Every sequence of steps up to four, by number, each kind of call after the other; behind those, longer ones by chance. The
 * other terms of an order are drawn from its number, so that a number says all.
 */
export function orderOf(number: number, terms: OrderTerms): Order {
  const { wire, joins = true, plain = false } = terms;
  const random = seededRandom(`order ${number}`);
  const allowed = terms.kinds ?? kinds;
  const kind = allowed[number % allowed.length] as MethodKind;
  const names = (terms.steps ?? [...serverSteps, ...callerSteps, ...timerSteps]).filter(
    (name) => (name !== 'return' || streamsBack(kind)) && (name !== 'hedge' || (kind === 'unary' && !plain)),
  );
  const drawn = stepsOf(Math.floor(number / allowed.length), names, random);
  const hedged = drawn.includes('hedge');
  // A hedge needs two addresses, and with a deadline two addresses share its time in a way of their own.
  const steps = drawn
    .filter((what, at) => isServer(what) || drawn.indexOf(what) === at)
    .filter((what) => !hedged || (what !== 'deadline' && what !== 'attempt timeout'))
    .map((what, at): Step => ({ what, joined: joins && at > 0 && random.chance(0.25) }))
    .map((step, at, all) => ({ ...step, joined: step.joined && mayJoin(all[at - 1] as Step, step) }));
  return {
    number,
    kind,
    steps,
    retry: random.chance(0.7),
    late: random.chance(0.3) && streamsBack(kind),
    slow: random.chance(0.3) && !plain,
    addresses: hedged ? [1, 2] : random.chance(0.5) ? 1 : [1],
    wire,
  };
}

function mayJoin(before: Step, step: Step): boolean {
  return isServer(before.what) && (isServer(step.what) || isCaller(step.what));
}

function stepsOf(number: number, names: readonly StepName[], random: SeededRandom): StepName[] {
  let rest = number;
  for (let length = 1; length <= 4; length++) {
    const count = names.length ** length;
    if (rest < count) {
      return Array.from({ length }, (_, at) => names[Math.floor(rest / names.length ** at) % names.length] as StepName);
    }
    rest -= count;
  }
  return Array.from({ length: 5 + random.int(5) }, () => random.pick(names));
}

export function shownOrder({ number, kind, steps, wire: _wire, ...terms }: Order): string {
  const text = steps.map(({ what, joined }) => (joined ? `+${what}` : what)).join(' ');
  return `order ${number}: ${kind} ${text} ${JSON.stringify(terms)}`;
}
