/**
 * What stages do with an answer on its way out. Each promise costs the hooks of AsyncLocalStorage, more than most stages
 * themselves; so a stage of ours leaves a step at the call and returns the promise of the next stage as it is, and whoever
 * waits for the answer takes the steps of all stages within in one reaction. Interceptors of the user's see none of this:
 * what they are given is a handler whose promise is the answer.
 */
import type { Call } from './call.js';
import { begun, type Handler, type Interceptor } from './interceptor.js';
import { isPromise } from './is-promise.js';

/** Both return what the answer is from here on out, or a promise of it, or throw what the call fails with. */
export interface AnswerStep {
  /** The step of a stage further out. */
  outer: AnswerStep | undefined;
  answered(response: unknown, call: Call): unknown;
  failed(error: unknown, call: Call): unknown;
}

/** What a method's stage does with every answer, where that needs to know no more of the call. */
export type AnswerStage = Omit<AnswerStep, 'outer'>;

/** By each whole handler, the one that leaves its steps to whoever calls it. */
const bare = new WeakMap<Handler, Handler>();

/**
 * A stage that leaves steps, or at least lets those of the stages within pass: it returns what `next` returns. That may be
 * no promise and `next` may throw, as handlers of the user's do; and what comes of it is not the answer yet, so whoever
 * looks at more than whether it has come asks `answerFrom(next, call)`, and so does who calls `next` later.
 */
export function sharing(interceptor: Interceptor): Interceptor {
  return (method, next) => {
    const inner = bare.get(next) ?? next;
    const handler = interceptor(method, inner);
    if (handler === inner) return next;
    const whole: Handler = (call) => answerFrom(handler, call);
    bare.set(whole, handler);
    return whole;
  };
}

/** Before the stage calls the next one. */
export function leaveStep(call: Call, step: AnswerStep): void {
  step.outer = call.step;
  call.step = step;
}

export function leaveStage(call: Call, { answered, failed }: AnswerStage): void {
  call.step = { outer: call.step, answered, failed };
}

/** Begins a call, as `begun` does. The promise is the answer, after all steps. */
export function answerFrom(handler: Handler, call: Call): Promise<unknown> {
  return taken(handler, call, call.step);
}

/** Begins a call; `last` is told of the answer, as `answerFrom(handler, call).then` would. */
export function answerTo(handler: Handler, call: Call, last: AnswerStep): void {
  const outside = call.step;
  leaveStep(call, last);
  taken(handler, call, outside);
}

/** Begins a call, and takes the steps that are left within `end`. */
function taken(handler: Handler, call: Call, end: AnswerStep | undefined): Promise<unknown> {
  const promise = begun(bare.get(handler) ?? handler, call);
  const first = call.step;
  if (first === end) return promise;
  call.step = end;
  return promise.then(
    (response) => passed(first, end, call, false, response),
    (error: unknown) => passed(first, end, call, true, error),
  );
}

/** Takes the steps from `first` on out, up to `end`. */
function passed(
  first: AnswerStep | undefined,
  end: AnswerStep | undefined,
  call: Call,
  hasFailed: boolean,
  value: unknown,
): unknown {
  let failed = hasFailed;
  let answer = value;
  for (let step = first; step !== undefined && step !== end; step = step.outer) {
    try {
      answer = failed ? step.failed(answer, call) : step.answered(answer, call);
      failed = false;
    } catch (error) {
      answer = error;
      failed = true;
    }
    if (!failed && isPromise(answer)) {
      const { outer } = step;
      return answer.then(
        (response) => passed(outer, end, call, false, response),
        (error: unknown) => passed(outer, end, call, true, error),
      );
    }
  }
  if (failed) throw answer;
  return answer;
}
