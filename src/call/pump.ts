/**
 * The sending end of a stream: pulls messages from what the user gave and writes each, waiting
 * when the wire is full. When the call is aborted, or has its outcome before everything was sent,
 * it stops at once, even while the user's iterator is still thinking, and tells that iterator so.
 */
import type { Call } from './call.js';
import { isPushSource, type PushSource, pushes } from './push-source.js';

export type Source<T> = AsyncIterable<T> | Iterable<T>;

/**
 * Resolves when the source is exhausted or the call is finished; rejects with what the source threw, or with the
 * abort's reason. `write` may return a promise to wait for.
 */
export function pump<T>(call: Call, source: Source<T>, write: (item: T) => Promise<void> | undefined): Promise<void> {
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
        const { done, value } = await iterator.next();
        if (stopped) return;
        if (done === true) break;
        const full = write(value);
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
