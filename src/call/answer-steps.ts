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

/** Handlers of the second kind, by those of the first that do the same. */
const leaving = new WeakMap<Handler, Handler>();

/**
 * A stage that leaves steps, or at least lets those pass of the stages within: it returns the promise of `next` and does not
 * look at what comes of it. Whoever does look asks `answerOf(next, call)`.
 */
export function sharing(interceptor: Interceptor): Interceptor {
  return (method, next) => {
    const inner = leaving.get(next) ?? next;
    const handler = interceptor(method, inner);
    if (handler === inner) return next;
    const whole: Handler = (call) => answerOf(handler, call);
    leaving.set(whole, handler);
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
export function answerOf(handler: Handler, call: Call): Promise<unknown> {
  const outside = call.step;
  const promise = begun(leaving.get(handler) ?? handler, call);
  const first = call.step;
  if (first === outside) return promise;
  call.step = outside;
  return promise.then(
    (response) => passed(first, outside, call, false, response),
    (error: unknown) => passed(first, outside, call, true, error),
  );
}

/** Begins a call; `last` is told of the answer, as `answerOf(handler, call).then` would. */
export function answerTo(handler: Handler, call: Call, last: AnswerStep): void {
  leaveStep(call, last);
  const outside = last.outer;
  const promise = begun(leaving.get(handler) ?? handler, call);
  const first = call.step;
  call.step = outside;
  promise.then(
    (response) => passed(first, outside, call, false, response),
    (error: unknown) => passed(first, outside, call, true, error),
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
