/** From the beginning of a call to its end, once, whatever the kind: an answer, the last message, a failure, a reader that went away. */
import { answerFrom } from '../call/answer-steps.js';
import type { Call } from '../call/call.js';
import type { Clock } from '../call/clock.js';
import type { Handler } from '../call/interceptor.js';
import { streamsResponse } from '../contract/method.js';

export interface Watcher {
  /** Runs a step of the call: its beginning, and each `next()` of its response. */
  run<T>(step: () => T): T;
  /** The call is over; with what it failed with. Called once. */
  end(error: unknown): void;
}

/** ms; a stream that has arrived, and that nobody reads to its end, is over then. */
const unread = 10_000;

/** Runs `next` under a watcher. */
export function watch(call: Call, next: Handler, watcher: Watcher, clock: Clock): Promise<unknown> {
  let ended = false;
  let cancelTimer: (() => void) | undefined;
  const end = (error: unknown): void => {
    if (ended) return;
    ended = true;
    cancelTimer?.();
    watcher.end(error);
  };
  const many = streamsResponse(call.method.kind);
  call.onFinish(() => {
    if (ended) return;
    if (call.aborted !== undefined) end(call.aborted);
    // All has arrived; how it ended is known to whoever reads it.
    else if (many) cancelTimer = clock.setTimer(() => end(undefined), unread);
  });
  return watcher
    .run(() => answerFrom(next, call))
    .then(
      (value) => {
        if (many) return new WatchedStream(value as AsyncIterable<unknown>, watcher, end);
        end(undefined);
        return value;
      },
      (error: unknown) => {
        end(error);
        throw error;
      },
    );
}

/** Looks on; adds no promise to what the reader waits for. */
class WatchedStream implements AsyncIterableIterator<unknown> {
  readonly #source: AsyncIterator<unknown>;
  readonly #watcher: Watcher;
  readonly #step: () => Promise<IteratorResult<unknown>>;
  readonly #seen: (result: IteratorResult<unknown>) => void;
  readonly #end: (error: unknown) => void;

  constructor(stream: AsyncIterable<unknown>, watcher: Watcher, end: (error: unknown) => void) {
    this.#source = stream[Symbol.asyncIterator]();
    this.#watcher = watcher;
    this.#end = end;
    this.#step = () => this.#source.next();
    this.#seen = ({ done }) => {
      if (done === true) end(undefined);
    };
  }

  next(): Promise<IteratorResult<unknown>> {
    const result = this.#watcher.run(this.#step);
    result.then(this.#seen, this.#end);
    return result;
  }

  return(): Promise<IteratorResult<unknown>> {
    return this.#source.return?.() ?? Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }
}
