/**
 * The sending end of a stream: pulls messages from what the user gave and writes each, waiting
 * when the wire is full. When the call is aborted, or has its outcome before everything was sent,
 * it stops at once, even while the user's iterator is still thinking, and tells that iterator so.
 */
import type { Call } from './call.js';
import { isPromise } from './is-promise.js';
import { isPushSource, type PushSource, pushes } from './push-source.js';

const same = (error: unknown): unknown => error;

export type Source<T> = AsyncIterable<T> | Iterable<T>;

/**
 * Resolves when the source is exhausted or the call is finished; rejects with what `failed` makes of what the source threw, or
 * with the abort's reason. `write` may return a promise to wait for. Each message costs the promise of the source and no other;
 * one that is iterated without promises costs none.
 */
export function pump<T>(
  call: Call,
  source: Source<T>,
  write: (item: T) => Promise<void> | undefined,
  failed: (error: unknown) => unknown = same,
): Promise<void> {
  if (isPushSource<T>(source)) return pumpPushed(call, source, write);
  return new Promise((resolve, reject) => {
    const iterator = open(source);
    let stopped = false;
    const stop = (): void => {
      if (stopped) return;
      stopped = true;
      tellReturned(iterator);
    };
    const removeListener = call.onAbort((reason) => {
      stop();
      reject(reason);
    });
    call.onFinish(() => {
      if (stopped) return;
      stop();
      resolve();
    });
    const run = async (): Promise<void> => {
      while (!stopped) {
        let pulled: IteratorResult<T>;
        try {
          const next = iterator.next();
          pulled = isPromise(next) ? await next : next;
        } catch (error) {
          throw failed(error);
        }
        if (stopped) return;
        if (pulled.done === true) break;
        const full = write(pulled.value);
        if (full !== undefined) await full;
      }
    };
    run().then(
      () => {
        stopped = true;
        removeListener();
        resolve();
      },
      (error: unknown) => {
        removeListener();
        stop();
        reject(error);
      },
    );
  });
}

function pumpPushed<T>(
  call: Call,
  source: PushSource<T>,
  write: (item: T) => Promise<void> | undefined,
): Promise<void> {
  return new Promise((resolve, reject) => {
    let stopped = false;
    const stop = (): void => {
      if (stopped) return;
      stopped = true;
      tellReturned(source);
    };
    const removeListener = call.onAbort((reason) => {
      stop();
      reject(reason);
    });
    call.onFinish(() => {
      stop();
      resolve();
    });
    source[pushes](write).finally(removeListener).then(resolve, reject);
  });
}

/**
 * Tells a user's iterator that nothing more is wanted. Not awaited: a generator that is suspended inside answers only
 * when it gets on. What it throws, a generator that is running does at once, is no news to a call that is over.
 */
export function tellReturned(iterator: AsyncIterator<unknown> | Iterator<unknown>): void {
  try {
    void Promise.resolve(iterator.return?.()).catch(() => {});
  } catch {
    // as above
  }
}

function open<T>(source: Source<T>): AsyncIterator<T> | Iterator<T> {
  return Symbol.asyncIterator in source ? source[Symbol.asyncIterator]() : source[Symbol.iterator]();
}
