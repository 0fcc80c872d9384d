/** The wire of a client's subscriptions over one call that streams both ways: any transport that has such calls carries it. */
import type { ClientFrame, ServerFrame } from '../../gen/hawser/subscription/v1/subscription.js';
import { Subscriptions } from '../../gen/hawser/subscription/v1/subscription.rpc.js';
import { outsideCalls } from '../call/current.js';
import { isRpcError, RpcError } from '../call/rpc-error.js';
import type { MethodType } from '../contract/method.js';
import { readServerFrame } from '../subscription/subscriber/server-frame.js';
import type { Wire, WireEnd } from '../subscription/subscriber/wire.js';
import { type Bound, invokeStream } from './invoke.js';
import type { StreamCall } from './types.js';

const { connect } = Subscriptions.methods;
/**
 * The method that is called, its answers read faster than the generated code can. Its name is none that a service's method
 * can have: what the client's options say of a method `connect` is not said of this one.
 */
export const connectMethod: MethodType = {
  ...connect,
  localName: '$connect',
  response: { ...connect.response, decode: readServerFrame },
};

/** Opens the call of `connectMethod`. It belongs to nobody's call, though a handler may have subscribed: others share it. */
export function openCallWire(bound: Bound, end: WireEnd): Wire {
  return outsideCalls(() => new CallWire(bound, end));
}

class CallWire implements Wire {
  readonly #end: WireEnd;
  readonly #stream: StreamCall<unknown>;
  #waiting: ((result: IteratorResult<ClientFrame>) => void) | undefined;
  #closed = false;
  /** What is still to be said is said, and nothing else is wanted. */
  #leaving = false;
  readonly #over: Promise<void>;

  constructor(bound: Bound, end: WireEnd) {
    this.#end = end;
    this.#stream = invokeStream(bound, { [Symbol.asyncIterator]: () => ({ next: () => this.#next() }) }, undefined);
    this.#over = this.#read();
  }

  wake(): void {
    const waiting = this.#waiting;
    if (waiting === undefined) return;
    const frame = this.#end.take();
    if (frame === undefined && !this.#leaving) return;
    this.#waiting = undefined;
    waiting(frame === undefined ? { done: true, value: undefined } : { done: false, value: frame });
  }

  /** The server ends the stream when it has read to the end of this side of it. */
  leave(): Promise<void> {
    this.#leaving = true;
    this.wake();
    return this.#over;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#waiting?.({ done: true, value: undefined });
    this.#waiting = undefined;
    void this.#stream.return();
  }

  /** Asked for when the transport took the last frame. */
  #next(): Promise<IteratorResult<ClientFrame>> {
    if (this.#closed) return Promise.resolve({ done: true, value: undefined });
    const frame = this.#end.take();
    if (frame !== undefined) return Promise.resolve({ done: false, value: frame });
    if (this.#leaving) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  async #read(): Promise<void> {
    let error: RpcError | undefined;
    try {
      for await (const frame of this.#stream) {
        if (this.#closed) return;
        this.#end.received(frame as ServerFrame);
      }
    } catch (thrown) {
      error = isRpcError(thrown)
        ? thrown
        : new RpcError('INTERNAL', `the subscription stream failed: ${String(thrown)}`, { cause: thrown });
    }
    if (this.#closed) return;
    this.close();
    this.#end.lost(error);
  }
}
