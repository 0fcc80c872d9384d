/** How a call ends, and who is told: it is aborted when nobody waits for it any more, and finished once it has its outcome. */
import type { RpcError } from './rpc-error.js';

export abstract class Lifetime {
  #aborted: RpcError | undefined;
  #finished = false;
  #controller: AbortController | undefined;
  /** Most calls have one listener: one alone needs no set. */
  #onAbort: ((reason: RpcError) => void) | Set<(reason: RpcError) => void> | undefined;
  #onFinish: (() => void)[] | undefined;

  /** Gives back what the call has taken, before listeners hear of its end. */
  protected abstract release(): void;

  /** Aborted when nobody waits for this call any more. Its reason is an RpcError. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#aborted !== undefined) this.#controller.abort(this.#aborted);
    }
    return this.#controller.signal;
  }

  /** Why the call was aborted, if it was. */
  get aborted(): RpcError | undefined {
    return this.#aborted;
  }

  get finished(): boolean {
    return this.#finished;
  }

  /** Ends the call early. Does nothing once it is finished or aborted. */
  abort(reason: RpcError): void {
    if (this.#finished || this.#aborted !== undefined) return;
    this.#aborted = reason;
    this.#controller?.abort(reason);
    const listeners = this.#onAbort;
    this.#onAbort = undefined;
    if (listeners !== undefined) tell(typeof listeners === 'function' ? [listeners] : listeners, reason);
  }

  /** Like a listener on `signal`, without the cost of one. Runs at once when already aborted. Returns what removes it. */
  onAbort(fn: (reason: RpcError) => void): () => void {
    if (this.#aborted !== undefined) {
      fn(this.#aborted);
      return () => {};
    }
    if (this.#finished) return () => {};
    const listeners = this.#onAbort;
    if (listeners === undefined) this.#onAbort = fn;
    else if (typeof listeners === 'function') this.#onAbort = new Set([listeners, fn]);
    else listeners.add(fn);
    return () => this.#offAbort(fn);
  }

  #offAbort(fn: (reason: RpcError) => void): void {
    const listeners = this.#onAbort;
    if (listeners === fn) this.#onAbort = undefined;
    else if (typeof listeners === 'object') listeners.delete(fn);
  }

  /** How many would be told of an abort now; the signal, once made, counts by itself. */
  get abortListeners(): number {
    const listeners = this.#onAbort;
    return typeof listeners === 'function' ? 1 : (listeners?.size ?? 0);
  }

  /** Runs `fn` when the call is over, however it ends; at once if it is. */
  onFinish(fn: () => void): void {
    if (this.#finished) fn();
    else {
      this.#onFinish ??= [];
      this.#onFinish.push(fn);
    }
  }

  /** The call has its outcome: timers and listeners go. */
  finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#onAbort = undefined;
    this.release();
    const listeners = this.#onFinish;
    this.#onFinish = undefined;
    if (listeners !== undefined) tell(listeners, undefined);
  }
}

/** One listener that throws keeps no other from what it has to free. It has no caller who could hear of it. */
export function tell<T>(listeners: Iterable<(value: T) => void>, value: T): void {
  for (const fn of listeners) {
    try {
      fn(value);
    } catch (error) {
      const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
      process.emitWarning(`a listener of a call failed: ${text}`, { code: 'HAWSER_LISTENER_FAILED' });
    }
  }
}
